"""Sign-ins take turns: a guess is checked and counted before the next one is looked at."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BusyError(Exception):
    """More wait for their turn than may."""


class Turns:
    """One at work at a time, the others wait; of one address no more than half."""

    def __init__(self, most_waiting: Callable[[], int]) -> None:
        self._most_waiting = most_waiting
        self._turn, self._guard = threading.Lock(), threading.Lock()
        self._here: Counter[str | None] = Counter()

    @contextmanager
    def taken(self, source: str | None) -> Iterator[None]:
        """Wait for a turn and keep it; raises BusyError at once if too many wait."""
        most = self._most_waiting()
        with self._guard:
            if self._here.total() > most or self._here[source] > most // 2:
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
