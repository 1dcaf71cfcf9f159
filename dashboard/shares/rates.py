"""How often one address may ask for shared records. Kept in this process alone, bounded."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_SITES = 4096


class Rate:
    """So many requests of each site within a window; then none until it is over."""

    def __init__(
        self, *, most: int, window_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock
        self._guard = threading.Lock()
        self._asked: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def hold_s(self, site: str) -> int:
        """Count a request; return for how many seconds it is not answered, 0: it is."""
        now = self._clock()
        with self._guard:
            since, count = self._asked.get(site, (now, 0))
            if now - since >= self._window_s:
                since, count = now, 0
            self._asked[site] = (since, count + 1)
            self._asked.move_to_end(site)
            if len(self._asked) > MOST_SITES:
                self._asked.popitem(last=False)
        return 0 if count < self._most else int(since + self._window_s - now) + 1
