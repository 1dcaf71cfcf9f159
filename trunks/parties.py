"""What people mean by a name: a connection by its SIP user, a trunk or voice agent by its name.

People read and write `Alice (alice)`, `carrier-one (trunk)`, `Echo test (*echo)`; files, addresses
of pages and the record have `connection:alice`, `trunk:carrier-one`, `test:echo`, which are taken
as well.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from sip.selftests import DIALLED_FORM, SelfTest, dialled_selftest, labelled_selftest
from trunks.models import Number
from trunks.validators import plain_number

Kind = Literal["connection", "trunk", "agent", "test"]
KINDS: tuple[Kind, ...] = ("connection", "trunk", "agent")
"Kinds that are rows."
PLACES: tuple[Kind, ...] = (*KINDS, "test")
"Kinds of places where calls end."
WORDS: dict[Kind, str] = {
    "connection": "connection",
    "trunk": "trunk",
    "agent": "voice agent",
    "test": "test destination",
}
_MODELS = {
    "connection": "connections.Connection",
    "trunk": "trunks.Trunk",
    "agent": "agents.VoiceAgent",
}
MAX_LENGTH = 180
"Of a text: a connection's name and SIP user, with their brackets, are up to 167 signs."
SUGGESTIONS = 12
_WORDED = re.compile(r"(?P<name>.*\S)\s*\((?P<key>[^()]+)\)\Z", re.DOTALL)
"`Alice (alice)`: no trunk, voice agent or SIP user has a bracket in its name."


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

    @property
    def words(self) -> str:
        """`Alice (alice)`, `carrier-one (trunk)`, `support (voice agent)`, `Echo test (*echo)`.

        No other party is written so.
        """
        return f"{self.name} ({self.shown_key or WORDS[self.kind]})"

    @property
    def brief(self) -> str:
        """As `words`, where there is no other kind."""
        return self.words if self.shown_key else self.name

    @property
    def shown_key(self) -> str:
        """What is dialled for it or written in its place, if that is not its name."""
        if self.kind == "test":
            return SelfTest(self.key).dialled
        return self.key if self.kind == "connection" else ""

    @property
    def kind_word(self) -> str:
        """`voice agent`."""
        return WORDS[self.kind]


def find_party(text: str, *, kinds: Iterable[Kind] = KINDS) -> NamedParty:
    """Return whom a text names: `alice`, `Alice (alice)`, `carrier-one`, `trunk:carrier-one`.

    What is nobody's SIP user or name is looked for regardless of case, among the names of
    connections, and among the numbers that lead to somebody. A query for each kind, and as many
    more for each of these; more to say what was perhaps meant. Raises ValidationError.
    """
    allowed, key = _split(text.strip(), tuple(kinds))
    if not key:
        raise ValidationError(f"Nothing is named; allowed: {_allowed(allowed)}.", code="required")
    if len(key) > MAX_LENGTH or "\x00" in key:
        raise ValidationError(f"Allowed: {_allowed(allowed)}, of up to 100 signs.", code="invalid")
    parties = _written(key, allowed) or _called(key, allowed) or _numbered(key, allowed)
    if len(parties) == 1:
        return parties[0]
    if parties:
        raise ValidationError(
            f"{key!r} may be any of {len(parties)}: write {_either(parties)}.", code="both"
        )
    raise ValidationError(
        f"Nobody here is {key!r}; allowed: {_allowed(allowed)}.{_perhaps(key, allowed)}",
        code="unknown",
    )


def in_words(text: str, *, kinds: tuple[Kind, ...]) -> str:
    """Return `connection:alice`, as addresses of pages have it, as a field of these kinds has it.

    Any other text, and what names nobody, stays as it is.
    """
    kind, colon, _ = text.partition(":")
    if not colon or kind.strip().lower() not in kinds:
        return text
    try:
        party = find_party(text, kinds=kinds)
    except ValidationError:
        return text
    return party.words if len(kinds) > 1 else party.brief


def _written(key: str, kinds: tuple[Kind, ...]) -> list[NamedParty]:
    """Return those who are written just so."""
    parties = [party for kind in _stored(kinds) for party in _parties(kind, _exactly(kind, key))]
    if "test" in kinds:
        dialled = dialled_selftest(f"*{key}" if kinds == ("test",) else key)
        parties += [selftest_party(dialled)] if dialled is not None else []
    worded = _WORDED.match(key)
    if worded is None:
        return parties
    name, within = worded["name"], worded["key"].strip()
    if "connection" in kinds:
        parties += _parties("connection", Q(name=name, sip_user=within))
    for kind in _stored(kinds):
        if within.lower() == WORDS[kind]:
            parties += _parties(kind, _exactly(kind, name))
    selftest = dialled_selftest(within) if "test" in kinds else None
    if selftest is not None and selftest.label.lower() == name.lower():
        parties.append(selftest_party(selftest))
    return parties


def _called(key: str, kinds: tuple[Kind, ...]) -> list[NamedParty]:
    """Return those whom people call so."""
    conditions: dict[Kind, Q] = dict.fromkeys(KINDS, Q(name__iexact=key))
    conditions["connection"] |= Q(sip_user__iexact=key)
    parties = [party for kind in _stored(kinds) for party in _parties(kind, conditions[kind])]
    test = labelled_selftest(key.capitalize()) if "test" in kinds else None
    return [*parties, selftest_party(test)] if test is not None else parties


def _numbered(key: str, kinds: tuple[Kind, ...]) -> list[NamedParty]:
    """Return to whom a number leads."""
    numbers = Number.objects.select_related("connection", "trunk", "agent")
    row = numbers.filter(number=plain_number(key)).first()
    party = leads_to(row) if row is not None else None
    return [party] if party is not None and party.kind in kinds else []


def leads_to(number: Number) -> NamedParty | None:
    """Return where the calls of a number go; None if it has no place yet."""
    for kind in KINDS:
        if (row := getattr(number, kind)) is not None:
            return party_of(kind, row)
    return selftest_party(SelfTest(number.selftest)) if number.selftest else None


def _stored(kinds: tuple[Kind, ...]) -> list[Kind]:
    return [kind for kind in kinds if kind in KINDS]


def _either(parties: list[NamedParty]) -> str:
    *most, last = [party.words for party in parties]
    return f"{', '.join(most)} or {last}"


def suggestions(
    text: str, *, kinds: Iterable[Kind] = KINDS, most: int = SUGGESTIONS
) -> list[NamedParty]:
    """Return parties whose key or name holds this text, the first few. One query a kind."""
    allowed, key = _split(text.replace("\x00", "").strip()[:MAX_LENGTH], tuple(kinds))
    stored = _stored(allowed)
    parties = [party for kind in stored for party in _parties(kind, _holding(kind, key), most)]
    tests = [selftest_party(one) for one in SelfTest] if "test" in allowed else []
    return parties + [one for one in tests if key.lower() in f"{one.label} {one.words}".lower()]


def _split(text: str, kinds: tuple[Kind, ...]) -> tuple[tuple[Kind, ...], str]:
    word, colon, rest = text.partition(":")
    named = tuple(kind for kind in kinds if colon and kind == word.strip().lower())
    return (named, rest.strip()) if named else (kinds, text)


def selftest_party(selftest: SelfTest) -> NamedParty:
    """Return a test destination as the party it is."""
    return NamedParty("test", selftest, selftest.value, selftest.label)


def _allowed(kinds: tuple[Kind, ...]) -> str:
    of = {"connection": "the SIP user or name", "trunk": "the name", "agent": "the name"}
    words = [f"{of[kind]} of a {WORDS[kind]}" for kind in _stored(kinds)]
    *most, last = [*words, *([DIALLED_FORM] if "test" in kinds else [])]
    return f"{', '.join(most)} or {last}" if most else last


def _model(kind: Kind) -> type[models.Model]:
    # By name: connections, trunks and agents do not import each other.
    return apps.get_model(_MODELS[kind])


def _exactly(kind: Kind, key: str) -> Q:
    return Q(sip_user=key) if kind == "connection" else Q(name=key)


def _holding(kind: Kind, key: str) -> Q:
    if not key:
        return Q()
    worded = _WORDED.match(key)
    # What a field has been given is among what it offers.
    holding = Q(name__icontains=worded["name"] if worded else key)
    return holding | Q(sip_user__icontains=key) if kind == "connection" else holding


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
    return f" Perhaps {_either(near)}?" if len(near) > 1 else f" Perhaps {near[0].words}?"
