"""The processors that are measured: who may run on them, how busy they are, and by whom."""

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import TICKS_PER_S

PRIORITY = 5
"""Of our own threads, before all that is ordinary, where we may: phones have processors of their
own. One process among eighty, ours had but its share, and sent every sixth packet late."""
PACED_EACH, PACE_S = 8, 0.002
"Processes that are looked at together: who looks takes the processor from who is measured."


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
    children, spent = _processes()
    tree = _below(product, children)
    ours = _below(os.getpid(), children)
    busy, stolen = _processors()
    return Look(
        at=time.monotonic(),
        busy_s=busy,
        stolen_s=stolen,
        product_s=sum(spent.get(pid, 0.0) for pid in tree),
        all_ours_s=sum(spent.get(pid, 0.0) for pid in ours),
        tree=tuple(tree),
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


def _processes() -> tuple[dict[int, list[int]], dict[int, float]]:
    """Return the children of each process, and its CPU-seconds with those of ended children."""
    children: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    for index, pid in enumerate(pids):
        if index % PACED_EACH == 0:
            time.sleep(PACE_S)
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(int(fields[1]), []).append(int(pid))
        # utime, stime, cutime, cstime: proc(5), fields 14 to 17, counted here from the state (3).
        spent[int(pid)] = sum(map(int, fields[11:15])) / TICKS_PER_S
    return children, spent


def _below(root: int, children: dict[int, list[int]]) -> list[int]:
    pids = [root]
    for pid in pids:
        pids += children.get(pid, [])
    return pids
