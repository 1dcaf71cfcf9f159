"""What runs beside its owner: it is not forgotten, it fails aloud, and it ends with its owner."""

import asyncio
import gc
import logging
import weakref

import pytest

from callengine.loop.tasks import BackgroundTasks
from tests.peers.waiting import until


async def test_work_is_held_until_it_is_done() -> None:
    """The loop holds a task weakly: nothing else would keep one that waits for nobody's future."""
    tasks = BackgroundTasks("the test")

    async def wait() -> None:
        await asyncio.get_running_loop().create_future()

    held = weakref.ref(tasks.start(wait()))
    await asyncio.sleep(0)
    gc.collect()
    assert held() is not None
    assert len(tasks) == 1
    await tasks.stop()
    assert len(tasks) == 0


async def test_a_failure_is_logged_at_once_though_its_owner_lives(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of a task that a long-lived object keeps, asyncio says nothing before the process ends."""
    tasks = BackgroundTasks("the test")

    async def fail() -> None:
        raise ValueError("no such thing")

    kept = tasks.start(fail())
    await until(lambda: not tasks, "it does not end")
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "work of the test failed")
    assert record.exc_info is not None
    assert record.exc_info[1] is kept.exception()


async def test_what_is_called_off_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    tasks = BackgroundTasks("the test")
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # an end that takes its time
            ended.set()

    for end in (tasks.cancel, tasks.stop):
        begun.clear()
        ended.clear()
        tasks.start(work())
        await begun.wait()
        if (stopped := end()) is not None:
            await stopped
            assert ended.is_set()
        assert len(tasks) == 0
        await until(ended.is_set, "it goes on")
    assert not caplog.records


async def test_one_is_found_by_its_name() -> None:
    tasks = BackgroundTasks("the test")
    for name in ("one", "other"):
        tasks.start(asyncio.sleep(3600), name=name)
    assert {task.get_name() for task in tasks} == {"one", "other"}
    await tasks.stop()
