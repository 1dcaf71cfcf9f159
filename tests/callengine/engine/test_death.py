"""Processes that die: what is left behind is cleaned up, and nobody else notices."""

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from callengine.engine.node.heartbeat import HEARTBEAT_S
from callengine.engine.processes.keeper import SILENCE_S
from tests.callengine.engine.forked import (
    Restartable,
    alive,
    fork_server_of,
    owner_of,
    templates_of,
)
from tests.peers import descriptions
from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, converse, next_call_works, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(
    connection("bob", inbound=["G722"]), connection("carol", inbound=["G722"])
)
BYE_WITHIN_S = 8.0
"At once; by then the watchdog of silent processes has not looked."


def process_of(call: Conversation) -> int:
    return owner_of(call.a.rtp_target[1])


async def seconds_until_ended(call: Call, timeout_s: float) -> float:
    started = time.monotonic()
    await asyncio.wait_for(call.ended.wait(), timeout_s)
    return time.monotonic() - started


async def both_released(call: Conversation, timeout_s: float) -> list[float]:
    """Wait for a BYE at both ends, and return how long each took in seconds."""
    waits = (seconds_until_ended(end, timeout_s) for end in (call.a, call.b))
    taken = await asyncio.gather(*waits)
    for end in (call.a, call.b):
        assert end.bye is not None
        assert "Q.850" in (end.bye.headers.get("Reason") or "")
    return taken


async def insist_died(engine: Engine, call_id: str) -> dict[str, Any]:
    record = await engine.record(call_id)
    assert record["termination"]["by"] == "engine"
    assert record["termination"]["reason"] == "call-process-died"
    assert record["termination"]["code"] == 500
    assert record["termination"]["advice"]
    return record


async def test_a_killed_call_process_takes_its_own_call_alone(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
        caller(engine) as one,
        caller(engine) as two,
    ):
        doomed = await converse(engine, one, bob, offer=["PCMU"])
        other = await converse(engine, two, carol, offer=["PCMU"])
        pid = process_of(doomed)
        assert pid in engine.children()
        assert pid != process_of(other)
        talk = asyncio.create_task(
            other.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=3.0)
        )
        await asyncio.sleep(1.0)
        os.kill(pid, signal.SIGKILL)
        taken = await both_released(doomed, BYE_WITHIN_S)
        print(f"BYE after SIGKILL: caller {taken[0] * 1e3:.1f} ms, callee {taken[1] * 1e3:.1f} ms")
        await talk
        record = await insist_died(engine, doomed.a.call_id)
        assert record["answered"]
        assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "G722"]
        assert not other.a.ended.is_set()
        assert not other.b.ended.is_set()
        assert (await other.end())["termination"]["by"] == "caller"
        await next_call_works(engine, bob)


async def test_a_call_process_killed_while_ringing_leaves_nobody_ringing(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.ring()
        await a.wait_provisional(180)
        started = time.monotonic()
        os.kill(owner_of(descriptions.rtp_address(b.offer_sdp)[1]), signal.SIGKILL)
        final = await a.wait_final(BYE_WITHIN_S)
        await asyncio.wait_for(b.cancelled.wait(), BYE_WITHIN_S)
        print(f"CANCEL and final answer after {(time.monotonic() - started) * 1e3:.1f} ms")
        assert 500 <= final.code < 600
        record = await insist_died(engine, a.call_id)
        assert record["answered"] is None
        await next_call_works(engine, bob)


async def test_a_call_process_that_hangs_is_ended(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        pid = process_of(call)
        os.kill(pid, signal.SIGSTOP)
        taken = await both_released(call, SILENCE_S + HEARTBEAT_S + BYE_WITHIN_S)
        assert min(taken) > SILENCE_S / 2, "not the watchdog"
        print(f"BYE after SIGSTOP: {max(taken):.1f} s")
        record = await insist_died(engine, call.a.call_id)
        assert "said nothing for 10 s and was ended" in record["termination"]["advice"]
        await until(lambda: not alive(pid), "the stopped process is still there")
        await next_call_works(engine, bob)


def those_that_fork(engine: Engine) -> list[int]:
    return [fork_server_of(engine), *templates_of(engine)]


@pytest.mark.parametrize("which", [0, -1], ids=["fork-server", "template"])
async def test_calls_outlive_what_forked_them_and_new_ones_are_taken(
    engine: Engine, which: int
) -> None:
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
        caller(engine) as phone,
    ):
        up = await converse(engine, phone, bob, offer=["PCMU"])
        lost = those_that_fork(engine)
        assert len(lost) > 1
        os.kill(lost[which], signal.SIGKILL)
        # More than were spare, so that new ones have to be forked at once.
        calls = [await converse(engine, phone, carol, offer=["PCMU"]) for _ in range(5)]
        assert len({process_of(call) for call in (up, *calls)}) == 6
        await up.hears_both_ways(codec_a="PCMU", codec_b="G722")
        await until(lambda: not any(map(alive, lost)), "one of those that fork was left")
        assert fork_server_of(engine) not in lost
        for call in (up, *calls):
            assert (await call.end())["termination"]["by"] == "caller"


async def test_call_processes_end_with_a_killed_engine_and_the_orphan_is_closed() -> None:
    with Restartable(CONFIGURATION) as engine:
        async with registered(engine, "bob") as bob, caller(engine) as phone:
            call = await converse(engine, phone, bob, offer=["PCMU"])
            await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
            below = engine.children()
            assert process_of(call) in below
            started = time.monotonic()
            engine.kill()
            await until(lambda: not any(map(alive, below)), "call processes outlive the engine")
            print(f"{len(below)} processes ended {time.monotonic() - started:.1f} s later")
            await asyncio.to_thread(engine.start_again)
            record = await engine.record(call.a.call_id)
            assert record["termination"]["reason"] == "engine-restarted"
            assert record["answered"]
            await next_call_works(engine, bob)
