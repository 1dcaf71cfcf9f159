"""What work costs the processor, whatever else the machine does."""

import time
from collections.abc import Callable


def cpu_s(work: Callable[[], object], times: int = 3) -> float:
    """Return the least processor time of several runs: a collection of garbage falls into one."""
    return min(_once_s(work) for _ in range(times))


def _once_s(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started
