"""Keys pressed on a phone arrive at the other one: once each, in the clock they were agreed in."""

import asyncio
import itertools
import shutil
import struct
from collections import Counter
from collections.abc import Iterable

import pytest
import sipmessage

from tests.peers import descriptions
from tests.peers.baresip import Baresip
from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.peers.rtp import Packet
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    connection("pam", inbound=["PCMU"]),
    connection("olga", inbound=["OPUS"]),
    connection("ann", inbound=["AMR-WB", "PCMU"]),
    connection("alice", outbound=["OPUS"]),
)
KEY_S = 0.2
"How long a key of ours lasts."


async def test_opus_beside_telephone_event_8000_carries_keys_both_ways(engine: Engine) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        offer = phone.sdp([("OPUS", 111)], telephone_event={101: 8000})
        call = await converse(engine, phone, pam, offer=offer)
        assert descriptions.telephone_events(call.a.answer_sdp) == {101: 8000}
        await call.hears_both_ways(codec_a="OPUS", codec_b="PCMU", seconds=0.8)
        await _press(call.a, "447", payload_type=101, rate_hz=8000, codec="OPUS", number=111)
        assert await _heard(call.b, "447") == "447"
        await _press(call.b, "1#1", payload_type=101, rate_hz=8000, codec="PCMU", number=0)
        assert await _heard(call.a, "1#1") == "1#1"
        _are_sound(phone.rtp.packets, 101, event_hz=8000, codec_hz=48000)
        await call.end()


@pytest.mark.parametrize(
    ("user", "codec", "rate_hz", "codec_hz"),
    [
        ("olga", "OPUS", 8000, 48000),
        ("olga", "OPUS", 48000, 48000),
        ("ann", "AMR-WB", 8000, 16000),
        ("ann", "AMR-WB", 16000, 16000),
    ],
)
async def test_a_callee_may_choose_either_clock(
    engine: Engine, user: str, codec: str, rate_hz: int, codec_hz: int
) -> None:
    async with registered(engine, user) as callee, caller(engine) as phone:
        a = await phone.invite(user, phone.sdp(["PCMU"], telephone_event={96: 8000}))
        b = await callee.wait_call()
        events = {hz: n for n, hz in descriptions.telephone_events(b.offer_sdp).items()}
        assert events[8000] == 101
        assert {8000, codec_hz} <= set(events)
        _comes_last(b.offer_sdp)
        number = descriptions.payload_type(b.offer_sdp, codec)
        await b.answer(callee.sdp([(codec, number)], telephone_event={events[rate_hz]: rate_hz}))
        await a.answered()
        call = Conversation(a, b, engine)
        await call.hears_both_ways(codec_a="PCMU", codec_b=codec, seconds=0.8)
        await _press(
            b, "55", payload_type=events[rate_hz], rate_hz=rate_hz, codec=codec, number=number
        )
        assert await _heard(a, "55") == "55"
        await _press(a, "90", payload_type=96, rate_hz=8000, codec="PCMU", number=0)
        assert await _heard(b, "90") == "90"
        _are_sound(callee.rtp.packets, events[rate_hz], event_hz=rate_hz, codec_hz=codec_hz)
        await call.end()


async def test_keys_reach_a_caller_whose_ack_brought_the_answer(engine: Engine) -> None:
    def answer(offer: str) -> str:
        number = descriptions.payload_type(offer, "OPUS")
        return phone.sdp([("OPUS", number)], telephone_event={101: 8000})

    async with registered(engine, "pam") as pam, caller(engine) as phone:
        a = await phone.invite("pam", None, answer=answer)
        b = await pam.wait_call()
        await b.answer_in("PCMU")
        final = await a.answered()
        _comes_last(final.body.decode())
        await Conversation(a, b, engine).hears_both_ways(
            codec_a="OPUS", codec_b="PCMU", seconds=0.8
        )
        await _press(b, "5", payload_type=101, rate_hz=8000, codec="PCMU", number=0)
        assert await _heard(a, "5") == "5"
        _are_sound(phone.rtp.packets, 101, event_hz=8000, codec_hz=48000)
        await a.hang_up()
        assert (await engine.record(a.call_id))["legs"][0]["offered"] == ["OPUS"]


async def test_of_two_clocks_in_an_answer_that_of_the_codec_is_used(engine: Engine) -> None:
    async with registered(engine, "olga") as olga, caller(engine) as phone:
        call = await converse(
            engine, phone, olga, offer=phone.sdp(["PCMU"], telephone_event={101: 8000})
        )
        b = call.b
        events = {hz: n for n, hz in descriptions.telephone_events(b.offer_sdp).items()}
        both = olga.sdp(
            [("OPUS", descriptions.payload_type(b.offer_sdp, "OPUS"))],
            telephone_event={events[8000]: 8000, events[48000]: 48000},
            version=2,
        )
        assert (await b.reinvite(both)).code == 200
        assert descriptions.telephone_events(b.remote_sdp) == {events[48000]: 48000}
        await call.end()


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf", "6", "6"),
        ("application/dtmf", "11", "#"),
        ("Application/DTMF-Relay", "signal = 7\r\n", "7"),
    ],
)
async def test_a_key_in_an_info_becomes_a_telephone_event(
    engine: Engine, kind: str, body: str, key: str
) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        call = await converse(engine, phone, pam, offer=["PCMU"])
        assert (await _info(call.a, kind, body)).code == 200
        assert await _heard(call.b, key) == key
        assert (await _info(call.a, "application/dtmf", "hello")).code == 415
        await call.end()


