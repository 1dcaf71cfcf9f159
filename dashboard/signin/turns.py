"""Sign-ins take turns: a guess is checked and counted before the next one is looked at."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class BusyError(Exception):
    """More wait for their turn than may."""


class Turns:
    """One at work at a time, the others wait; of one address no more than half."""

    def __init__(self, most_waiting: int) -> None:
        self._most = most_waiting + 1
        self._most_of_one = most_waiting // 2 + 1
        self._turn, self._guard = threading.Lock(), threading.Lock()
        self._here: Counter[str | None] = Counter()

    @contextmanager
    def taken(self, source: str | None) -> Iterator[None]:
        """Wait for a turn and keep it; raises BusyError at once if too many wait."""
        with self._guard:
            if self._here.total() >= self._most or self._here[source] >= self._most_of_one:
                raise BusyError
            self._here[source] += 1
        try:
            with self._turn:
                yield
        finally:
            with self._guard:
                self._here[source] -= 1
                if not self._here[source]:
                    del self._here[source]
