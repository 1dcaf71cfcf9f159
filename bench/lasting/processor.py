"""The processors that are measured: who may run on them, how busy they are, and by whom."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import TICKS_PER_S, everyone

PRIORITY = 5
"""Of our own threads, before all that is ordinary, where we may: phones have processors of their
own. One process among eighty, ours had but its share, and sent every sixth packet late."""
PACE_S = 0.002
"Between looks at a few processes: who looks takes the processor from who is measured."


def keep_to(core: int) -> None:
    """Have all of this process, and what it starts, run on one processor. Raises OSError."""
    for task in Path("/proc/self/task").iterdir():  # libraries have started threads
        os.sched_setaffinity(int(task.name), {core})


def come_first() -> None:
    """Have this thread, and nothing that it starts, run before all that is ordinary."""
    with contextlib.suppress(PermissionError):
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(PRIORITY))


@dataclass(frozen=True, slots=True)
class Shares:
    """What of the processors' time was spent, 0 to 1."""

    busy: float
    "By anybody."
    stolen: float
    "Of it, by the host."
    product: float
    generators: float

    @property
    def own(self) -> float:
        """The share of the product and of who calls it."""
        return self.product + self.generators


@dataclass(frozen=True, slots=True)
class Look:
    """What processors and our processes have done by now, in seconds."""

    at: float
    busy_s: float
    stolen_s: float
    product_s: float
    all_ours_s: float
    tree: tuple[int, ...]
    "The product's processes."

    def since(self, before: "Look") -> Shares:
        """Return what was spent between two looks."""
        room = max(0.1, self.at - before.at) * len(os.sched_getaffinity(0))
        product = (self.product_s - before.product_s) / room
        return Shares(
            busy=(self.busy_s - before.busy_s) / room,
            stolen=(self.stolen_s - before.stolen_s) / room,
            product=product,
            generators=(self.all_ours_s - before.all_ours_s) / room - product,
        )


def look(product: int) -> Look:
    """Look at the processors we may run on, and at the product by its first process's id."""
    processes = everyone(PACE_S)
    busy, stolen = _processors()
    return Look(
        at=time.monotonic(),
        busy_s=busy,
        stolen_s=stolen,
        product_s=processes.cpu_s(product),
        all_ours_s=processes.cpu_s(os.getpid()),
        tree=tuple(processes.below(product)),
    )


def _processors() -> tuple[float, float]:
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    busy = stolen = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in ours:
            # user nice system idle iowait irq softirq steal (proc(5)); guest is in user.
            ticks = [int(field) for field in fields[:8]]
            busy += sum(ticks) - ticks[3] - ticks[4]
            stolen += ticks[7]
    return busy / TICKS_PER_S, stolen / TICKS_PER_S
