"""What the pages of voice agents show, as plain values. None of them holds the secret."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from agents.builtin.place import is_builtin
from agents.dialects.registry import DIALECTS
from agents.fitness import idle_settings
from agents.formats import AudioFormat, Encoding
from agents.meaning import Direction, FormatMeaning, format_meaning
from agents.models import VoiceAgent
from audiocodecs.catalogue import CATALOGUE
from audiocodecs.chips import Chip, chip
from audiocodecs.models import PlatformSettings
from audiocodecs.negotiation import AgentLists, plan_lists
from callengine.core.directory import AgentPlace
from connections.models import Connection
from dashboard.agents.trial import Trial
from dashboard.codecs.shown import CodecChips, codec_chips
from dashboard.parts.shown import Badge
from trunks.models import Number, Route

USES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One row of the list of agents."""

    agent: VoiceAgent
    state: Badge
    speaks: str
    is_ours: bool
    codecs: CodecChips


@dataclass(frozen=True, slots=True)
class AgentUses:
    """What leads to an agent: the first few of each kind, and how many there are."""

    numbers: Sequence[Number]
    routes: Sequence[Route]
    connections: Sequence[Connection]
    number_count: int
    route_count: int
    connection_count: int

    @property
    def any(self) -> bool:
        """Whether anything does."""
        return bool(self.number_count or self.route_count or self.connection_count)


@dataclass(frozen=True, slots=True)
class MeaningLine:
    """Codecs that fare alike with a format, and how."""

    chips: tuple[Chip, ...]
    text: str
    is_untouched: bool


@dataclass(frozen=True, slots=True)
class ShownMeaning:
    """What a format means for a list of codecs."""

    lines: tuple[MeaningLine, ...]
    remark: str


@dataclass(frozen=True, slots=True)
class ShownTrial:
    """What came of a trial, and when."""

    trial: Trial
    at: dt.datetime
    expires_at: dt.datetime | None


def state_of(agent: VoiceAgent) -> Badge:
    """Return whether an agent takes calls, as a badge."""
    return Badge("Enabled", "up") if agent.enabled else Badge("Disabled", "idle")


def speaks(agent: VoiceAgent) -> str:
    """Return what an agent speaks, in the words of its vendor."""
    kind = DIALECTS.get(agent.dialect)
    return kind.label if kind else agent.dialect


def is_ours(agent: VoiceAgent) -> bool:
    """Return whether this is the agent that comes with the product."""
    return is_builtin(agent.url, settings.VOIPNUMBER_BUILTIN_AGENT)


def agent_rows(agents: Iterable[VoiceAgent]) -> list[AgentRow]:
    """Return the rows of a list. One query, for the platform list."""
    platform = PlatformSettings.load().codec_names
    return [
        AgentRow(
            agent=agent,
            state=state_of(agent),
            speaks=speaks(agent),
            is_ours=is_ours(agent),
            codecs=codec_chips(agent.codecs, following(platform, agent)),
        )
        for agent in agents
    ]


def uses_of(agent: VoiceAgent) -> AgentUses:
    """Return what leads to an agent. Six queries."""
    numbers: QuerySet[Number] = Number.objects.filter(agent=agent)
    routes: QuerySet[Route] = Route.objects.filter(last_resort_agent=agent)
    connections: QuerySet[Connection] = Connection.objects.filter(agent=agent)
    return AgentUses(
        list(numbers[:USES_SHOWN]),
        list(routes[:USES_SHOWN]),
        list(connections[:USES_SHOWN]),
        numbers.count(),
        routes.count(),
        connections.count(),
    )


def idle(agent: VoiceAgent) -> list[str]:
    """Return the sentences on settings that are given and that the agent is not told."""
    return list(idle_settings(agent).values())


def meaning_of(codecs: Sequence[str], encoding: str, direction: Direction) -> ShownMeaning:
    """Return what a format means for calls on these codecs; unknown ones are left out.

    Raises ValueError for an encoding that there is not.
    """
    names = [name for name in dict.fromkeys(codecs) if name in CATALOGUE]
    told: FormatMeaning = format_meaning(names, AudioFormat(Encoding(encoding)), direction)
    lines = tuple(
        MeaningLine(tuple(map(chip, line.codecs)), line.text, line.is_untouched)
        for line in told.lines
    )
    return ShownMeaning(lines, told.remark)


def offered(agent: VoiceAgent) -> tuple[str, ...]:
    """Return the codecs that a caller's leg may have, in the order they are tried. One query."""
    return tuple(agent.codecs) or following(PlatformSettings.load().codec_names, agent)


def following(platform: Sequence[str], agent: VoiceAgent) -> tuple[str, ...]:
    """Return the platform list as it holds for an agent without a list of its own."""
    place = AgentPlace(agent.name, input=Encoding(agent.input_encoding))
    lists = AgentLists(agent.name, untouched=place.untouched)
    return plan_lists(source=None, destination=lists, platform=platform).vn_a


def meanings_of(agent: VoiceAgent) -> dict[str, ShownMeaning]:
    """Return what both formats mean for calls to an agent, as they are stored. One query."""
    codecs = offered(agent)
    return {
        "input_meaning": meaning_of(codecs, agent.input_encoding, "input"),
        "output_meaning": meaning_of(codecs, agent.output_encoding, "output"),
    }


def present_trial(trial: Trial, *, now: dt.datetime) -> ShownTrial:
    """Return a trial as it is shown."""
    return ShownTrial(trial, now, _moment(trial.expires_at))


def _moment(unix_time: Any) -> dt.datetime | None:
    """Return a time that a stranger named, unless it is none."""
    try:
        return dt.datetime.fromtimestamp(unix_time, dt.UTC) if unix_time else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None
