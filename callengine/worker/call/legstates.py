"""How far each leg of a call has come: tried, ringing, or up from its answer on."""

from callengine.core.events import Event, LegAnswered, LegProgress
from callengine.core.parties import CALLER
from callengine.core.states import LegState

RINGING, ANSWERED = 180, 200
"SIP status codes (RFC 3261 section 21)."


class LegStates:
    """By the names of the legs; one of which nothing was heard is being tried."""

    def __init__(self) -> None:
        self._legs: dict[str, LegState] = {}

    def of(self, leg: str) -> LegState:
        """Return how far a leg that has not ended has come."""
        return self._legs.get(leg, "trying")

    def hear(self, event: Event) -> None:
        """Take what a leg reports; a later provisional response takes nothing back."""
        match event:
            case LegProgress(leg=leg, code=code) if code >= RINGING:
                self._legs.setdefault(leg, "ringing")
            case LegAnswered(leg=leg):
                self._legs[leg] = "up"

    def told_caller(self, code: int) -> None:
        """Take what the caller was answered."""
        if code >= ANSWERED:
            self._legs[CALLER] = "up"
        else:
            self._legs.setdefault(CALLER, "ringing")
