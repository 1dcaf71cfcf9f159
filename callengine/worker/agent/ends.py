"""Why a conversation with an agent ends, and when it is tried anew. Pure; times in seconds."""

from dataclasses import dataclass, replace

from agents import concealed
from agents.dialects.closing import refused
from agents.dialects.interface import Failed, Failure
from callengine.core.reasons import Reason
from callengine.worker.agent.websocket import SocketOver

RETRIES_S = (1.0, 2.0, 4.0)
UNREACHABLE_RETRIES_S = (1.0,)
"Of a host that cannot be reached, before the call is answered: the caller waits."
RESUME_WITHIN_S = 30.0
"How long an agent keeps a session whose socket was lost."
STEADY_S = 30.0
"After so long a new loss is a new one."
MAX_REASON = 500
"Of an agent's own words on why it closes, in characters."

_REASONS = {
    Failure.REFUSED: Reason.AGENT_REFUSED,
    Failure.BUSY: Reason.AGENT_BUSY,
    Failure.LOST: Reason.AGENT_UNREACHABLE,
    Failure.LATE: Reason.AGENT_NOT_READY,
    Failure.EXPIRED: Reason.AGENT_EXPIRED,
}


def reason_for(kind: Failure, *, was_ready: bool) -> Reason:
    """Return how a call is said to end by a failure."""
    is_lost = was_ready and kind in (Failure.LOST, Failure.LATE)
    return Reason.AGENT_LOST if is_lost else _REASONS[kind]


def unreachable(why: str) -> Failed:
    """Return the failure of a host that could not be connected to."""
    return Failed(Failure.LOST, "", why, is_retryable=True)


def in_words(over: SocketOver, secret: str) -> SocketOver:
    """Return why a websocket is over, fit to be told: on one line, and without the secret."""
    reason, error = (concealed.in_words(x, secret, MAX_REASON) for x in (over.reason, over.error))
    return replace(over, reason=reason, error=error)


def not_opened(over: SocketOver) -> Failed:
    """Return what it means that a websocket was not opened, or closed without a word."""
    if over.status:
        return refused(over.status, over.reason)
    return unreachable(over.error or over.reason or f"close code {over.code}")


def detail_of(failed: Failed) -> str:
    """Return a failure as a clause; codes that its message names as well are left out."""
    is_said = failed.code.startswith(("closed ", "http "))
    parts = ("" if is_said else failed.code, failed.message.strip().rstrip("."))
    return ": ".join(part for part in parts if part)[:300]


@dataclass(slots=True)
class Retries:
    """When to connect anew after a failure."""

    _made: int = 0
    _lost_at: float | None = None
    _ready_at: float | None = None

    @property
    def was_ready(self) -> bool:
        """Whether the agent has ever been ready."""
        return self._ready_at is not None

    def ready(self, now: float) -> None:
        """Take that the agent is ready, the first time or again."""
        self._ready_at, self._lost_at = now, None

    def next_at(self, failed: Failed, now: float) -> float | None:
        """Return when to try anew, or None if there is no use."""
        if self._ready_at is not None and self._lost_at is None:
            self._lost_at = now
            if now - self._ready_at >= STEADY_S:
                self._made = 0
        is_unreachable = not self.was_ready and failed.kind is Failure.LOST
        waits = UNREACHABLE_RETRIES_S if is_unreachable else RETRIES_S
        if not failed.is_retryable or self._made >= len(waits):
            return None
        at = now + waits[self._made]
        if self._lost_at is not None and at - self._lost_at > RESUME_WITHIN_S:
            return None
        self._made += 1
        return at
