"""What engine and call processes say at the same time: nothing of it is lost, or meant for another.

What is on its way is held back by taking the engine's reader of a process's socket away.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callengine.core.control.calls import CallEnded, Idle, StateReached, Taken
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.states import CallState
from callengine.engine.processes.keeper import CATCH_UP_S, HELD_UP_S, SILENCE_S
from callengine.engine.processes.process import CallProcess, ProcessState
from tests.callengine.edge.fakes import UdpPeer
from tests.callengine.engine import boards
from tests.callengine.engine.arrivals.test_taking import idle_process, rings_and_declines
from tests.callengine.engine.forked import alive
from tests.callengine.engine.processes.test_pool import opened, taken
from tests.callengine.engine.test_hostile_process import say, taken_over
from tests.peers.waiting import until

pytestmark = pytest.mark.processes

BUSY = Termination("callee", Reason.CALLEE_BUSY, 486, "Bob is busy.")
HUNG_UP = Termination("operator", Reason.OPERATOR_HUNG_UP, 200, "Ann hung up on the live page.")


def hold_back(process: CallProcess) -> None:
    """Have the engine read what a process says no sooner than it asks for it."""
    asyncio.get_running_loop().remove_reader(process.sock)


@asynccontextmanager
async def another() -> AsyncIterator[UdpPeer]:
    peer = await UdpPeer.open("127.0.0.3")
    try:
        yield peer
    finally:
        await peer.close()


async def test_what_a_process_said_before_it_ended_is_taken(peer: UdpPeer, callee: UdpPeer) -> None:
    """It is recycled as it hangs up, and an operator hangs up just then: neither knows better."""
    async with boards.opened(callee) as board, taken_over(board) as (process, control, _):
        boards.call(board, peer)
        await until(lambda: board.given_to() is process, "the call was not handed over")
        (call,) = board.calls.values()
        say(control, Taken())
        await until(lambda: call.taken, "it was not taken")
        hold_back(process)
        say(control, StateReached(CallState.ENDED, 1.0))
        say(control, CallEnded(BUSY, 1.0))
        say(control, Idle(recycle=True))
        control.close()
        board.hang_up(call, HUNG_UP)
        await until(lambda: bool(board.written.endings), "the call stays open")
        assert [ending["reason"] for ending in board.written.endings] == [Reason.CALLEE_BUSY]
        assert process.state is ProcessState.DEAD


async def test_a_process_that_died_just_before_its_call_came_is_replaced(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with boards.opened(callee) as board:
        process = await idle_process(board)
        hold_back(process)
        os.kill(process.pid, signal.SIGKILL)
        await until(lambda: not alive(process.pid), "it lives")
        boards.call(board, peer)
        await rings_and_declines(peer, callee)
        await until(lambda: bool(board.written.endings), "the call stays open")
        assert [ending["reason"] for ending in board.written.endings] == [Reason.CALLEE_BUSY]


async def test_who_hangs_up_a_call_that_is_over_ends_no_other(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with boards.opened(callee) as board, another() as other:
        process = await idle_process(board)
        boards.call(board, peer)
        await until(lambda: bool(board.calls), "there is no call")
        (before,) = board.calls.values()
        await rings_and_declines(peer, callee)
        await until(lambda: process.state is ProcessState.IDLE, "it is not free again")
        boards.call(board, other)
        await until(lambda: board.given_to() is process, "it was not given the next call")
        (call,) = board.calls.values()
        await until(lambda: call.taken, "it was not taken")
        board.hang_up(before, HUNG_UP)
        await rings_and_declines(other, callee)
        await until(lambda: len(board.written.endings) == 2, "the second call stays open")
        reasons = [ending["reason"] for ending in board.written.endings]
        assert reasons == [Reason.CALLEE_BUSY] * 2


async def test_processes_that_stood_still_with_the_engine_are_waited_for() -> None:
    async with opened(1, spare=((8000, 1),)) as pool:
        process = await taken(pool, 8000)
        process.call = "x"
        now = time.monotonic()
        process.heard_at = pool._keeper._looked_at = now - SILENCE_S - HELD_UP_S
        pool.end_silent()
        assert alive(process.pid)
        assert process.heard_at == pytest.approx(now + CATCH_UP_S - SILENCE_S, abs=1)
        process.heard_at = now - SILENCE_S - CATCH_UP_S
        pool.end_silent()
        await until(lambda: process.state is ProcessState.DEAD, "it is not ended")
