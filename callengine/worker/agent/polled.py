"""Descriptors that are waited for, and what is called when one of them is ready."""

import select
import time
from collections.abc import Callable

READS, WRITES = select.POLLIN, select.POLLOUT
GONE = select.POLLHUP | select.POLLERR
"Told whether it is asked for or not."

Ready = Callable[[int, float], None]
"Takes what a descriptor is ready for, and the time."


class Polled:
    """One thread's; what is watched is told to the kernel when it changes, not at every wait."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._ready: dict[int, Ready] = {}
        self._events: dict[int, int] = {}

    def watch(self, descriptor: int, ready: Ready, events: int = READS) -> None:
        """Wait for a descriptor from now on."""
        self._ready[descriptor] = ready
        if self._events.get(descriptor) != events:
            self._poll.register(descriptor, events)
            self._events[descriptor] = events

    def unwatch(self, descriptor: int) -> None:
        """Wait for it no more; again does no harm."""
        if self._events.pop(descriptor, None) is not None:
            del self._ready[descriptor]
            self._poll.unregister(descriptor)

    def wait(self, ms: float) -> float:
        """Wait so long at most; call what is ready, and return the time that was then."""
        polled = self._poll.poll(ms)
        now = time.monotonic()
        for descriptor, events in polled:
            ready = self._ready.get(descriptor)
            if ready is not None:
                ready(events, now)
        return now