async def test_a_key_is_told_once_though_its_leg_is_described_anew_meanwhile(
    engine: Engine,
) -> None:
    """A stream of pjmedia that begins in its midst knows of no packet before."""
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        offer = phone.sdp(["PCMU"], telephone_event={101: 8000})
        call = await converse(engine, phone, pam, offer=offer)
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=0.8)
        pam.rtp.forget()
        released = asyncio.Event()
        pressing = asyncio.create_task(
            phone.rtp.send_digit(
                call.a.rtp_target, "5", payload_type=101, clock_rate_hz=8000, released=released
            )
        )
        assert await _heard(call.b, "5") == "5"
        for version, direction in (2, "sendonly"), (3, "sendrecv"):
            again = phone.sdp(
                ["PCMU"], telephone_event={101: 8000}, direction=direction, version=version
            )
            assert (await call.a.reinvite(again)).code == 200
            await asyncio.sleep(0.1)  # packets of the key come to each stream
        released.set()
        await pressing
        await _press(call.a, "6", payload_type=101, rate_hz=8000, codec="PCMU", number=0)
        assert await _heard(call.b, "56") == "56"
        await call.end()


@pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip")
async def test_baresip_presses_and_hears_keys_in_opus(engine: Engine) -> None:
    """It knows telephone-event at 8000 Hz alone, in OPUS too."""
    async with Baresip(
        "alice", PASSWORD, server=engine.server, codecs=("OPUS",), hz=620
    ) as alice, registered(engine, "pam") as pam:  # fmt: skip
        await alice.registered()
        await alice.dial("pam")
        call = await pam.wait_call()
        await call.ring()
        await call.answer_in("PCMU")
        await alice.wait_for("CALL_ESTABLISHED")
        await call.audio(send_hz=950, codec="PCMU", seconds=0.6)
        await alice.dtmf("7")
        assert await _heard(call, "7") == "7"
        await _press(call, "3", payload_type=101, rate_hz=8000, codec="PCMU", number=0)
        assert (await alice.wait_for("CALL_DTMF_START"))["param"] == "3"
        await call.hang_up()
        await alice.wait_for("CALL_CLOSED")


def _comes_last(description: str) -> None:
    names = [value.partition("/")[0] for _, value in descriptions.formats(description)]
    first = names.index("telephone-event")
    assert set(names[first:]) == {"telephone-event"}, names
    assert "\r\ns=-\r\n" in description
    assert "\r\na=ptime:20\r\n" in description


async def _press(
    call: Call, digits: str, *, payload_type: int, rate_hz: int, codec: str, number: int
) -> None:
    rtp = call.phone.rtp
    for digit in digits:
        await rtp.send_digit(
            call.rtp_target, digit, payload_type=payload_type, clock_rate_hz=rate_hz
        )
        await rtp.send_tone(call.rtp_target, codec=codec, payload_type=number, hz=500, seconds=0.1)


async def _heard(call: Call, digits: str) -> str:
    """Wait for the end of as many keys, and a little for one too many."""
    (number,) = descriptions.telephone_events(call.local_sdp)
    rtp = call.phone.rtp

    def are_over() -> bool:
        events = [p for p in rtp.packets if p.payload_type == number]
        ends = Counter(p.timestamp for p in events if p.payload[1] & 0x80)
        return [count >= 3 for count in ends.values()].count(True) >= len(digits)

    await until(are_over, f"{digits} did not come to an end")
    await asyncio.sleep(0.4)
    return rtp.digits(number)


def _are_sound(
    packets: Iterable[Packet], payload_type: int, *, event_hz: int, codec_hz: int
) -> None:
    """Each event has one timestamp, a duration that grows with time, and three equal ends."""
    packets = list(packets)
    events = [p for p in packets if p.payload_type == payload_type]
    step = event_hz // 50
    for _, group in itertools.groupby(events, key=lambda p: p.timestamp):
        one = [struct.unpack("!BBH", packet.payload) for packet in group]
        durations = [duration for _, _, duration in one]
        assert durations[0] == step
        assert durations == sorted(durations)
        assert max(b - a for a, b in itertools.pairwise(durations)) == step
        assert durations[-1] == round(KEY_S * event_hz)
        ends = [duration for _, flags, duration in one if flags & 0x80]
        assert ends == [durations[-1]] * 3
    assert [b.sequence - a.sequence & 0xFFFF for a, b in itertools.pairwise(packets)] == [1] * (
        len(packets) - 1
    )
    # The stream's own clock goes on as time does, keys or not.
    first, last = packets[0], packets[-1]
    passed = (last.timestamp - first.timestamp & 0xFFFFFFFF) / codec_hz
    assert abs(passed - 0.02 * (len(packets) - 1)) < 0.05 * max(1, len(events) // 10)


async def _info(call: Call, kind: str, body: str) -> sipmessage.Response:
    request = call.request("INFO")
    request.headers.set("Content-Type", kind)
    request.body = body.encode()
    return await call.send(request)
