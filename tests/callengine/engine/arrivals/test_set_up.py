"""What may happen while a call is being set up, and what the record then says."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from callengine.core.directory import ConnectionEntry, Destination, Source
from callengine.core.orders import LegOrder
from callengine.core.outcomes import Rejection, Termination
from callengine.edge.interface import Accepted, Refused
from callengine.engine.calls.livecall import Joint, PendingTransfer, Referrer
from callengine.engine.processes.process import (
    CallProcess,
    NoProcessStartsError,
    PoolSettings,
    ProcessState,
)
from tests.callengine.edge.fakes import SDP, Phone, UdpPeer
from tests.callengine.engine.boards import Detached
from tests.peers.waiting import until

HUNG_UP = Termination("operator", "operator-hung-up", 200, "Somebody hung up.")
MISSED = Termination("engine", "callee-unreachable", 480, "It ended before that.")
BOB = ConnectionEntry("bob", "Bob", address="sip:127.0.0.3:5070")


class Board(Detached):
    """A switchboard with an open edge, one pretended call process, and no database."""

    def __init__(self) -> None:
        pool = PoolSettings(max_calls=1, rtp_ports=(20000, 20015), user_agent="test", spare=())
        super().__init__(pool)
        self.destination = Destination(connection=BOB)
        self.may_read, self.reading = threading.Event(), threading.Event()
        self.may_read.set()
        ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = CallProcess(1, 8000, 0, ours, asyncio.get_running_loop().create_future())
        self.process.sip_port = 9
        self.process.state = ProcessState.IDLE
        self.on_acquire: Callable[[], None] = lambda: None
        self.pool.acquire = self._acquired  # type: ignore[method-assign]

    async def _acquired(self, rate: int) -> CallProcess:
        self.process.state = ProcessState.BUSY
        await asyncio.sleep(0)
        self.on_acquire()
        return self.process

    async def _ask(self, question: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.reading.set()
        await asyncio.to_thread(self.may_read.wait, 5)
        return self.read_for(arguments[0], self.destination)

    @property
    def process_is_free(self) -> bool:
        return self.process.state is ProcessState.IDLE and self.process.call is None


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    board = Board()
    await board.edge.start()
    yield board
    await board.edge.stop()
    board.process.sock.close()
    board.theirs.close()
    await board.pool.stop()


@pytest.fixture
async def peer() -> AsyncIterator[UdpPeer]:
    peer = await UdpPeer.open("127.0.0.3")
    yield peer
    await peer.close()


def phone_of(board: Board, peer: UdpPeer) -> Phone:
    return Phone(*peer.address, user="eve", edge=board.edge.listening[0][1:])


def invite(phone: Phone, method: str = "INVITE", **more: object) -> str:
    uri = f"sip:bob@{phone.edge[0]}:{phone.edge[1]}"
    text = phone.request(method, 1, uri=uri, branch="z9hG4bKone", **more)  # type: ignore[arg-type]
    return text.replace(f"sip:eve@{phone.edge[0]}>;tag", "sip:eve@198.51.100.1>;tag")


async def test_a_caller_who_gives_up_early_leaves_nothing_behind(
    board: Board, peer: UdpPeer
) -> None:
    board.may_read.clear()
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await asyncio.to_thread(board.reading.wait, 5)
    peer.send(invite(phone, "CANCEL"), phone.edge)
    await peer.expect(487)
    peer.send(invite(phone, "ACK"), phone.edge)
    board.may_read.set()
    await until(lambda: bool(board.written.endings), "the call stays open")
    assert [ending["reason"] for ending in board.written.endings] == ["caller-cancelled"]
    assert not board.calls
    assert board.process_is_free


async def test_a_call_that_is_given_up_before_its_turn_takes_no_process(
    board: Board, peer: UdpPeer
) -> None:
    acquired: list[bool] = []
    board.on_acquire = lambda: acquired.append(True)
    turns = board._assignment._turns
    others = [f"other{number}" for number in range(64)]
    waiting = [asyncio.ensure_future(turns.begin(other)) for other in others]
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await until(lambda: len(turns._since) == len(others) + 1, "the call does not wait")
    peer.send(invite(phone, "CANCEL"), phone.edge)
    await peer.expect(487)
    for other in others:
        turns.end(other)
    await until(lambda: bool(board.written.endings), "the call stays open")
    assert [ending["reason"] for ending in board.written.endings] == ["caller-cancelled"]
    for task in waiting:
        task.cancel()
    assert not acquired
    assert not turns._since


@pytest.mark.parametrize("case", ["no place", "no process", "none starts", "no call to pick up"])
async def test_a_call_that_a_cancel_overtook_ended_by_its_caller_whatever_it_would_have_come_to(
    board: Board, peer: UdpPeer, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """It was said to have failed with 503 when the caller had been told 487."""
    waits, goes_on = asyncio.Event(), asyncio.Event()

    async def stuck(_: object) -> Any:
        waits.set()
        await goes_on.wait()
        if case == "no place":
            raise OSError("no name server answers")
        if case == "none starts":
            raise NoProcessStartsError
        return MISSED if case == "no call to pick up" else None

    places = {"no place": (board.edge, "locate"), "no call to pick up": (board._pickups, "prepare")}
    monkeypatch.setattr(*places.get(case, (board.pool, "acquire")), stuck)
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await asyncio.wait_for(waits.wait(), 15)
    peer.send(invite(phone, "CANCEL"), phone.edge)
    await peer.expect(487)
    goes_on.set()
    await until(lambda: bool(board.written.endings), "the call stays open")
    (ending,) = board.written.endings
    assert (ending["by"], ending["reason"], ending["code"]) == ("caller", "caller-cancelled", 487)
    assert not board.calls


async def test_a_refusal_that_a_cancel_overtook_is_stored_as_what_was_sent(
    board: Board, peer: UdpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[Rejection] = []
    monkeypatch.setattr(board.edge, "store", stored.append)
    board.destination = Destination()
    board.may_read.clear()
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await asyncio.to_thread(board.reading.wait, 5)
    peer.send(invite(phone, "CANCEL"), phone.edge)
    await peer.expect(487)
    board.may_read.set()
    await until(lambda: bool(stored), "nothing is stored")
    assert [(one.code, one.rule) for one in stored] == [(487, "unknown-number")]
    assert stored[0].advice.startswith("The caller gave up before it was told: Nobody here")


async def test_who_ends_a_call_before_it_has_a_process_stands_in_the_record(
    board: Board, peer: UdpPeer
) -> None:
    board.on_acquire = lambda: board.hang_up(next(iter(board.calls.values())), HUNG_UP)
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await peer.expect(480)
    assert [ending["by"] for ending in board.written.endings] == ["operator"]
    assert board.process_is_free


async def test_an_engine_that_cannot_start_a_call_process_says_so(
    board: Board, peer: UdpPeer
) -> None:
    async def none_starts(_: int) -> CallProcess:
        raise NoProcessStartsError

    board.pool.acquire = none_starts  # type: ignore[method-assign]
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await peer.expect(500)
    (ending,) = board.written.endings
    assert (ending["by"], ending["reason"]) == ("engine", "no-working-call-process")


async def test_a_set_up_that_fails_closes_its_call_and_frees_its_process(
    board: Board, peer: UdpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("callengine.engine.arrivals.assignment.make_order", broken)
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await peer.expect(500)
    assert [ending["reason"] for ending in board.written.endings] == ["set-up-failed"]
    assert not board.calls
    assert board.process_is_free


async def test_an_invite_larger_than_a_call_process_can_hold_becomes_a_call(
    board: Board, peer: UdpPeer
) -> None:
    phone = phone_of(board, peer)
    text = invite(phone, body=SDP).replace("From: <", f'From: "{"x" * 3500}" <')
    peer.send(text, phone.edge)
    await peer.expect(100)
    await until(lambda: bool(board.calls), "no call was made of it")


async def test_an_ordinary_call_is_handed_over(board: Board, peer: UdpPeer) -> None:
    outcomes: list[Accepted | Refused] = []
    set_up = board.set_up

    async def watched(call: Any) -> Accepted | Refused:
        outcomes.append(await set_up(call))
        return outcomes[-1]

    board.set_up = watched  # type: ignore[method-assign]
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await peer.expect(100)
    await until(lambda: bool(outcomes), "nothing was decided")
    assert isinstance(outcomes[0], Accepted)
    assert len(board.calls) == 1
    assert board.process.call is not None


async def test_a_process_that_dies_takes_no_other_call_and_no_party_with_it_without_a_word(
    board: Board, peer: UdpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who had referred heard no more of it, and the call it was to be joined with stayed up."""
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await until(lambda: board.process.call is not None, "the call was not handed over")
    (live,) = board.calls.values()
    live.taken = True
    told: list[int] = []
    ended: list[Termination] = []
    monkeypatch.setattr(board.edge, "has_been_taken_over", lambda _: True)
    for part in (board.transfers, board._pickups):
        monkeypatch.setattr(part, "_hang_up", lambda _, end: ended.append(end))
    other: Any = SimpleNamespace(
        id="other", ended=False, leg_orders={"B": LegOrder("B", "x")}, name_of=lambda _: "Bob"
    )
    source = Source("external", "127.0.0.3")
    referrer = Referrer("B", "A", source, source, tell=told.append)
    live.transfer = PendingTransfer("Bob", "Cy", referrer=referrer, joint=Joint(other, "A", "B"))
    live.joint = Joint(other, "A", "B")
    board.process.state = ProcessState.DEAD
    board._lost(board.process)
    assert told == [487]
    assert [ending["reason"] for ending in board.written.endings] == ["call-process-died"]
    transferred, picked_up = ended
    assert transferred.advice.startswith("Bob agreed to be joined with another call just as that")
    assert picked_up.advice.startswith("eve was about to pick this call up in the place of Bob")


async def test_a_call_that_does_not_end_at_a_stop_was_stopped_not_lost(
    board: Board, peer: UdpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callengine.engine.node.lastcalls.CLEARING_S", 0.05)
    phone = phone_of(board, peer)
    peer.send(invite(phone, body=SDP), phone.edge)
    await until(lambda: board.process.call is not None, "the call was not handed over")
    with monkeypatch.context() as patched:
        patched.setattr(board.pool, "stop", AsyncMock())
        await board.stop()
    assert [ending["reason"] for ending in board.written.endings] == ["shutting-down"]
