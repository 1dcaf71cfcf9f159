"""The steps of a stop: all are taken, in order, whatever one of them does."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import pytest

from callengine.engine.node.stopping import Step, take_all


async def test_a_step_that_raises_does_not_keep_the_next_from_being_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taken: list[str] = []

    def at_once() -> None:
        raise RuntimeError("at once")

    async def later() -> None:
        await asyncio.sleep(0)
        raise OSError("later")

    steps = [Step("one", at_once), Step("two", later), Step("three", lambda: taken.append("3"))]
    await take_all(steps)
    assert taken == ["3"]
    assert "one failed" in caplog.text
    assert "two failed" in caplog.text
    assert "RuntimeError: at once" in caplog.text


async def test_a_step_that_hangs_is_left_behind_after_its_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taken: list[str] = []
    leave = asyncio.Event()

    async def deaf() -> None:
        while not leave.is_set():
            try:
                await leave.wait()
            except asyncio.CancelledError:
                continue

    started = time.monotonic()
    await take_all([Step("waiting", deaf, within_s=0.1), Step("next", lambda: taken.append("n"))])
    assert time.monotonic() - started < 20
    assert taken == ["n"]
    assert "waiting took longer than 0.1 s" in caplog.text
    leave.set()
    await asyncio.sleep(0)


async def test_a_step_that_was_cancelled_from_within_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taken: list[str] = []

    async def cancelled() -> None:
        raise asyncio.CancelledError

    await take_all([Step("one", cancelled), Step("two", lambda: taken.append("2"))])
    assert taken == ["2"]
    assert "one failed" in caplog.text


async def test_steps_are_asked_for_as_they_are_taken() -> None:
    calls = {"a": 1, "b": 2}
    hung_up: list[str] = []

    def steps() -> Iterator[Step]:
        yield Step("one call ends by itself", partial(calls.__delitem__, "a"))
        for call in calls:
            yield Step("hang up", partial(hung_up.append, call))

    await take_all(steps())
    assert hung_up == ["b"]
