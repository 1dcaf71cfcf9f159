"""A truthful meter: who is silent is said, and a call from which nothing comes any more ends."""

import asyncio
import json
import struct
from typing import Any

import pytest

from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator
from tests.wire.strangers import Reports

TIMEOUT_S = 6
LOUD = "(?:[4-9][0-9]|100)"
"Percent of full scale, on the meter's logarithmic scale."
CONFIGURATION = configuration(connection("bob", inbound=["PCMU"]))
ENVIRONMENT = {"VOIPNUMBER_MEDIA_TIMEOUT_S": str(TIMEOUT_S)}


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


async def _tone(call: Call, seconds: float) -> None:
    await call.phone.rtp.send_tone(
        call.rtp_target, codec="PCMU", payload_type=0, hz=700, seconds=seconds
    )


async def _page(operator: Operator, path: str, words: str, *, gone: bool = False) -> str:
    """Return a page once it holds these words, or does no more: it is written in a moment."""
    async with asyncio.timeout(20):
        while True:
            page = await asyncio.to_thread(operator.get, path)
            if (words in page) is not gone:
                return page
            await asyncio.sleep(0.1)


async def _leg(operator: Operator, path: str, name: str) -> dict[str, list[Any]]:
    """Return the quality of a leg over the call, as its page draws it."""
    answer = await asyncio.to_thread(operator.get, f"{path}quality/")
    found: dict[str, list[Any]] = json.loads(answer)[name]
    return found


async def test_who_stops_is_named_comes_back_and_leaves_a_gap(
    engine: Engine, operator: Operator
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as alice:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        path = await operator.live_call()
        talking = asyncio.create_task(_tone(call.b, 90.0))
        async with operator.watching(path) as page_of_call:
            tone = asyncio.create_task(_tone(call.a, 30.0))
            loud = rf'id="level-A"[^>]*><rect width="{LOUD}"'
            await page_of_call.until(loud, timeout_s=20)
            await page_of_call.until(r'id="quality-A".*?<dd>4\.', timeout_s=20)
            tone.cancel()
            # The second after the last packet may still be measured.
            await page_of_call.until(r'id="quality-A".*?<dd>- <span', timeout_s=20)
            await page_of_call.until(r'id="level-A"[^>]*><rect width="0"', timeout_s=20)
        words = "No audio from the caller for "
        line = await operator.reads(path, "A silence", words, timeout_s=30)
        assert 5 <= int(line.partition(words)[2].split()[0]) <= 12
        assert "Their device or a firewall stopped sending. Last packet " in line
        assert f" UTC from 127.0.0.1:{alice.rtp.port}." in line
        await _page(operator, path, "<strong>No audio from the caller, ")
        await _page(operator, path, "no audio for <span")
        await _page(operator, "/calls/", "No audio from the caller, ")
        await _tone(call.a, 2.5)
        line = await operator.reads(
            path, "A audio back", "Audio from the caller is back after", timeout_s=30
        )
        assert 5 <= int(line.rpartition("after ")[2].split()[0]) <= 20
        await _page(operator, path, "no audio for <span", gone=True)
        await _page(operator, "/calls/", "No audio from the caller, ", gone=True)
        await call.a.hang_up()
        talking.cancel()
        await operator.ended(path)
    a, b = await _leg(operator, path, "A"), await _leg(operator, path, "B")
    assert 3 <= a["mos"].count(None) <= 20
    assert a["mos"].count(None) == a["loss_percent"].count(None) == a["jitter_ms"].count(None)
    assert a["mos"][0] > 4
    assert None not in b["mos"]


async def test_both_never_heard_end_the_call_with_its_own_reason(
    engine: Engine, operator: Operator
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as alice:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        path = await operator.live_call()
        await asyncio.gather(
            *(asyncio.wait_for(end.ended.wait(), TIMEOUT_S + 20) for end in (call.a, call.b))
        )
        assert call.a.bye is not None
        assert call.b.bye is not None
        record = await engine.record(call.a.call_id)
        text = await operator.ended(path)
    end = record["termination"]
    assert (end["by"], end["reason"]) == ("engine", "no-media")
    assert f"for {TIMEOUT_S} s" in end["advice"]
    assert "Cut off" in text
    for who in ("the caller", "Bob"):
        assert f"Nothing has arrived from {who} since the answer. Most often UDP to our" in text
    for name in ("A", "B"):
        history = await _leg(operator, path, name)
        assert set(history["mos"]) == {None}
        assert history["summary"] == {}


async def _report(call: Call, reports: Reports, seconds: float) -> None:
    """Send what a muted phone sends: receiver reports about our stream (RFC 3550, 6.4.2)."""
    ours = call.phone.rtp
    first = await ours.first_packet()
    host, port = call.rtp_target
    for _ in range(round(seconds)):
        block = struct.pack("!IIIIII", call.phone.rtp.heard_ssrc, 0, first.sequence, 0, 0, 0)
        reports.transport.sendto(
            struct.pack("!BBHI", 0x81, 201, 7, 0x1234567) + block, (host, port + 1)
        )
        await asyncio.sleep(1.0)


async def test_a_muted_phone_that_reports_and_a_held_call_are_left_alone(
    engine: Engine, operator: Operator
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as alice, caller(engine) as eve:
        muted = await converse(engine, alice, bob, offer=["PCMU"])
        path = await operator.live_call()
        held = await converse(engine, eve, bob, offer=["PCMU"])
        inactive = eve.sdp(["PCMU"], direction="inactive", version=2)
        assert (await held.a.reinvite(inactive)).code == 200
        loop = asyncio.get_running_loop()
        opened, reports = await loop.create_datagram_endpoint(Reports, local_addr=("127.0.0.1", 0))
        await _report(muted.a, reports, TIMEOUT_S + 3)
        opened.close()
        assert muted.b.bye is None, "ended although the caller's device reports"
        assert held.b.bye is None, "ended although the caller is on hold"
        line = await operator.reads(path, "A silence", "Nothing has arrived from the caller")
        assert (
            "Their device is there, it reports (RTCP), but sends no audio: it may be muted" in line
        )
        await asyncio.gather(muted.a.hang_up(), held.a.hang_up())
        record = await engine.record(held.a.call_id)
        assert record["termination"]["reason"] == "caller-hung-up"
