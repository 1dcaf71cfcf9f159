"""The pool of call processes, with real ones: kept ahead of need, reused, replaced, moved."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from callengine.core.control.calls import Stop, TakeCall
from callengine.core.control.language import encode
from callengine.core.orders import CallOrder, LegOrder, WaveOrder
from callengine.engine.processes import pool as pool_module
from callengine.engine.processes import roster
from callengine.engine.processes.pool import START_TIMEOUT_S, Pool
from callengine.engine.processes.process import (
    CallProcess,
    GivenUpError,
    PoolSettings,
    ProcessState,
)
from tests.callengine.engine.forked import alive
from tests.callengine.engine.processes.pools import opened
from tests.peers import descriptions
from tests.peers.ports import free_port_range
from tests.peers.waiting import until

pytestmark = pytest.mark.processes
OpenPool = Callable[..., AbstractAsyncContextManager[Pool]]
TWO_RATES = ((8000, 1), (16000, 1))
TAKEN_DOWN_S = 1.0


def idle(pool: Pool, rate: int) -> list[CallProcess]:
    found = (p for p in pool.processes if p.state is ProcessState.IDLE)
    return [p for p in found if p.bridge_rate_hz == rate]


async def taken(pool: Pool, rate: int) -> CallProcess:
    process = await pool.acquire(rate)
    assert process is not None
    assert process.bridge_rate_hz == rate
    assert alive(process.pid)
    return process


async def test_an_engine_that_begins_waits_longer_for_its_first_process_than_a_call_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "FIRST_START_TIMEOUT_S", 0.0)
    async with opened(1, spare=((8000, 1),)) as pool:
        assert len(idle(pool, 8000)) == 1
    monkeypatch.setattr(pool_module, "BEGINNING_TIMEOUT_S", 0.0)
    with pytest.raises(RuntimeError, match="this machine is too busy"):
        async with opened(1, spare=((8000, 1),)):
            pass


async def test_a_beginning_is_given_up_at_once() -> None:
    settings = PoolSettings(max_calls=1, rtp_ports=free_port_range(16), user_agent="test")
    pool = Pool(settings, on_message=lambda *_: None, on_death=lambda _: None)
    beginning = asyncio.create_task(pool.start())
    await asyncio.sleep(0)
    (process,) = pool.processes
    pool.give_up()
    with pytest.raises(GivenUpError):
        await beginning
    assert not process.ready.done()
    await pool.stop()


async def test_a_stop_waits_for_no_pjsua2_to_be_taken_down() -> None:
    """That is a wait of a second by the clock; a machine may be busy, but not each time."""
    least_s = TAKEN_DOWN_S
    for _ in range(5):
        async with opened(1, spare=((8000, 1),)) as pool:
            began = time.monotonic()
            await pool.stop()
            least_s = min(least_s, time.monotonic() - began)
        if least_s < TAKEN_DOWN_S:
            break
    assert least_s < TAKEN_DOWN_S


async def test_spares_are_kept_and_replaced() -> None:
    async with opened(8, spare=((8000, 2), (16000, 1))) as pool:
        await until(lambda: len(idle(pool, 8000)) == 2 and len(idle(pool, 16000)) == 1, "no spares")
        first, second = await taken(pool, 8000), await taken(pool, 8000)
        await until(lambda: len(idle(pool, 8000)) == 2, "spares were not replaced")
        assert pool.busy == 2
        pool.release(first, recycle=False)
        pool.release(second, recycle=False)
        assert pool.busy == 0


async def test_a_process_that_had_a_call_is_exchanged_once_it_rests() -> None:
    async with opened(8, spare=((8000, 1),), rest_s=0.1) as pool:
        await until(lambda: len(idle(pool, 8000)) == 1, "no spare")
        unused = idle(pool, 8000)[0]
        pool.give_back()
        assert idle(pool, 8000) == [unused]
        used, other = await taken(pool, 8000), await taken(pool, 8000)
        for process in (used, other):
            pool.release(process, recycle=False)

        def is_as_at_first() -> bool:
            pool.give_back()
            return {used, other}.isdisjoint(pool.processes) and len(idle(pool, 8000)) == 1

        await until(is_as_at_first, "processes that had a call are kept")
        assert not idle(pool, 8000)[0].has_served


async def test_the_processes_of_a_burst_are_kept_for_the_next_one_but_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roster, "MAX_SPARE", 1)
    monkeypatch.setattr(roster, "KEPT_S", 600.0)
    async with opened(6, spare=((8000, 1),)) as pool:
        burst = [await taken(pool, 8000) for _ in range(6)]
        for process in burst:
            pool.release(process, recycle=False)
        pool.give_back()
        assert idle(pool, 8000) == burst
        monkeypatch.setattr(roster, "KEPT_S", 0.0)
        pool.give_back()
        assert idle(pool, 8000) == burst[:3]


async def test_a_process_serves_call_after_call() -> None:
    async with opened(1, spare=((8000, 1),)) as pool:
        pids = set()
        for _ in range(20):
            process = await taken(pool, 8000)
            pids.add(process.pid)
            pool.release(process, recycle=False)
        assert len(pids) == 1


async def test_a_process_to_be_recycled_is_replaced() -> None:
    async with opened(1, spare=((8000, 1),)) as pool:
        process = await taken(pool, 8000)
        # What the engine hears when an order's INVITE never came: it recycles itself then.
        process.sock.send(encode(Stop()))
        pool.release(process, recycle=True)
        assert (await taken(pool, 8000)).pid != process.pid
        assert process.state is ProcessState.DEAD


async def test_no_process_is_handed_to_two_calls() -> None:
    async with opened(8, spare=TWO_RATES) as pool:
        got = await asyncio.gather(*(pool.acquire(8000) for _ in range(12)))
        held = [process for process in got if process is not None]
        assert len({process.number for process in held}) == len(held) == 8
        assert len({process.slot for process in held}) == 8
        assert all(process.sip_port for process in held)
        pool.release(held[0], recycle=False)
        assert await pool.acquire(8000) is held[0]


async def test_calls_that_wait_each_get_one_of_those_that_are_left_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is left wakes all who wait: the rest were refused though another came in time."""
    monkeypatch.setattr(pool_module, "CLEARING_S", 30.0)
    async with opened(2, spare=((8000, 2),)) as pool:
        held = [await taken(pool, 8000) for _ in range(2)]
        waiting = [asyncio.create_task(pool.acquire(8000)) for _ in range(2)]
        await asyncio.sleep(0)
        pool.release(held[0], recycle=False)
        first, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in first] == [held[0]]
        pool.release(held[1], recycle=False)
        assert {await task for task in waiting} == {*held}


