"""How long one call may last, by whoever talks, and how it ends when that is over. Pure."""

from callengine.core import terminations
from callengine.core.orders import WaveOrder
from callengine.core.outcomes import Termination


class Duration:
    """Of one call, which lasts `longest_s` from its answer at most, whoever talks."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._last_moment = float("inf")
        self._why = ""
        "Why it may last less than that by now."
        self._not_picked_up: Termination | None = None
        "How the call ends at `deadline` while it waits for whoever takes its caller over."
        self.deadline: float | None = None
        "When it ends, in seconds; None before the answer."

    @property
    def waits_for_pickup(self) -> bool:
        """Whether a device that picks the call up is about to take the caller over."""
        return self._not_picked_up is not None

    def begin(self, now: float) -> None:
        """Take that the caller is answered now."""
        self._last_moment = now + self._longest_s

    def bound(self, wave: WaveOrder, now: float) -> None:
        """Let the call last no longer than whoever answered now, in this wave, may talk."""
        until, why, self._not_picked_up = self._last_moment, "", None
        if wave.longest_s and now + wave.longest_s < until:
            until, why = now + wave.longest_s, wave.longest_why
        self.deadline, self._why = until, why

    def wait(self, until: float, otherwise: Termination) -> None:
        """Let the call wait for whoever takes its caller over, and end so if nobody does."""
        self.deadline, self._not_picked_up = until, otherwise

    def over(self, now: float) -> Termination | None:
        """Return how the call ends, if its time is over."""
        if self.deadline is None or now < self.deadline:
            return None
        return self._not_picked_up or terminations.max_duration(self._longest_s, self._why)
