"""The states of a call and of its legs, and which event may lead from which to which. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from callengine.core.events import (
    AnswerOrdered,
    DialFailed,
    DigitReceived,
    Event,
    HangUpOrdered,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegMatched,
    LegProgress,
    LegWithoutMedia,
    RedirectDecided,
    TimePassed,
    TransferCalledOff,
    TransferExpected,
    TransferOrdered,
)

LegState = Literal["trying", "ringing", "up", "ended"]
"""How far a leg has come: `ringing` once its device said so, or was told so; `up` from its answer
on."""


class CallState(StrEnum):
    """Where a call stands; the words of the record, in the order in which a call passes them."""

    TRYING = "trying"
    RINGING = "ringing"
    EARLY_MEDIA = "early-media"
    ANSWERED = "answered"
    HELD = "held"
    ENDED = "ended"

    @property
    def label(self) -> str:
        """What a page calls it."""
        return "On hold" if self is CallState.HELD else self.value.replace("-", " ").capitalize()

    @property
    def is_setting_up(self) -> bool:
        """Whether nobody has answered yet and somebody still may."""
        return self in SETTING_UP

    @property
    def is_talking(self) -> bool:
        """Whether the call has been answered and has not ended, held or not."""
        return self in TALKING


SETTING_UP = frozenset({CallState.TRYING, CallState.RINGING, CallState.EARLY_MEDIA})
TALKING = frozenset({CallState.ANSWERED, CallState.HELD})

Moves = Mapping[CallState, frozenset[CallState]]


def _moves(
    *rows: tuple[frozenset[CallState] | CallState, frozenset[CallState] | CallState],
) -> Moves:
    moves: dict[CallState, frozenset[CallState]] = {}
    for sources, targets in rows:
        for source in sources if isinstance(sources, frozenset) else (sources,):
            more = targets if isinstance(targets, frozenset) else frozenset({targets})
            moves[source] = moves.get(source, frozenset()) | more
    return moves


_ANY = SETTING_UP | TALKING
_HOLD = ((CallState.ANSWERED, CallState.HELD), (CallState.HELD, CallState.ANSWERED))

ALLOWED: Mapping[type[Event], Moves] = {
    # RFC 3261 section 21.1: 180 and 183; early media (RFC 3960) may begin after ringing.
    LegProgress: _moves(
        (CallState.TRYING, frozenset({CallState.RINGING, CallState.EARLY_MEDIA})),
        (CallState.RINGING, CallState.EARLY_MEDIA),
    ),
    # What was offered, or sent as early media, may have been on hold.
    LegAnswered: _moves((SETTING_UP, TALKING)),
    # A callee that leaves during a transfer takes its hold along.
    LegEnded: _moves((_ANY, CallState.ENDED), (CallState.HELD, CallState.ANSWERED)),
    LegWithoutMedia: _moves((_ANY, CallState.ENDED)),
    DialFailed: _moves((_ANY, CallState.ENDED)),
    LegFailed: _moves((_ANY, CallState.ENDED)),
    # RFC 3264 section 8.4
    HoldChanged: _moves(*_HOLD),
    DigitReceived: _moves(),
    HangUpOrdered: _moves((_ANY, CallState.ENDED)),
    # RFC 3891 section 3: a dialog of ours that rings is replaced.
    AnswerOrdered: _moves((SETTING_UP, TALKING)),
    TransferExpected: _moves(),
    TransferOrdered: _moves(),
    # Who asked for it may have left meanwhile.
    TransferCalledOff: _moves((TALKING, CallState.ENDED)),
    # The new callee of a transfer may have put us on hold, or the old one had.
    LegMatched: _moves((TALKING, CallState.ENDED), *_HOLD),
    RedirectDecided: _moves((SETTING_UP, CallState.ENDED)),
    TimePassed: _moves((_ANY, CallState.ENDED)),
}
"""By event and state, the states a call may go to; it may stay in any. What is not here is a fault
of ours, and the machine asserts that it does not happen."""


def is_allowed(event: type[Event], before: CallState, after: CallState) -> bool:
    """Tell whether an event may lead a call from one state to another."""
    return after in ALLOWED[event].get(before, frozenset())
