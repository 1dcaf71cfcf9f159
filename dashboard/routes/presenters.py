"""Where a number would go, as the page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from agents.models import VoiceAgent
from audiocodecs.chips import Chip, chip
from callengine.directory.whereto import NOBODY, TrunkStep, Turn, WhereTo, where_to
from connections.models import Connection
from trunks.models import Number, Route, Trunk
from trunks.parties import NamedParty
from trunks.states import with_standing
from trunks.validators import PREFIX


@dataclass(frozen=True, slots=True)
class TrunkWay:
    """One trunk on the way."""

    step: TrunkStep
    row: Trunk
    vn_a: tuple[Chip, ...]
    vn_b: tuple[Chip, ...]


@dataclass(frozen=True, slots=True)
class TurnWay:
    """A voice agent or test destination on the way, or whoever comes after one."""

    turn: Turn
    when: str
    "In which case it is this one's turn."
    agent_id: int | None
    vn_a: tuple[Chip, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """The answer to where a number would go."""

    to: WhereTo
    caller: str
    vn_a: tuple[Chip, ...]
    vn_b: tuple[Chip, ...]
    trunks: tuple[TrunkWay, ...]
    turns: tuple[TurnWay, ...]
    "From the first voice agent or test destination on."
    connection: Connection | None
    number_id: int | None
    route_id: int | None

    @property
    def can_be_prefix(self) -> bool:
        """Whether a route could begin with what was dialled."""
        return PREFIX.match(self.to.dialled) is not None


def way_of(*, number: str, party: NamedParty | None, offer: Sequence[str]) -> Way:
    """Return the engine's plan for this number, with the rows it passes. About 18 queries."""
    to = where_to(
        number=number,
        # The form asks for nobody else.
        source_kind=party.kind if party and party.kind in ("connection", "trunk") else "external",
        source_name=party.key if party else "",
        offered=offer,
    )
    trunks = Trunk.objects.filter(name__in=[step.name for step in to.trunks])
    rows = {row.name: row for row in with_standing(trunks)}
    numbers, routes = Number.objects.filter(number=to.key), Route.objects.filter(prefix=to.key)
    return Way(
        to=to,
        caller=_caller(party),
        vn_a=_chips(to.vn_a),
        vn_b=_chips(to.vn_b),
        trunks=tuple(
            TrunkWay(step, rows[step.name], _chips(step.vn_a), _chips(step.vn_b))
            for step in to.trunks
            if step.name in rows
        ),
        turns=_turns(to.turns),
        connection=Connection.objects.filter(sip_user=to.connection).first(),
        number_id=_id(numbers) if to.match == "number" else None,
        route_id=_id(routes) if to.match == "route" else None,
    )


def _turns(turns: Sequence[Turn]) -> tuple[TurnWay, ...]:
    ends = ("agent", "test")
    first = next((at for at, turn in enumerate(turns) if turn.kind in ends), len(turns))
    names = [turn.name for turn in turns if turn.kind == "agent"]
    ids = dict(VoiceAgent.objects.filter(name__in=names).values_list("name", "pk"))
    return tuple(
        TurnWay(
            turns[at],
            _when(turns, at),
            ids.get(turns[at].name) if turns[at].kind == "agent" else None,
            _chips(turns[at].vn_a),
        )
        for at in range(first, len(turns))
    )


def _when(turns: Sequence[Turn], at: int) -> str:
    if turns[at].when == "busy":
        return "If somebody was busy, to"
    if at == 0:
        return "To"
    return "If it cannot be had, to" if turns[at - 1].kind == "agent" else "Then to"


def _caller(party: NamedParty | None) -> str:
    if party is None:
        return NOBODY
    if party.kind == "trunk":
        return f"Somebody calling in over {party.name}"
    return f"{party.name} (SIP user {party.key})"


def _chips(names: Sequence[str]) -> tuple[Chip, ...]:
    return tuple(chip(name) for name in names)


def _id(rows: QuerySet[Any]) -> int | None:
    return rows.values_list("pk", flat=True).first()
