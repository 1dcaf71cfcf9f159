"""How long a conversation with an agent may take, in each of its parts. Pure; times in seconds."""

from dataclasses import dataclass

from callengine.core.orders import AgentOrder
from callengine.core.reasons import Reason

GOODBYE_CAP_S = 15.0
"How long past the expected end of its goodbye an agent may go on."
TAIL_S = 0.1
"What a phone may hold back of what it was sent last."
QUIET_S = 1.0
"After so long without audio a goodbye is over whose end nobody told."
TRANSFER_WITHIN_S = 10.0
"How long an agent's end is put off that has just asked for a transfer."


@dataclass(slots=True)
class Limits:
    """The clocks of one conversation."""

    order: AgentOrder
    active_at: float
    "When somebody was heard last."
    began: float | None = None
    "When the agent was ready for the first time."
    quiet_at: float = 0.0
    "When audio of the agent was played last."
    transfer_until: float = float("-inf")
    "As long as the engine may take to decide on a transfer that the agent asked for."
    _goodbye_by: float | None = None

    @property
    def is_leaving(self) -> bool:
        """Whether the agent has hung up, and its goodbye is being played."""
        return self._goodbye_by is not None

    def says_goodbye(self, queued_ms: float, now: float) -> None:
        """Let what is queued be heard, and then no more."""
        self._goodbye_by, self.quiet_at = now + queued_ms / 1000 + GOODBYE_CAP_S, now

    def stays(self) -> None:
        """Take that the goodbye was none."""
        self._goodbye_by = None

    def goodbye_over_at(self, *, is_silent: bool, is_replying: bool) -> float | None:
        """Return when a goodbye is over: once it is heard, or is too long."""
        if self._goodbye_by is None or not is_silent:
            return self._goodbye_by
        heard_at = self.quiet_at + (QUIET_S if is_replying else TAIL_S)
        return max(min(heard_at, self._goodbye_by), self.transfer_until)

    def next(self) -> float | None:
        """Return when the first of the limits on a conversation that goes on is reached."""
        return min((at for at in (self._silent_at, self._over_at) if at is not None), default=None)

    def reached(self, now: float) -> tuple[Reason, str] | None:
        """Return which limit ends the call by now, and how long it is."""
        if self._over_at is not None and now >= self._over_at:
            return Reason.AGENT_DURATION, f"{self.order.max_duration_s:g} s"
        if self._silent_at is not None and now >= self._silent_at:
            return Reason.AGENT_SILENT, f"{self.order.silence_timeout_s:g} s"
        return None

    @property
    def _silent_at(self) -> float | None:
        limit_s = self.order.silence_timeout_s
        return self.active_at + limit_s if limit_s and self.began is not None else None

    @property
    def _over_at(self) -> float | None:
        limit_s = self.order.max_duration_s
        return self.began + limit_s if limit_s and self.began is not None else None
