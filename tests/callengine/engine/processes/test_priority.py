"""Whose thread goes before others: the clocks of calls, where the engine may have them do so."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from callengine.engine.processes.pool import CALLS_WAIT, Pool
from callengine.engine.processes.priority import POLICY, let_go_first
from callengine.worker.native import build
from tests.callengine.engine.processes.pools import opened
from tests.peers.engine import ROOT

pytestmark = pytest.mark.processes

WITHOUT_THE_RIGHT = """
import asyncio, ctypes, resource
from tests.callengine.engine.processes.pools import opened
libc = ctypes.CDLL(None, use_errno=True)
head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert libc.capget(head, sets) == 0
CAP_SYS_NICE = 23
for half in range(3):
    sets[half] &= ~(1 << CAP_SYS_NICE)
assert libc.capset(head, sets) == 0
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
async def main():
    async with opened(1, spare=((8000, 1),)) as pool:
        print(*pool.shortages, sep="|")
asyncio.run(main())
"""


def clocks(pool: Pool) -> list[int]:
    """Return the kernel's numbers of the threads that have calls heard."""
    tasks = [task for one in pool.processes for task in Path(f"/proc/{one.pid}/task").iterdir()]
    return [int(task.name) for task in tasks if (task / "comm").read_text().strip() == "clock"]


def longest_us(process: int) -> list[str]:
    """Return for how long a thread of it that goes first may keep a processor: soft, hard limit."""
    limits = Path(f"/proc/{process}/limits").read_text()
    line = next(one for one in limits.splitlines() if one.startswith("Max realtime timeout"))
    return line.split()[3:5]


def may_go_first() -> bool:
    """Tell whether who runs these tests may have a thread go first, asked of the kernel."""
    first = "os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    done = subprocess.run(
        [sys.executable, "-c", f"import os; {first}"], capture_output=True, check=False
    )
    return done.returncode == 0


def policies(threads: list[int]) -> set[tuple[int, int]]:
    return {
        (os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority)
        for thread in threads
    }


@pytest.mark.skipif(not build.library().exists(), reason="the media extension is not built")
async def test_the_clock_of_a_call_goes_before_other_work_or_it_is_said_that_it_does_not() -> None:
    async with opened(2, spare=((8000, 1), (48000, 1))) as pool:
        for process in pool.processes:
            await process.ready
        threads = clocks(pool)
        assert len(threads) == 2
        own = os.sched_getparam(0).sched_priority
        if may_go_first():
            assert policies(threads) == {(POLICY, own + 1)}
            assert pool.shortages == []
        else:
            assert policies(threads) == {(os.sched_getscheduler(0), own)}
            assert pool.shortages == [CALLS_WAIT]
        assert longest_us(pool.processes[0].pid) == ["1000000", "1000000"]


@pytest.mark.skipif(not build.library().exists(), reason="the media extension is not built")
def test_an_engine_that_may_not_says_what_that_costs_and_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_RIGHT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == CALLS_WAIT


def test_a_process_can_name_no_thread_but_its_own() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        thread.start()
        ours = thread.native_id
        assert ours is not None
        before = policies([ours])
        assert not let_go_first(other.pid, ours)
        assert not let_go_first(other.pid, 0)
        assert policies([ours]) == before
        assert let_go_first(other.pid, other.pid) == may_go_first()
    finally:
        over.set()
        other.kill()
        other.wait()
