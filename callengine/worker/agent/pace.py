"""When a caller is sent its next frame. Pure; times in seconds.

A frame goes each `frame_s`, a moment after the caller's own packets arrive: these wake the thread
anyway, and what is due within that moment goes along. To be woken is half of what a call costs.
"""

RIDES_S = 0.003
"So much sooner a frame goes when a packet has just arrived; a network's jitter is no less."
AFTER_S = RIDES_S / 2
"So long after the caller's packets its frames are to be due."
SLEW_S = 20e-6
"So far a frame is moved to come there: a thousandth of its time, which nobody hears."
MAX_BEHIND_S = 0.2
"A timer that is later than that goes on from now: what was missed is not made up for."


class Pace:
    """One caller's."""

    def __init__(self, frame_s: float, now: float) -> None:
        self._frame_s = frame_s
        self.due_at = now
        self._arrived_at: float | None = None

    def arrived(self, now: float) -> None:
        """Take that packets of the caller have arrived; its first sets the time."""
        if self._arrived_at is None and self.due_at > now + AFTER_S:
            self.due_at = now + AFTER_S
        self._arrived_at = now

    def is_due(self, now: float) -> bool:
        """Tell whether a frame is to go."""
        early_s = self.due_at - now
        return early_s <= 0 or (early_s <= RIDES_S and self._arrived_at == now)

    def step(self, now: float) -> float:
        """Take that a frame goes, and set when the next one is due.

        Return how much time was missed and is not made up for.
        """
        frame_s, arrived_at = self._frame_s, self._arrived_at
        if arrived_at is not None and now - arrived_at < frame_s:
            late_s = self.due_at - arrived_at - AFTER_S
            late_s -= frame_s * round(late_s / frame_s)
            self.due_at -= max(-SLEW_S, min(SLEW_S, late_s))
        self.due_at += frame_s
        missed_s = now - self.due_at
        if missed_s <= MAX_BEHIND_S:
            return 0.0
        self.due_at = now + frame_s
        return missed_s + frame_s