@pytest.mark.parametrize("max_calls", [1, 2, 3])
async def test_a_full_pool_moves_a_slot_to_the_rate_that_is_asked_for(
    max_calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call finds a process while any slot is free, whatever rates were spare."""
    monkeypatch.setattr(pool_module, "CLEARING_S", 0.1)
    async with opened(max_calls) as pool:
        for rate in (48000, 8000, 16000):
            held = [await taken(pool, rate) for _ in range(max_calls)]
            assert await pool.acquire(rate) is None
            assert await pool.acquire(8000) is None
            for process in held:
                pool.release(process, recycle=False)


async def test_calls_at_once_get_every_slot_of_another_rate() -> None:
    async with opened(4, spare=((8000, 4),)) as pool:
        got = await asyncio.gather(*(pool.acquire(16000) for _ in range(4)))
        assert all(process and process.bridge_rate_hz == 16000 for process in got)


async def test_a_process_that_dies_idle_is_replaced() -> None:
    async with opened(2, spare=((8000, 1),)) as pool:
        (lost,) = pool.processes
        lost.sock.send(encode(Stop()))
        pool.send(lost, Stop())
        await until(
            lambda: any(p is not lost for p in idle(pool, 8000)), "the spare was not replaced"
        )


BUSY_CALLEE = ("via", "from", "to", "call-id", "cseq")


class BusyEdge(asyncio.DatagramProtocol):
    """Stands where the edge stands: sends call processes a caller whose callee is busy."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        copied = [line for line in head[1:] if line.partition(":")[0].lower() in BUSY_CALLEE]
        if head[0].startswith("INVITE"):
            copied = [f"{x};tag=b" if x.lower().startswith("to:") else x for x in copied]
            self._send(addr, "SIP/2.0 486 Busy Here", copied)
        elif head[0].startswith("SIP/2.0 ") and head[0][8] in "456":
            ack = [line.replace("INVITE", "ACK") for line in copied]
            self._send(addr, f"ACK sip:leg@{addr[0]}:{addr[1]} SIP/2.0", ack)

    def call(self, process: CallProcess, number: int) -> TakeCall:
        """Return an order whose INVITE follows at once."""
        lines = [
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{number}",
            f"From: <sip:caller@{self.address}>;tag={number}",
            f"To: <sip:callee@{self.address}>",
            f"Call-ID: call-{number}",
            "CSeq: 1 INVITE",
            "Max-Forwards: 70",
            f"Contact: <sip:caller@{self.address}>",
            "Content-Type: application/sdp",
        ]
        body = descriptions.sdp(["PCMU"], port=9)
        host, port = process.sip_address
        loop = asyncio.get_running_loop()
        request = f"INVITE sip:token-a@{host}:{port} SIP/2.0"
        loop.call_soon(self._send, process.sip_address, request, lines, body)
        leg_b = LegOrder(
            "B",
            "token-b",
            to_uri=f"sip:callee@{self.address}",
            from_uri=f"<sip:caller@{self.address}>",
            public_address="127.0.0.1",
            label="callee",
        )
        order = CallOrder(
            call=f"{number:032x}",
            edge=self.address,
            leg_a=LegOrder("A", "token-a", public_address="127.0.0.1", label="caller"),
            waves=(WaveOrder((leg_b,), ("PCMU",), ("PCMU",)),),
            offered=("PCMU",),
            ring_timeout_s=5.0,
            max_duration_s=60.0,
        )
        return TakeCall(order)

    def _send(self, to: tuple[str, int], first: str, lines: list[str], body: str = "") -> None:
        text = "\r\n".join((first, *lines, f"Content-Length: {len(body)}", "", body))
        self.transport.sendto(text.encode(), to)


async def test_a_process_serves_its_number_of_calls_and_is_replaced() -> None:
    loop = asyncio.get_running_loop()
    transport, edge = await loop.create_datagram_endpoint(BusyEdge, local_addr=("127.0.0.1", 0))
    async with opened(1, spare=((8000, 1),), calls_before_recycling=3) as pool:
        pids = []
        for number in range(1, 7):
            process = await taken(pool, 8000)
            pids.append(process.pid)
            pool.send(process, edge.call(process, number), wake=False)
            await until(lambda p=process: p.state is not ProcessState.BUSY, "not given back")  # type: ignore[misc]
        assert pids == [pids[0]] * 3 + [pids[3]] * 3
        assert pids[0] != pids[3]
    transport.close()


async def test_a_process_that_crashes_says_where(capfd: pytest.CaptureFixture[str]) -> None:
    said = ""

    def has_said() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "in serve" in said

    async with opened(2, spare=((8000, 1),)) as pool:
        os.kill((await taken(pool, 8000)).pid, signal.SIGSEGV)
        await until(has_said, "it left without a word")
    assert "Fatal Python error: Segmentation fault" in said


async def test_no_process_waits_for_an_id_that_died_with_the_fork_server() -> None:
    """It would be taken for a call, and cost it seconds and another fork server."""
    async with opened(4, spare=((8000, 1),)) as pool:
        await until(lambda: len(idle(pool, 8000)) == 1, "no spare")
        process = pool._keeper.fork(8000)
        assert process is not None
        _stand_still(1.5)  # it has been forked, and what the fork server said of it not read
        pool._keeper._fork_server.kill()
        await until(lambda: process.state is ProcessState.DEAD, "it is kept without an id")
        taken_at = time.monotonic()
        assert await pool.acquire(8000) is not None
        assert time.monotonic() - taken_at < START_TIMEOUT_S
        assert all(other.number != process.number for other in pool.processes)


def _stand_still(seconds: float) -> None:
    time.sleep(seconds)
