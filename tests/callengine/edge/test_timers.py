"""Timers of five seconds and more share one of the loop's: none is early, lost or another's."""

import asyncio
from functools import partial

import pytest

from callengine.edge import timers
from tests.peers.waiting import until


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "COARSE_FROM_S", 0.05)
    monkeypatch.setattr(timers, "STEP_S", 0.02)


@pytest.mark.usefixtures("_quick")
async def test_many_come_in_their_time_whatever_becomes_of_others() -> None:
    loop = asyncio.get_running_loop()
    failures: list[object] = []
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    came: list[tuple[float, float]] = []
    begin = loop.time()

    def note(delay_s: float) -> None:
        came.append((delay_s, loop.time() - begin))

    def fail() -> None:
        raise ValueError("one of many")

    delays_s = [0.01, 0.06, 0.061, 0.3, 0.1]
    timers.later(0.06, fail)
    for delay_s in delays_s:
        timers.later(delay_s, partial(note, delay_s))
    cancelled = timers.later(0.06, lambda: note(-1.0))
    cancelled.cancel()
    await until(lambda: len(came) == len(delays_s), "a timer was lost")
    assert {delay_s for delay_s, _ in came} == set(delays_s)
    assert all(after_s >= delay_s for delay_s, after_s in came)
    assert [str(failure) for failure in failures] == ["one of many"]


@pytest.mark.usefixtures("_quick")
async def test_one_may_cancel_another_of_the_same_moment() -> None:
    came: list[str] = []

    def first() -> None:
        came.append("first")
        second.cancel()

    timers.later(0.1, first)
    second = timers.later(0.1, lambda: came.append("second"))
    timers.later(0.2, lambda: came.append("last"))
    await until(lambda: "last" in came, "a timer was lost")
    assert came == ["first", "last"]


async def test_what_is_cancelled_leaves_nothing_for_the_hours_it_had() -> None:
    loop = asyncio.get_running_loop()
    came: list[str] = []
    for number in range(20):
        timers.later(3600.0 + number, lambda: came.append("an hour later")).cancel()
    assert not timers._steps[loop]


@pytest.mark.usefixtures("_quick")
async def test_one_that_is_cancelled_leaves_the_others_of_its_moment() -> None:
    came: list[str] = []
    going, _ = (timers.later(0.1, partial(came.append, name)) for name in ("going", "staying"))
    going.cancel()
    going.cancel()
    await until(lambda: bool(came), "a timer was lost")
    assert came == ["staying"]
    going.cancel()
