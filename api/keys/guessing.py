"""Who presents wrong keys too often is not looked up for a while.

A key cannot be guessed; this bounds what the attempts cost. Kept in this process alone, of bounded
size. A key that was right a while ago is looked up whatever others do from the same address.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from web.bounds import WebRejections

MOST_SITES = 4096
MOST_GOOD = 1024


@dataclass(slots=True)
class _Wrong:
    count: int
    since_s: float


class Guesses:
    """Wrong keys by address: so many within a window, then none is tried until it is over.

    `most` and `window_s` are asked whenever they matter.
    """

    def __init__(
        self,
        *,
        most: Callable[[], int],
        window_s: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._window_s, self._clock = most, window_s, clock
        self._guard = threading.Lock()
        self._wrong: OrderedDict[str, _Wrong] = OrderedDict()
        self._good: OrderedDict[str, None] = OrderedDict()
        self._held = WebRejections(clock)

    def hold_s(self, site: str, digest: str) -> int:
        """Return for how many seconds a key from there is not looked up; 0: it is."""
        with self._guard:
            wrong = self._wrong.get(site)
            if wrong is None or wrong.count < self._most() or digest in self._good:
                return 0
            left_s = wrong.since_s + self._window_s() - self._clock()
            if left_s <= 0:
                del self._wrong[site]
                return 0
        return int(left_s) + 1

    def was_right(self, digest: str) -> None:
        """Remember a key that was found."""
        with self._guard:
            self._good[digest] = None
            self._good.move_to_end(digest)
            if len(self._good) > MOST_GOOD:
                self._good.popitem(last=False)

    def was_wrong(self, site: str, digest: str) -> None:
        """Count a key that is none, or none any more."""
        now = self._clock()
        with self._guard:
            self._good.pop(digest, None)
            # Over a UNIX socket everybody has the same address, which is none.
            if not site:
                return
            wrong = self._wrong.get(site)
            if wrong is None or now - wrong.since_s >= self._window_s():
                wrong = self._wrong[site] = _Wrong(0, now)
                self._wrong.move_to_end(site)
                if len(self._wrong) > MOST_SITES:
                    self._wrong.popitem(last=False)
            wrong.count += 1
            most = self._most()
            held = wrong.count >= most
        if held:
            self._held.note(
                site,
                f"{most} wrong API keys, the most of VOIPNUMBER_SIGN_IN_FAILURES_PER_ADDRESS",
                "It is told to come again; if a program of yours runs there, give it a new key.",
            )
