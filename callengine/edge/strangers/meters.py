"""Token buckets: how much of something a source may send. Pure, time comes in as `now` (s)."""

import secrets
from array import array
from dataclasses import dataclass

SHARED_BUCKETS = 65536


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many a second, and `burst` at once after a rest."""

    per_second: float
    burst: float


class Bucket:
    """One source's tokens; full at first."""

    __slots__ = ("_allowance", "_at", "_level")

    def __init__(self, allowance: Allowance, now: float) -> None:
        self._allowance = allowance
        self._level, self._at = allowance.burst, now

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        allowance = self._allowance
        level = self._level + (now - self._at) * allowance.per_second
        self._at = now
        if level < 1.0:
            self._level = level
            return False
        self._level = min(level, allowance.burst) - 1.0
        return True

    def wait_s(self, now: float) -> float:
        """Return how long it takes until there is a token."""
        level = self._level + (now - self._at) * self._allowance.per_second
        return max(1.0 - level, 0.0) / self._allowance.per_second


class SharedBuckets:
    """Buckets for any number of sources in a fixed amount of memory.

    Nothing is ever evicted, so sources without number (spoofed, say) push nobody out: each source
    draws from one of 65,536 buckets, chosen by a hash nobody outside can predict, and what they
    do to another's bucket is a 65,536th of their flood.
    """

    def __init__(self, allowance: Allowance, *, size: int = SHARED_BUCKETS) -> None:
        self._allowance = allowance
        self._size = size
        self._seed = secrets.randbits(64)
        self._levels = array("d", [allowance.burst]) * size
        self._times = array("d", [0.0]) * size

    def take(self, source: str, now: float) -> bool:
        """Take one token of a source, if there is one."""
        allowance = self._allowance
        index = hash((self._seed, source)) % self._size
        level = self._levels[index] + (now - self._times[index]) * allowance.per_second
        self._times[index] = now
        if level < 1.0:
            self._levels[index] = level
            return False
        self._levels[index] = min(level, allowance.burst) - 1.0
        return True

    def wait_s(self, source: str, now: float) -> float:
        """Return how long it takes until a source has a token."""
        allowance = self._allowance
        index = hash((self._seed, source)) % self._size
        level = self._levels[index] + (now - self._times[index]) * allowance.per_second
        return max(1.0 - level, 0.0) / allowance.per_second
