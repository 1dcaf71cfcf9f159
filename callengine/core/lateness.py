"""Whether a stream that is sent in real time is played later and later. Pure: frames are its clock.

An agent that sends as it speaks (another call, a person) has hardly anything waiting. If it stalls,
or we do, time passes in which nothing is played; what was said in it comes after all, all in a
burst, and waits from then on. An agent that sends a reply faster than it is played has much
waiting too, and nothing of that is late: what waits goes up and down with each reply. So only what
is left over of a stall, over a whole second in which as much came as was played, is lateness.
"""

from dataclasses import dataclass

STEADY_MS = 1000.0
"So long a stream is looked at before it is believed to be sent in real time."
SWING_MS = 150.0
"What waits may go up and down by so much in that: networks are no clocks."
LATE_MS = 60.0
"What is less than this later than it was need not be caught up with."
UNSTEADY_MS = 3000.0
"A stream that has not been steady for so long is not sent in real time."
LONGEST_STALL_MS = 10_000.0
"Whoever says nothing for so long has paused: what comes then is another speech."


@dataclass(slots=True)
class Lateness:
    """One stream's."""

    late_ms: float = 0.0
    "How much later it is played than it was: so much has to be caught up with."
    _usual_ms: float | None = None
    "What waits as a rule; None until the stream was steady."
    _stalled_ms: float = 0.0
    "In which nothing was played, since the stream was steady last."
    _held_ms: float = 0.0
    "In which nothing could be played though it came, before the stream was steady."
    _since_ms: float = 0.0
    "How long what follows has been looked at."
    _least_ms: float = 0.0
    _most_ms: float = 0.0
    _unsteady_ms: float = 0.0

    def forget(self) -> None:
        """Take that the stream is over: what comes next is another one."""
        self.late_ms = self._stalled_ms = self._since_ms = self._unsteady_ms = 0.0
        self._usual_ms, self._held_ms = None, 0.0

    def stalled(self, ms: float) -> None:
        """Take that so much time passed in which nothing was played, and more is to come."""
        if self._usual_ms is None:
            self._since_ms = 0.0
            return
        self._stalled_ms += self.late_ms + ms
        self.late_ms = self._since_ms = 0.0
        if self._stalled_ms > LONGEST_STALL_MS:
            self.forget()

    def held(self, ms: float) -> None:
        """Take that what came in so much time waits, as there was nobody yet to play it to."""
        if self._usual_ms is None:
            self._held_ms += ms
        self.stalled(ms)

    def played(self, frame_ms: float, waiting_ms: float) -> None:
        """Take that a frame was played, and how much waits now."""
        if self.late_ms:
            return
        if not self._since_ms:
            self._least_ms = self._most_ms = waiting_ms
        elif waiting_ms < self._least_ms:
            self._least_ms = waiting_ms
        elif waiting_ms > self._most_ms:
            self._most_ms = waiting_ms
        self._since_ms += frame_ms
        if self._most_ms - self._least_ms > SWING_MS:
            self._swung()
        elif self._since_ms >= STEADY_MS:
            self._steady()

    def caught_up(self, ms: float) -> None:
        """Take that so much was left out; less than that is no lateness."""
        self.late_ms -= ms
        if self.late_ms < ms:
            self.late_ms = 0.0

    def _swung(self) -> None:
        self._unsteady_ms += self._since_ms
        self._since_ms = 0.0
        if self._unsteady_ms > UNSTEADY_MS:
            self.forget()

    def _steady(self) -> None:
        least_ms, usual_ms = self._least_ms, self._usual_ms
        if usual_ms is None:
            late_ms = min(least_ms, self._held_ms)
            usual_ms = least_ms - late_ms
        else:
            late_ms = min(least_ms - usual_ms, self._stalled_ms)
        self._usual_ms = min(least_ms, usual_ms)
        self.late_ms = late_ms if late_ms >= LATE_MS else 0.0
        self._stalled_ms = self._held_ms = self._since_ms = self._unsteady_ms = 0.0
