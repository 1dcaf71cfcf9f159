"""How much time each transaction of the journal has to itself. Pure: times are monotonic seconds.

What is written alone costs several times what it costs among others, for a thread that runs ten
times a second finds nothing of its own in the processor's caches. So the dearer writing is the more
goes into one transaction, and the longer changes keep coming the more, too: a call that somebody
watches is shown at once, and of many calls all are shown a moment later.
"""

GROWTH = 1.5
"How much longer the pause gets with each transaction before whose end others wait already."
MOST_GROWTH = 20.0


class WritingPace:
    """Says when the next transaction may begin."""

    def __init__(self, *, times: float, most_s: float) -> None:
        """The pause is `times` as long as the last transaction took, or grown; `most_s` at most."""
        self._times, self._most_s = times, most_s
        self._growth = 1.0
        self._began_at = float("-inf")
        self._took_s = 0.0

    def next_at(self, now: float) -> float:
        """Return when a change that is there now may be written; it may be over."""
        at = self._began_at + self._pause_s
        self._growth = 1.0 if now > at else min(GROWTH * self._growth, MOST_GROWTH)
        return at

    def begun(self, now: float) -> None:
        """Take that a transaction begins."""
        self._began_at = now

    def ended(self, now: float) -> None:
        """Take that it is over."""
        self._took_s = now - self._began_at

    @property
    def _pause_s(self) -> float:
        return min(self._most_s, self._growth * self._times * self._took_s)
