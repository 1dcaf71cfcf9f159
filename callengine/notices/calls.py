"""What engines tell pages of a call."""

from dataclasses import dataclass

from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    QualitySnapshot,
)
from callengine.notices.wire import notice


@notice("call.changed")
@dataclass(frozen=True, slots=True)
class CallChanged:
    """A call as it now is; without its timeline where it is one of many."""

    call: CallSnapshot


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
