"""The states of a call, and which event may lead from which to which. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from callengine.core.events import (
    CallerMatched,
    DialFailed,
    DigitReceived,
    Event,
    HangUpOrdered,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegProgress,
    LegWithoutMedia,
    RedirectDecided,
    TimePassed,
    TransferOrdered,
)


class State(StrEnum):
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
        return self.value.replace("-", " ").capitalize()

    @property
    def is_setting_up(self) -> bool:
        """Whether nobody has answered yet and somebody still may."""
        return self in SETTING_UP

    @property
    def is_talking(self) -> bool:
        """Whether the call has been answered and has not ended, held or not."""
        return self in TALKING


SETTING_UP = frozenset({State.TRYING, State.RINGING, State.EARLY_MEDIA})
TALKING = frozenset({State.ANSWERED, State.HELD})

Moves = Mapping[State, frozenset[State]]


def _moves(*rows: tuple[frozenset[State] | State, frozenset[State] | State]) -> Moves:
    moves: dict[State, frozenset[State]] = {}
    for sources, targets in rows:
        for source in sources if isinstance(sources, frozenset) else (sources,):
            more = targets if isinstance(targets, frozenset) else frozenset({targets})
            moves[source] = moves.get(source, frozenset()) | more
    return moves


_ANY = SETTING_UP | TALKING
_HOLD = ((State.ANSWERED, State.HELD), (State.HELD, State.ANSWERED))

ALLOWED: Mapping[type[Event], Moves] = {
    # RFC 3261 section 21.1: 180 and 183; early media (RFC 3960) may begin after ringing.
    LegProgress: _moves(
        (State.TRYING, frozenset({State.RINGING, State.EARLY_MEDIA})),
        (State.RINGING, State.EARLY_MEDIA),
    ),
    LegAnswered: _moves((SETTING_UP, State.ANSWERED)),
    # A callee that leaves during a transfer takes its hold along.
    LegEnded: _moves((_ANY, State.ENDED), (State.HELD, State.ANSWERED)),
    LegWithoutMedia: _moves((_ANY, State.ENDED)),
    DialFailed: _moves((_ANY, State.ENDED)),
    LegFailed: _moves((_ANY, State.ENDED)),
    # RFC 3264 section 8.4
    HoldChanged: _moves(*_HOLD),
    DigitReceived: _moves(),
    HangUpOrdered: _moves((_ANY, State.ENDED)),
    TransferOrdered: _moves(),
    # The new callee of a transfer may have put us on hold, or the old one had.
    CallerMatched: _moves((TALKING, State.ENDED), *_HOLD),
    RedirectDecided: _moves((SETTING_UP, State.ENDED)),
    TimePassed: _moves((_ANY, State.ENDED)),
}
"""By event and state, the states a call may go to; it may stay in any. What is not here is a fault
of ours, and the machine asserts that it does not happen."""


def is_allowed(event: type[Event], before: State, after: State) -> bool:
    """Tell whether an event may lead a call from one state to another."""
    return after in ALLOWED[event].get(before, frozenset())
