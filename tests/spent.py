"""What work costs the processor, whatever else the machine does."""

import time
from collections.abc import Callable
from pathlib import Path


def cpu_s(work: Callable[[], object], times: int = 3) -> float:
    """Return the least processor time of several runs: a collection of garbage falls into one."""
    return min(_once_s(work) for _ in range(times))


def _once_s(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def starved_s(task: int | str) -> float:
    """Return how long a thread has been ready and found no processor free.

    It is the main thread if `task` is the id of a process, ours if it is `thread-self`.
    """
    return int(Path(f"/proc/{task}/schedstat").read_text().split()[1]) / 1e9
