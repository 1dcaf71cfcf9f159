"""A call process that a packet has taken over: whatever it says, the engine ends its call alone."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callengine.core.control.calls import (
    FromCallProcess,
    LegFacts,
    ProcessReady,
    QualityMeasured,
    RedirectAsked,
    Taken,
    TimelineNote,
    TransferOver,
)
from callengine.core.control.language import encode
from callengine.core.snapshot import QualitySnapshot
from callengine.engine.processes.process import CallProcess, ProcessState
from callengine.worker.process.control import socket_pair
from tests.callengine.edge.fakes import UdpPeer
from tests.callengine.engine import boards
from tests.callengine.engine.arrivals.test_taking import (
    IN_SECONDS,
    adopt,
    idle_process,
    rings_and_declines,
)
from tests.peers.waiting import until

SAMPLE: QualitySnapshot = {
    "audio": "missing",
    "mos": None,
    "loss_percent": None,
    "jitter_ms": None,
    "round_trip_ms": None,
    "packets_received": 0,
    "packets_sent": 0,
    "packets_due": 0,
    "silence": None,
}
HOSTILE = [
    b"\xff\xfe",
    b"[" * 100_000,
    b"{}",
    b"null",
    b'{"type":"Stop"}',
    b'{"type":"CallEnded","at":1,"termination":{"by":"nobody","reason":"","code":0,"advice":""}}',
    b'{"type":"QualityMeasured","legs":{"A":NaN}}',
    b'{"type":"StateReached","state":"answered","at":1e300}',
    b'{"type":"TimelineNote","kind":"x","leg":"","text":"\\u0000","at":1}',
    encode(ProcessReady(9, (), {})),
    encode(TimelineNote("x", "B9", "of a leg that nobody ordered", 1.0)),
    encode(LegFacts("", "", "", (), (), None, None, "", "up")),
    encode(RedirectAsked("B7", 302, ())),
    encode(TransferOver("B7", 1.0)),
    b'{"type":"QualityMeasured"}',
    encode(QualityMeasured({"C": SAMPLE})),
]


@asynccontextmanager
async def taken_over(
    board: boards.Board,
) -> AsyncIterator[tuple[CallProcess, socket.socket, "subprocess.Popen[bytes]"]]:
    """Have the engine use a call process that the test speaks for."""
    ours, theirs = socket_pair()
    program = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = await asyncio.to_thread(subprocess.Popen, program)
    with theirs, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip:
        sip.bind(("127.0.0.1", 0))
        board.pool.release(await idle_process(board), recycle=True)
        (spare,) = board.pool.processes
        board.pool._keeper.kill(spare, replace=False)
        process = adopt(board, ours, child.pid)
        say(theirs, ProcessReady(sip.getsockname()[1], ("PCMU",), {}))
        await asyncio.wait_for(process.ready, IN_SECONDS)
        try:
            yield process, theirs, child
        finally:
            child.kill()
            child.wait()


def say(end: socket.socket, message: FromCallProcess) -> None:
    end.send(encode(message))


@pytest.mark.parametrize("data", HOSTILE)
async def test_whatever_it_says_its_call_ends_as_our_own_fault(
    data: bytes, peer: UdpPeer, callee: UdpPeer
) -> None:
    async with boards.opened(callee) as board, taken_over(board) as (process, control, child):
        boards.call(board, peer)
        await until(lambda: board.given_to() is process, "the call was not handed over")
        say(control, Taken())
        control.send(data)
        assert (await peer.expect(500, IN_SECONDS)).cseq_method == "INVITE"
        (ending,) = board.written.endings
        assert (ending["by"], ending["reason"]) == ("engine", "call-process-died")
        assert "said what no call process says" in ending["advice"]
        assert process.state is ProcessState.DEAD
        assert await asyncio.to_thread(child.wait, 5) == -9
        assert board.pool.busy == 0


async def test_a_call_it_has_not_taken_is_given_to_another(peer: UdpPeer, callee: UdpPeer) -> None:
    async with boards.opened(callee) as board, taken_over(board) as (process, control, _):
        boards.call(board, peer)
        await until(lambda: board.given_to() is process, "the call was not handed over")
        control.send(b"nonsense")
        await rings_and_declines(peer, callee)
        (text,) = [text for kind, text in board.written.lines if kind == "retried"]
        assert "it said what no call process says" in text
