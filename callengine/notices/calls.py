"""What engines tell pages of a call."""

from dataclasses import dataclass

from callengine.core.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    QualitySnapshot,
    SpokenSnapshot,
)
from callengine.notices.wire import notice


@notice("call.changed")
@dataclass(frozen=True, slots=True)
class CallChanged:
    """A call as it now is; without its timeline where it is one of many."""

    call: CallSnapshot


@notice("call.stands")
@dataclass(frozen=True, slots=True)
class CallStands:
    """Whether a call is in progress, and whether it is heard: as much as it takes to count them."""

    call: str
    "UUID with hyphens."
    is_live: bool
    is_silent: bool = False
    "Whether it is in progress and no audio arrives from a party."


@notice("call.event")
@dataclass(frozen=True, slots=True)
class CallEventAdded:
    """A new line of a call's timeline."""

    event: EventSnapshot


@notice("call.messages")
@dataclass(frozen=True, slots=True)
class CallMessagesAdded:
    """New SIP messages of a call's ladder, masked."""

    messages: list[MessageSnapshot]


@notice("call.quality")
@dataclass(frozen=True, slots=True)
class CallQualityMeasured:
    """One second's statistics of a call, by the name of the leg."""

    quality: dict[str, QualitySnapshot]


@notice("calls.measured")
@dataclass(frozen=True, slots=True)
class CallsMeasured:
    """The figures of this second of all calls of an engine, for lists."""

    calls: dict[str, dict[str, list[float | None]]]
    "By UUID with hyphens and name of the leg: MOS, loss in percent; None: nothing is measured."


@notice("call.levels")
@dataclass(frozen=True, slots=True)
class CallLevelsHeard:
    """How loud a call's parties are now, 0 to 1, by the name of the leg."""

    levels: dict[str, float]


@notice("call.agents")
@dataclass(frozen=True, slots=True)
class CallAgentsChanged:
    """Sessions of a call's voice agents as they now are."""

    agents: list[AgentSnapshot]


@notice("call.spoken")
@dataclass(frozen=True, slots=True)
class CallSpoken:
    """Lines of what caller and voice agent said that are new or have changed."""

    lines: list[SpokenSnapshot]
