"""When garbage that counting references does not find is looked for: seldom, and while it is short.

A full collection goes through all that lives, and the whole engine stands still meanwhile, in
whichever thread it is begun. After a burst that are the requests of the last half minute: 0.2 to
0.4 s, begun when there are most of them, to find nothing, as what serves calls leaves no cycles.
What does leave some, a page's error for one, can wait until little lives. What is young is
collected as ever.
"""

import gc
import sys
from collections.abc import Callable

NEVER = 2**31 - 1
"A threshold that no count comes near."
SOONEST_S = 60.0
"After the last one."
BLOCKS_PER_S = 20_000 / 60
"""So many more blocks of memory than at the start may live for each second since the last one, or
it is put off: a pause of some 7 ms each minute, or of some 0.4 s each hour."""
MOST_BLOCKS = 2_000_000
"More than the last one left is not put off: it may be garbage. Some 150 MB."


def take_over() -> None:
    """Leave full collections to `Collecting`; what lives now is out of their sight."""
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    gc.collect()
    gc.freeze()


class Collecting:
    """Collects once in a while, from when Python does not by itself."""

    def __init__(
        self,
        collect: Callable[[], object] = gc.collect,
        living: Callable[[], int] = sys.getallocatedblocks,
    ) -> None:
        """`living()` is how many blocks of memory are in use."""
        self._collect = collect
        self._living = living
        self._blocks = self._left = 0
        "What lived at the start, and after the last one."
        self._at: float | None = None
        "When it collected last, or began to count."

    def look(self, now: float) -> None:
        """Collect if it is time, at a monotonic time; to be told every few seconds."""
        if gc.get_threshold()[2] != NEVER:
            return
        if self._at is None:
            self._at, self._blocks = now, self._living()
            self._left = self._blocks
        since_s, lives = now - self._at, self._living()
        if since_s < SOONEST_S:
            return
        if lives - self._blocks <= BLOCKS_PER_S * since_s or lives - self._left > MOST_BLOCKS:
            self._collect()
            self._at, self._left = now, self._living()
