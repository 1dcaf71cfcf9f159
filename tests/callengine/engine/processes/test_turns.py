"""Turns: a few calls are begun at once, the others wait in their order."""

import asyncio
import time

import pytest

from callengine.engine.processes import turns
from callengine.engine.processes.turns import CallTurns
from tests.peers.waiting import until


class Beginning:
    """Calls that wait for their turn, and those that had it, in their order."""

    def __init__(self, at_once: int) -> None:
        self.turns = CallTurns(at_once)
        self.begun: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *calls: str) -> None:
        for call in calls:
            self.tasks[call] = asyncio.ensure_future(self._begin(call))
        await self.settle()

    async def settle(self) -> None:
        """Let all go on that can: nothing here waits for more than a turn of the loop."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def _begin(self, call: str) -> None:
        await self.turns.begin(call)
        self.begun.append(call)


async def test_no_more_are_begun_than_may_be_and_each_in_its_turn() -> None:
    calls = Beginning(at_once=2)
    await calls.come("1", "2", "3", "4")
    assert calls.begun == ["1", "2"]
    calls.turns.end("2")
    await calls.settle()
    assert calls.begun == ["1", "2", "3"]
    calls.turns.end("1")
    calls.turns.end("3")
    await calls.settle()
    assert calls.begun == ["1", "2", "3", "4"]


async def test_what_ends_twice_gives_one_turn() -> None:
    calls = Beginning(at_once=1)
    await calls.come("1", "2", "3")
    calls.turns.end("1")
    calls.turns.end("1")
    await calls.settle()
    assert calls.begun == ["1", "2"]


async def test_what_is_not_taken_keeps_others_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "HELD_S", 0.05)
    calls = Beginning(at_once=1)
    await calls.come("stuck", "next")
    await until(lambda: calls.begun == ["stuck", "next"], "the next has no turn")
    calls.turns.end("stuck")  # its process is ended later: its room was given long ago
    await calls.come("third")
    assert calls.begun == ["stuck", "next"]


async def test_who_is_called_off_as_it_waits_takes_no_turn() -> None:
    calls = Beginning(at_once=1)
    await calls.come("1", "gone", "3")
    calls.tasks["gone"].cancel()
    calls.turns.end("gone")
    calls.turns.end("1")
    await calls.settle()
    assert calls.begun == ["1", "3"]


async def test_what_ends_as_it_waits_takes_no_turn_and_keeps_nobody_from_theirs() -> None:
    calls = Beginning(at_once=1)
    await calls.come("1", "over", "over too", "4", "5")
    for call in ("over", "over too", "1"):
        calls.turns.end(call)
    await calls.settle()
    assert calls.begun == ["1", "over", "over too", "4"]
    calls.turns.end("over")  # it had no turn to give
    await calls.settle()
    assert calls.begun[-1] == "4"


async def test_the_longest_wait_counts_from_when_a_call_came_until_it_is_taken() -> None:
    calls = Beginning(at_once=1)
    before = time.monotonic()
    await calls.come("1", "2")
    assert calls.turns.longest_s(before + 9) == 0, "two may be stuck"
    await calls.come("3", "4")
    assert 8 < calls.turns.longest_s(before + 9) <= 9
    for call in ("1", "2"):
        calls.turns.end(call)
    assert calls.turns.longest_s(before + 9) == 0


async def test_a_call_that_begins_anew_waits_for_its_turn_again() -> None:
    """Another process is asked where one did not take it."""
    calls = Beginning(at_once=1)
    await calls.come("1", "2")
    calls.turns.end("1")
    await calls.settle()
    await calls.come("1")
    assert calls.begun == ["1", "2"]
    calls.turns.end("2")
    await calls.settle()
    assert calls.begun == ["1", "2", "1"]
