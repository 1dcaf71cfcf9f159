"""Memory that the C library holds after a burst of calls, given back once they have ceased."""

import contextlib
import ctypes
from collections.abc import Callable

QUIET_S = 60.0
"Without a call; what transactions remember of the last one is gone by then."


def malloc_trim() -> None:
    """Have glibc give back what is free; other C libraries are left alone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Trimming:
    """Trims once after each time with calls."""

    def __init__(self, trim: Callable[[], None] = malloc_trim) -> None:
        self._trim = trim
        self._busy_at: float | None = None
        "When there was a call last; None once that has been cleaned up after."

    def look(self, now: float, *, calls: int) -> None:
        """Take how many calls there are, at a monotonic time; to be told every few seconds."""
        if calls:
            self._busy_at = now
        elif self._busy_at is not None and now - self._busy_at >= QUIET_S:
            self._busy_at = None
            self._trim()
