"""Whether this engine has room for one more call of a source."""

import time
from collections.abc import Iterable

from callengine.core.capacity import CapacityLimits, Load, RecentCalls, Shortage, shortage
from callengine.core.directory import Source
from callengine.edge.sources import source_key
from callengine.engine.calls.livecall import LiveCall


class Room:
    """Counts the calls of trunks and of callers nobody knows against their limits."""

    def __init__(self, limits: CapacityLimits) -> None:
        self._limits = limits
        most = max(limits.external_calls_per_minute, limits.trunk_calls_per_minute)
        self._recent = RecentCalls(most)

    def shortage(self, source: Source, calls: Iterable[LiveCall]) -> Shortage | None:
        """Return why a call may not begin now; else note that it does."""
        if source.kind == "connection":
            return None
        now, key = time.monotonic(), _key(source)
        live = [call.source for call in calls]
        load = Load(
            calls=len(live),
            of_source=sum(other is not None and _key(other) == key for other in live),
            last_minute=self._recent.count(key, now),
        )
        lacking = shortage(source, load, self._limits)
        if lacking is None:
            self._recent.note(key, now)
        return lacking


def _key(source: Source) -> str:
    return source_key(source.address) if source.kind == "external" else source.label
