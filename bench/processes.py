"""Processes of a benchmark: started, measured with everything below them, ended."""

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


PACED_EACH = 8
"Processes that are looked at together where one looks slowly."


@dataclass(frozen=True, slots=True)
class Everyone:
    """All processes as they were found, one after the other."""

    children: dict[int, list[int]]
    spent_s: dict[int, float]
    """CPU-seconds of each, with those of ended children that it has waited for.

    Linux scales user and system time of a process to what its scheduler counted, so only the clock
    tick (10 ms a process) is lost.
    """

    def below(self, root: int) -> list[int]:
        """Return the process id and those of all its living descendants."""
        pids = [root]
        for pid in pids:
            pids += self.children.get(pid, [])
        return pids

    def cpu_s(self, root: int) -> float:
        """Return the CPU-seconds of a process and all its descendants, ended ones included."""
        return sum(self.spent_s.get(pid, 0.0) for pid in self.below(root))


def everyone(pause_s: float = 0.0) -> Everyone:
    """Look at all processes, with a pause after every few, in which others may run."""
    children: dict[int, list[int]] = {}
    spent_s: dict[int, float] = {}
    for index, pid in enumerate(int(name) for name in os.listdir("/proc") if name.isdigit()):
        if pause_s and index % PACED_EACH == 0:
            time.sleep(pause_s)
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(int(fields[1]), []).append(pid)
        # utime, stime, cutime, cstime: proc(5), fields 14 to 17, counted here from the state (3).
        spent_s[pid] = sum(map(int, fields[11:15])) / TICKS_PER_S
    return Everyone(children, spent_s)


def tree(root: int) -> list[int]:
    """Return the process id and those of all its living descendants."""
    return everyone().below(root)


def cpu_s(root: int) -> float:
    """Return the CPU-seconds of a process and all its descendants, ended ones included."""
    return everyone().cpu_s(root)


def thread_s(root: int) -> dict[str, float]:
    """Return the CPU-seconds of living threads by their names.

    The first one of the root is `root`, its others are `root NAME` (numbers at the end left out).
    A process below calls its threads as itself, unless they have names: its first is `main NAME`.
    """
    total: dict[str, float] = defaultdict(float)
    for pid in tree(root):
        for folder in Path(f"/proc/{pid}/task").glob("*"):
            try:
                name = (folder / "comm").read_text().strip()
                nanoseconds = int((folder / "schedstat").read_text().split()[0])
            except OSError:
                continue  # it ended meanwhile
            total[_called(name, pid == root, folder.name == str(pid))] += nanoseconds / 1e9
    return total


def _called(name: str, is_root: bool, is_first: bool) -> str:
    if is_root:
        return "root" if is_first else f"root {name.rstrip('_0123456789')}"
    return f"main {name}" if is_first else name


def sizes_mb(pid: int) -> dict[str, float]:
    """Return what one process takes, in megabytes, by the kernel's names (proc_pid_smaps(5)).

    Raises OSError if it has ended.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    if not lines:
        raise ProcessLookupError(pid)
    words = (line.split() for line in lines)
    return {name.rstrip(":"): int(kb) / 1024 for name, kb, *_ in words}


def memory_mb(root: int) -> float:
    """Return the proportional set size of a process and its descendants, in megabytes."""
    total = 0.0
    for pid in tree(root):
        with suppress(OSError):
            total += sizes_mb(pid)["Pss"]
    return total


def resident_mb(pid: int) -> float:
    """Return the resident set size of one process, in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def load() -> float:
    """Return the one-minute load average."""
    return os.getloadavg()[0]


def start(
    arguments: Sequence[str],
    *,
    folder: Path,
    name: str,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program whose output goes to `folder/name.log`."""
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            arguments, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def end(process: subprocess.Popen[bytes], *, timeout_s: float = 10.0) -> None:
    """Ask a process to end, insist after a while."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Return the exit status, or None after ending one that took too long."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        end(process)
        return None


def prefer_this_thread() -> None:
    """Give the calling thread, and no other, real-time priority, if it may have it."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def sleep_until(moment: float) -> None:
    """Sleep until a moment of time.monotonic."""
    time.sleep(max(0.0, moment - time.monotonic()))
