"""Whether what waits in a queue stands there, or is being worked off. Pure; steady seconds.

A stall (the interpreter's, the machine's) or a burst leaves a queue that is gone in a moment; what
waits in it is late once, and to refuse it would be a fault of ours. A queue that stands is more
work than is done: the least of what waited in it over a while says so, not the most (the idea of
CoDel, RFC 8289), and so does one that becomes no shorter.
"""

from dataclasses import dataclass

STANDS_S = 0.5
"What has waited too long for all of this time stands: a stall of half of it is worked off in less."
DRAINS = 0.1
"A queue that becomes shorter by so many seconds in each second is being worked off."
KNOWN_S = 1.0
"How long what has waited says something of what comes next."


@dataclass(slots=True)
class Queue:
    """One that is read oldest first; what waits in it longer than `bound_s` is late."""

    bound_s: float
    hopeless_s: float
    "What has waited longer than this stands, whatever becomes of it."
    _late_s: float = 0.0
    "How long what was read last had waited."
    _read_at: float = float("-inf")
    _late_since: float | None = None
    "Since when all that was read was late."
    _first_s: float = 0.0
    "How long the first of that had waited."

    def read(self, late_s: float, now: float) -> None:
        """Take that something is read now that has waited for so long."""
        if late_s <= self.bound_s:
            self._late_since = None
        elif self._late_since is None or self._was_empty(late_s, now):
            self._late_since, self._first_s = now, late_s
        self._late_s, self._read_at = late_s, now

    def _was_empty(self, late_s: float, now: float) -> bool:
        """Tell whether nothing waited for some time before this came."""
        return now - late_s - self._read_at > self.bound_s

    def late_s(self, now: float) -> float:
        """Return how long what waits in it may have waited: less since, if it was not read."""
        since_s = now - self._read_at
        return max(self._late_s - since_s, 0.0) if since_s < KNOWN_S else 0.0

    def stands(self, now: float) -> bool:
        """Tell whether what waits in it is more than is worked off."""
        if self._late_since is None or now - self._read_at >= KNOWN_S:
            return False
        for_s = self._read_at - self._late_since
        is_draining = self._late_s < self._first_s - DRAINS * for_s
        return self._late_s > self.hopeless_s or (for_s >= STANDS_S and not is_draining)
