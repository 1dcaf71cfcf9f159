"""How a conversation comes by its websockets: how long that may take, and when it is tried anew.

Pure; times in seconds.
"""

from agents.dialects.interface import Failed, Failure
from callengine.core.reasons import Reason
from callengine.worker.agent import ends
from callengine.worker.agent.effects import Phase


class Opening:
    """The attempts of one conversation, each with a websocket of its own."""

    def __init__(self, ready_timeout_s: float, now: float) -> None:
        self._timeout_s = ready_timeout_s
        self._ready_by = now + ready_timeout_s
        self._retries = ends.Retries()
        self._failed: Failed | None = None
        "Why a socket has failed that is to be replaced."
        self.retry_at: float | None = None

    @property
    def was_ready(self) -> bool:
        """Whether the agent has ever been ready."""
        return self._retries.was_ready

    def ready(self, now: float) -> None:
        """Take that the agent is ready, the first time or again."""
        self._failed = None
        self._retries.ready(now)

    def failed(self, failed: Failed, now: float) -> float | None:
        """Take that a websocket has failed; return when another is tried, None if none is."""
        self._failed = failed
        self.retry_at = self._retries.next_at(failed, now)
        if self.retry_at is not None and not self.was_ready and self.retry_at >= self._ready_by:
            self.retry_at = None  # nobody would wait for it
        return self.retry_at

    def begin(self, now: float) -> None:
        """Take that another one is tried now."""
        self.retry_at = None
        if self.was_ready:
            self._ready_by = now + self._timeout_s

    def deadline(self, phase: Phase) -> float | None:
        """Return until when the agent is waited for: all of its first sockets, each later one."""
        is_first = phase is Phase.WAITING and not self.was_ready
        is_waited_for = is_first or phase in (Phase.CONNECTING, Phase.OPENING)
        return self._ready_by if is_waited_for else None

    def too_late(self) -> Failed | tuple[Reason, str]:
        """Return what it means that the deadline has passed: a failure, or the end and why."""
        limit = f"{self._timeout_s:g} s"
        if self.was_ready:
            why = f"it was not ready within {limit}"
            return Failed(Failure.LOST, "", why, is_retryable=True)
        if self._failed is None:
            return Reason.AGENT_NOT_READY, f"nothing within {limit}"
        reason = ends.reason_for(self._failed.kind, was_ready=False)
        return reason, ends.detail_of(self._failed)
