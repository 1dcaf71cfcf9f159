"""Call processes that do not take the call they are given: another does, or the engine says why."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from callengine.edge.legs import inner
from callengine.engine.processes.process import CallProcess, ProcessState
from callengine.worker.process.control import socket_pair
from tests.callengine.edge.fakes import UdpPeer, reply_as
from tests.callengine.engine import boards
from tests.peers.engine import ROOT
from tests.peers.ports import free_port_range
from tests.peers.waiting import until

pytestmark = pytest.mark.processes
IN_SECONDS = 40.0


async def idle_process(board: boards.Board) -> CallProcess:
    (process,) = board.pool.processes
    await until(lambda: process.state is ProcessState.IDLE, "no process is idle")
    return process


async def rings_and_declines(peer: UdpPeer, callee: UdpPeer) -> None:
    invite = await callee.expect("INVITE", IN_SECONDS)
    callee.send(reply_as(invite, 180, "Ringing", tag="c"), _source(invite))
    assert (await peer.expect(180)).code == 180
    callee.send(reply_as(invite, 486, "Busy Here", tag="c"), _source(invite))
    assert (await peer.expect(486)).code == 486


def _source(invite: Any) -> tuple[str, int]:
    return invite.via.host, invite.via.port


async def test_a_stopped_process_is_replaced_and_the_call_rings(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with boards.opened(callee) as board:
        stopped = await idle_process(board)
        os.kill(stopped.pid, signal.SIGSTOP)
        boards.call(board, peer)
        await rings_and_declines(peer, callee)
        assert stopped.state is ProcessState.DEAD
        await until(lambda: bool(board.written.endings), "the call stays open")
        assert board.written.endings[0]["reason"] == "callee-busy"
        assert [text for kind, text in board.written.lines if kind == "retried"] == [
            "A call process did not take the call: no word for 2.5 s. "
            "It was ended and another one tries."
        ]


async def test_a_process_killed_before_it_took_the_call_is_replaced_at_once(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with boards.opened(callee) as board:
        process = await idle_process(board)
        os.kill(process.pid, signal.SIGSTOP)
        boards.call(board, peer)
        await until(lambda: board.given_to() is process, "the call was not handed over")
        os.kill(process.pid, signal.SIGKILL)
        await rings_and_declines(peer, callee)


async def test_a_caller_who_cancels_a_stopped_process_is_answered(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with boards.opened(callee) as board:
        process = await idle_process(board)
        os.kill(process.pid, signal.SIGSTOP)
        phone = boards.call(board, peer)
        await until(lambda: board.given_to() is process, "the call was not handed over")
        peer.send(boards.request(phone, "CANCEL"), phone.edge)
        assert (await peer.expect(487, IN_SECONDS)).cseq_method == "INVITE"
        await until(lambda: bool(board.written.endings), "the call stays open")
        assert board.written.endings[0]["reason"] == "caller-cancelled"
        assert await callee.silence(0.2)


async def test_an_invite_that_pjsip_drops_ends_with_500_and_its_own_reason(
    peer: UdpPeer, callee: UdpPeer, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    written = inner.request

    def unreadable(*arguments: Any, **options: Any) -> bytes:
        return written(*arguments, **options).replace(b"From: <", b'From: ""x"" <')

    monkeypatch.setattr(inner, "request", unreadable)
    async with boards.opened(callee) as board:
        await idle_process(board)
        boards.call(board, peer)
        final = await peer.expect(500, IN_SECONDS)
        assert final.get("reason") == "Q.850;cause=41"
        (ending,) = board.written.endings
        assert (ending["by"], ending["reason"], ending["code"]) == (
            "engine",
            "invite-not-taken",
            500,
        )
        assert await callee.silence(0.1)
        assert board.pool.busy == 0
    assert [r.levelno for r in caplog.records if "did not take its call" in r.message] == [
        logging.ERROR
    ] * 2


async def test_a_stopped_fork_server_is_replaced(peer: UdpPeer, callee: UdpPeer) -> None:
    async with boards.opened(callee) as board:
        process = await idle_process(board)
        server = board.pool._keeper._fork_server._process
        assert server is not None
        server.send_signal(signal.SIGSTOP)
        board.pool.release(process, recycle=True)
        boards.call(board, peer)
        await rings_and_declines(peer, callee)
        assert server.poll() is not None


@contextmanager
def crowded(count: int) -> Iterator[tuple[socket.socket, int]]:
    """Run a call process with so many taken slots; yield its control socket and its id."""
    ours, theirs = socket_pair()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, ours:
        silent.bind(("127.0.0.1", 0))
        words = (theirs.fileno(), count, silent.getsockname()[1], free_port_range(16)[0])
        command = [sys.executable, "-m", "tests.callengine.engine.crowded", *map(str, words)]
        child = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        try:
            yield ours, child.pid
        finally:
            child.kill()
            child.wait()


@pytest.mark.parametrize(
    ("count", "why"),
    [(3, "3 of its call slots were not free"), (4, "it answered without taking it")],
)
async def test_a_process_without_free_slots_is_replaced_at_once(
    count: int, why: str, peer: UdpPeer, callee: UdpPeer
) -> None:
    async with boards.opened(callee) as board:
        with crowded(count) as (control, pid):
            board.pool.release(await idle_process(board), recycle=True)
            (spare,) = board.pool.processes
            board.pool._keeper.kill(spare, replace=False)
            full = adopt(board, control, pid)
            await asyncio.wait_for(full.ready, IN_SECONDS)
            boards.call(board, peer)
            await rings_and_declines(peer, callee)
            assert full.state is ProcessState.DEAD
            await until(lambda: bool(board.written.endings), "the call stays open")
            assert board.written.endings[0]["reason"] == "callee-busy"
            (text,) = [text for kind, text in board.written.lines if kind == "retried"]
            assert why in text


def adopt(board: boards.Board, control: socket.socket, pid: int) -> CallProcess:
    """Have the pool hand out a process it did not fork."""
    control.setblocking(False)
    loop = asyncio.get_running_loop()
    slot = board.pool._roster.slots.popleft()
    process = CallProcess(99, 8000, slot, control, loop.create_future(), pid=pid)
    board.pool._roster.add(process)
    loop.add_reader(control, board.pool._keeper._readable, process)
    return process
