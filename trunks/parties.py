"""What people mean by a name: a connection by its SIP user, a trunk or voice agent by its name.

A test destination is meant by `test:echo` or by what is dialled for it, `*echo`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from sip.selftests import SELFTEST_FORM, SelfTest, dialled_selftest

Kind = Literal["connection", "trunk", "agent", "test"]
KINDS: tuple[Kind, ...] = ("connection", "trunk", "agent")
"Kinds that are rows."
PLACES: tuple[Kind, ...] = (*KINDS, "test")
"Kinds of places where calls end."
WORDS: dict[Kind, str] = {"connection": "connection", "trunk": "trunk", "agent": "voice agent"}
_MODELS = {
    "connection": "connections.Connection",
    "trunk": "trunks.Trunk",
    "agent": "agents.VoiceAgent",
}
MAX_LENGTH = 120
SUGGESTIONS = 12


@dataclass(frozen=True, slots=True)
class NamedParty:
    """A connection, a trunk, a voice agent, or a test destination."""

    kind: Kind
    row: Any
    key: str
    "Its SIP user, its name, or a word of `SelfTest`."
    name: str
    "What people call it."

    @property
    def label(self) -> str:
        """`connection:alice`, `trunk:carrier-one`, `agent:support` or `test:echo`."""
        return f"{self.kind}:{self.key}"


def find_party(text: str, *, kinds: Iterable[Kind] = KINDS) -> NamedParty:
    """Return whom a text names: `alice`, `connection:alice`, `carrier-one`, `trunk:carrier-one`.

    Two queries, and two more to say what was perhaps meant. Raises ValidationError.
    """
    allowed, key = _split(text.strip(), tuple(kinds))
    selftest = _selftest(key, allowed)
    if selftest is not None:
        return selftest
    if not key:
        raise ValidationError(f"Nothing is named; allowed: {_allowed(allowed)}.", code="required")
    if len(key) > MAX_LENGTH or "\x00" in key:
        raise ValidationError(f"Allowed: {_allowed(allowed)}, of up to 100 signs.", code="invalid")
    rows = [kind for kind in allowed if kind in KINDS]
    parties = [party for kind in rows for party in _parties(kind, _exactly(kind, key))]
    if len(parties) == 1:
        return parties[0]
    if parties:
        several = " and ".join(f"a {WORDS[party.kind]}" for party in parties)
        labels = " or ".join(party.label for party in parties)
        raise ValidationError(f"{key!r} is {several}: write {labels}.", code="both")
    raise ValidationError(
        f"Nobody here is {key!r}; allowed: {_allowed(allowed)}.{_perhaps(key, allowed)}",
        code="unknown",
    )


def suggestions(
    text: str, *, kinds: Iterable[Kind] = KINDS, most: int = SUGGESTIONS
) -> list[NamedParty]:
    """Return parties whose key or name holds this text, the first few. One query a kind."""
    allowed, key = _split(text.replace("\x00", "").strip()[:MAX_LENGTH], tuple(kinds))
    rows = [kind for kind in allowed if kind in KINDS]
    found = [party for kind in rows for party in _parties(kind, _holding(kind, key), most)]
    tests = [selftest_party(one) for one in SelfTest] if "test" in allowed else []
    return found + [
        one for one in tests if key.lower() in f"{one.label} *{one.key} {one.name}".lower()
    ]


def _split(text: str, kinds: tuple[Kind, ...]) -> tuple[tuple[Kind, ...], str]:
    word, colon, rest = text.partition(":")
    named = tuple(kind for kind in kinds if colon and kind == word.strip().lower())
    return (named, rest.strip()) if named else (kinds, text)


def selftest_party(selftest: SelfTest) -> NamedParty:
    """Return a test destination as the party it is."""
    return NamedParty("test", selftest, selftest.value, selftest.label)


def _selftest(key: str, kinds: tuple[Kind, ...]) -> NamedParty | None:
    """Return what `*echo` means, and `echo` after `test:`."""
    if "test" not in kinds:
        return None
    selftest = dialled_selftest(f"*{key}" if kinds == ("test",) else key)
    return selftest_party(selftest) if selftest is not None else None


def _allowed(kinds: tuple[Kind, ...]) -> str:
    of = {"connection": "the SIP user", "trunk": "the name", "agent": "the name"}
    words = [f"{of[kind]} of a {WORDS[kind]}" for kind in kinds if kind in KINDS]
    *most, last = [*words, *([SELFTEST_FORM] if "test" in kinds else [])]
    return f"{', '.join(most)} or {last}" if most else last


def _model(kind: Kind) -> type[models.Model]:
    # By name: connections, trunks and agents do not import each other.
    return apps.get_model(_MODELS[kind])


def _exactly(kind: Kind, key: str) -> Q:
    return Q(sip_user=key) if kind == "connection" else Q(name=key)


def _holding(kind: Kind, key: str) -> Q:
    if not key:
        return Q()
    named = Q(name__icontains=key)
    return named | Q(sip_user__icontains=key) if kind == "connection" else named


def _parties(kind: Kind, condition: Q, most: int = SUGGESTIONS) -> list[NamedParty]:
    rows = _model(kind)._default_manager.filter(condition)[:most]
    return [party_of(kind, row) for row in rows]


def party_of(kind: Kind, row: Any) -> NamedParty:
    """Return a row as the party it is."""
    return NamedParty(kind, row, row.sip_user if kind == "connection" else row.name, row.name)


def _perhaps(key: str, kinds: tuple[Kind, ...]) -> str:
    near = suggestions(key, kinds=kinds)[:3]
    if not near:
        return ""
    names = ", ".join(p.key if p.key == p.name else f"{p.key} ({p.name})" for p in near)
    return f" Perhaps {names}?"
