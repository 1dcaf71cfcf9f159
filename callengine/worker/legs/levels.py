"""How loud the parties of a call are, while somebody looks: read from the bridge's own meters."""

import math
from collections.abc import Callable, Mapping

from callengine.core.control.levels import LevelsMeasured
from callengine.worker.legs.party import Audible, Party

INTERVAL_S = 0.2
FULL_SCALE = 255
"Of the bridge's meters, which tell the mean of the samples' magnitudes."
QUIETEST_DB = -48.0
"One of FULL_SCALE: what they can tell from silence."


def loudness(level: int) -> float:
    """Return what a meter of the bridge tells as 0 to 1, on a logarithmic scale, as ears hear."""
    if level <= 0:
        return 0.0
    decibels = 20 * math.log10(min(level, FULL_SCALE) / FULL_SCALE)
    return max(0.0, 1 - decibels / QUIETEST_DB)


class Levels:
    """Reads a level of each leg five times a second, and nothing while nobody looks."""

    def __init__(self, legs: Mapping[str, Party], send: Callable[[LevelsMeasured], None]) -> None:
        self._legs = legs
        self._send = send
        self._until = float("-inf")
        self._due: float | None = None

    def tell(self, for_s: float, now: float) -> None:
        """Tell levels for so long from `now` (monotonic, seconds)."""
        self._until = max(self._until, now + for_s)
        if self._due is None:
            self._due = now

    def next_step(self) -> float | None:
        """Return when `step` is due, or None."""
        return self._due

    def step(self, now: float) -> None:
        """Do what is due."""
        if self._due is None or now < self._due:
            return
        self._due = now + INTERVAL_S if now < self._until else None
        levels = {
            name: level
            for name, leg in self._legs.items()
            if isinstance(leg, Audible) and (level := leg.level()) is not None
        }
        self._send(LevelsMeasured(levels))
