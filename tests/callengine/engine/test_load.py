"""Fifty transcoded calls at once with sound in all of them, and one call too many."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.callengine.engine.forked import Restartable
from tests.peers import descriptions
from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import ROOT, Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_port_range
from tests.wire.conversation import Conversation, caller, converse, next_call_works, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["G722"]))
CALLS = 50
TALK_S = 5.0
AT_ONCE = 5
"Calls being set up at the same time."
HERTZ = [400 * 1.04**index for index in range(CALLS)]
"One tone a call, further apart than the measurement's tolerance."


@pytest.mark.alone  # they need most of a processor, and what it does not do in time is not heard
async def test_fifty_transcoded_calls_at_once_all_have_sound() -> None:
    ports = free_port_range(16 * (CALLS + 5))
    environment = {
        "VOIPNUMBER_MAX_CALLS": str(CALLS + 5),
        "VOIPNUMBER_RTP_PORTS": f"{ports[0]}-{ports[1]}",
    }
    with Restartable(CONFIGURATION, environment=environment) as engine:
        async with registered(engine, "bob") as bob, caller(engine) as phone:
            started = time.monotonic()
            calls = await _set_up(phone, bob)
            set_up_s = time.monotonic() - started
            before = _cpu_s(engine)
            expected, heard = await _talk(calls)
            used_s = _cpu_s(engine) - before
            await asyncio.gather(*(a.hang_up() for a, _ in calls))
            await asyncio.gather(*(asyncio.wait_for(b.ended.wait(), 30) for _, b in calls))
            at_a, at_b = heard[:CALLS], heard[CALLS:]
            least = min(h["packets"] for h in heard) / expected
            print(
                f"measured: {CALLS} calls set up in {set_up_s:.1f} s, {least:.1%} of the expected "
                f"packets at least, {used_s / TALK_S:.2f} cores while talking"
            )
            for index in range(CALLS):
                _insist(at_a[index], 0, HERTZ[CALLS - 1 - index], expected)
                _insist(at_b[index], 9, HERTZ[index], expected)
            await _all_on_record(engine, calls)


async def _set_up(phone: Phone, bob: Phone) -> list[tuple[OutgoingCall, IncomingCall]]:
    """Place the calls, each with RTP ports of its own, and pair both ends of each."""
    first, _ = free_port_range(4 * CALLS)
    room = asyncio.Semaphore(AT_ONCE)

    async def place(index: int) -> OutgoingCall:
        async with room:
            headers = {"Subject": str(index)}
            name = f"caller-{index}"
            offer = phone.sdp(["PCMU"], port=first + 4 * index)
            call = await phone.invite("bob", offer, from_user=name, headers=headers)
            await call.answered()
            return call

    async def answer() -> tuple[int, IncomingCall]:
        call = await bob.wait_call()
        index = int(str(call.invite.from_address.uri.user).removeprefix("caller-"))
        await call.ring()
        await call.answer(bob.sdp(["G722"], port=first + 4 * index + 2), timeout_s=30)
        return index, call

    answering = asyncio.gather(*(answer() for _ in range(CALLS)))
    placed = await asyncio.gather(*(place(index) for index in range(CALLS)))
    answered = dict(await answering)
    return [(a, answered[index]) for index, a in enumerate(placed)]


async def _talk(
    calls: list[tuple[OutgoingCall, IncomingCall]],
) -> tuple[int, list[dict[str, Any]]]:
    streams = [_stream(a, "PCMU", HERTZ[i]) for i, (a, _) in enumerate(calls)]
    streams += [_stream(b, "G722", HERTZ[CALLS - 1 - i]) for i, (_, b) in enumerate(calls)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.callengine.engine.talkers"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    order = json.dumps({"seconds": TALK_S, "streams": streams}) + "\n"
    output, _ = await asyncio.wait_for(process.communicate(order.encode()), TALK_S + 30)
    result = json.loads(output)
    return result["expected"], result["heard"]


def _stream(call: OutgoingCall | IncomingCall, codec: str, hz: float) -> dict[str, Any]:
    return {
        "port": descriptions.rtp_address(call.local_sdp)[1],
        "codec": codec,
        "payload_type": descriptions.payload_type(call.remote_sdp, codec),
        "to": call.rtp_target,
        "hz": hz,
    }


def _insist(heard: dict[str, Any], payload_type: int, hz: float, expected: int) -> None:
    assert heard["packets"] >= 0.9 * expected, heard
    assert heard["payload_types"] == [payload_type], heard
    assert abs(heard["hz"] - hz) < 0.02 * hz, (heard, hz)
    assert heard["share"] > 0.5, heard


async def _all_on_record(engine: Engine, calls: list[tuple[OutgoingCall, IncomingCall]]) -> None:
    records = await engine.records(CALLS)
    for a, b in calls:
        record = records[a.call_id]
        assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "G722"]
        assert record["legs"][1]["call_id"] == b.call_id
        assert record["transcoded"] is True
        assert record["state"] == "ended"
        assert record["started"] < record["answered"] < record["ended"]
        assert record["termination"]["by"] == "caller"
        assert record["termination"]["code"] == 200


def _cpu_s(engine: Engine) -> float:
    """Return the CPU-seconds that every process of the engine has used so far."""
    ticks = 0
    for pid in (*engine.children(), *(p.pid for p in engine.processes.values())):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def test_one_call_too_many_is_refused_and_the_next_finds_room() -> None:
    with Restartable(CONFIGURATION, environment={"VOIPNUMBER_MAX_CALLS": "2"}) as engine:
        async with registered(engine, "bob") as bob, caller(engine) as phone:
            up: list[Conversation] = [
                await converse(engine, phone, bob, offer=["PCMU"]) for _ in range(2)
            ]
            late = await phone.invite("bob", phone.sdp(["PCMU"]))
            refused = await late.wait_final()
            assert refused.code == 503
            assert int(refused.headers.get("Retry-After") or 0) > 0
            reason = await engine.refusal(late.call_id, code=503)
            assert reason["rule"] == "no-call-process"
            assert "VOIPNUMBER_MAX_CALLS" in reason["advice"]
            assert bob.incoming.empty()
            await up[0].end()
            await next_call_works(engine, bob)
            await up[1].end()
