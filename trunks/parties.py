"""What people mean by a name: a connection by its SIP user, a trunk by its name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

Kind = Literal["connection", "trunk"]
KINDS: tuple[Kind, ...] = ("connection", "trunk")
MAX_LENGTH = 120
SUGGESTIONS = 12


@dataclass(frozen=True, slots=True)
class NamedParty:
    """A connection or a trunk."""

    kind: Kind
    row: Any
    key: str
    "Its SIP user or trunk name."
    name: str
    "What people call it."

    @property
    def label(self) -> str:
        """`connection:alice` or `trunk:carrier-one`."""
        return f"{self.kind}:{self.key}"


def find_party(text: str, *, kinds: Iterable[Kind] = KINDS) -> NamedParty:
    """Return whom a text names: `alice`, `connection:alice`, `carrier-one`, `trunk:carrier-one`.

    Two queries, and two more to say what was perhaps meant. Raises ValidationError.
    """
    allowed, key = _split(text.strip(), tuple(kinds))
    if not key:
        raise ValidationError(f"Nothing is named; allowed: {_allowed(allowed)}.", code="required")
    if len(key) > MAX_LENGTH or "\x00" in key:
        raise ValidationError(f"Allowed: {_allowed(allowed)}, of up to 100 signs.", code="invalid")
    parties = [party for kind in allowed for party in _parties(kind, _exactly(kind, key))]
    if len(parties) == 1:
        return parties[0]
    if parties:
        both = " or ".join(party.label for party in parties)
        raise ValidationError(f"{key!r} is a connection and a trunk: write {both}.", code="both")
    raise ValidationError(
        f"Nobody here is {key!r}; allowed: {_allowed(allowed)}.{_perhaps(key, allowed)}",
        code="unknown",
    )


def suggestions(text: str, *, kinds: Iterable[Kind] = KINDS) -> list[NamedParty]:
    """Return parties whose key or name holds this text, the first few. One query a kind."""
    allowed, key = _split(text.replace("\x00", "").strip()[:MAX_LENGTH], tuple(kinds))
    return [party for kind in allowed for party in _parties(kind, _holding(kind, key))]


def _split(text: str, kinds: tuple[Kind, ...]) -> tuple[tuple[Kind, ...], str]:
    word, colon, rest = text.partition(":")
    named = tuple(kind for kind in kinds if colon and kind == word.strip().lower())
    return (named, rest.strip()) if named else (kinds, text)


def _allowed(kinds: tuple[Kind, ...]) -> str:
    words = {"connection": "the SIP user of a connection", "trunk": "the name of a trunk"}
    return " or ".join(words[kind] for kind in kinds)


def _model(kind: Kind) -> type[models.Model]:
    # By name: connections and trunks do not import each other.
    return apps.get_model(f"{kind}s", kind)


def _exactly(kind: Kind, key: str) -> Q:
    return Q(sip_user=key) if kind == "connection" else Q(name=key)


def _holding(kind: Kind, key: str) -> Q:
    if not key:
        return Q()
    if kind == "trunk":
        return Q(name__icontains=key)
    return Q(sip_user__icontains=key) | Q(name__icontains=key)


def _parties(kind: Kind, condition: Q) -> list[NamedParty]:
    rows = _model(kind)._default_manager.filter(condition)[:SUGGESTIONS]
    return [_party(kind, row) for row in rows]


def _party(kind: Kind, row: Any) -> NamedParty:
    return NamedParty(kind, row, row.sip_user if kind == "connection" else row.name, row.name)


def _perhaps(key: str, kinds: tuple[Kind, ...]) -> str:
    near = suggestions(key, kinds=kinds)[:3]
    if not near:
        return ""
    names = ", ".join(p.key if p.key == p.name else f"{p.key} ({p.name})" for p in near)
    return f" Perhaps {names}?"
