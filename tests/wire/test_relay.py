"""Calls of one codec are passed on packet by packet, and nobody could tell by anything else."""

import asyncio
import json
import struct
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tests.peers import descriptions
from tests.peers.dialogs import Call
from tests.peers.engine import WITH_EXTENSION, Engine
from tests.peers.payloads import RATES_HZ, decode, tone_payloads
from tests.peers.phone import Phone
from tests.peers.rtp import FRAME_S, Packet
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator
from tests.wire.relayed import (
    Impairment,
    Send,
    Talk,
    are_one_stream,
    is_passed,
    jitter_of,
    payload,
    talking,
)

CONFIGURATION = configuration(
    connection("pam", inbound=["PCMU"]),
    connection("al", inbound=["PCMA"]),
    connection("gina", inbound=["G722"]),
)
ENVIRONMENT = WITH_EXTENSION
TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9}
PRESSED, TOLD = 1280, 1600
"How long a key of the device lasts, and one that the bridge tells."


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


@pytest.fixture(scope="module")
def decoding() -> Iterator[Engine]:
    """One that passes nothing on."""
    with Engine(CONFIGURATION, environment={**ENVIRONMENT, "VOIPNUMBER_RELAY": "off"}) as running:
        yield running


def talks_of(call: Conversation, codec_a: str, codec_b: str) -> tuple[Talk, Talk]:
    return Talk(call.a, TYPES[codec_a]), Talk(call.b, TYPES[codec_b])


async def with_keys(engine: Engine, phone: Phone, callee: Phone) -> tuple[Conversation, int]:
    """Begin a call in which the caller's keys have the number 96; return the callee's, too."""
    offer = phone.sdp(["PCMU"], telephone_event={96: 8000})
    call = await converse(engine, phone, callee, offer=offer)
    (theirs,) = descriptions.telephone_events(call.b.local_sdp)
    return call, theirs


@pytest.mark.parametrize(
    ("user", "codec_a", "codec_b"),
    [("pam", "PCMU", "PCMU"), ("al", "PCMU", "PCMA"), ("gina", "G722", "G722")],
)
async def test_it_is_passed_on_as_it_is_in_one_stream_with_what_the_bridge_made(
    engine: Engine, user: str, codec_a: str, codec_b: str
) -> None:
    async with registered(engine, user) as callee, caller(engine) as phone:
        call = await converse(engine, phone, callee, offer=[codec_a])
        a, b = talks_of(call, codec_a, codec_b)
        async with talking(a, b):
            await a.is_heard(callee.rtp.packets, passed=True)
            await b.is_heard(phone.rtp.packets, passed=True)
        for end, codec in (callee, codec_b), (phone, codec_a):
            packets = end.rtp.packets
            are_one_stream(packets)
            assert {packet.payload_type for packet in packets} == {TYPES[codec]}
            octets = [packet.payload[0] for packet in packets if is_passed(packet)]
            assert len(set(octets)) == 16
        await call.end()


async def test_a_key_is_passed_on_with_the_others_number_and_told_once(
    engine: Engine, operator: Operator
) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        call, theirs = await with_keys(engine, phone, pam)
        assert theirs != 96
        path = await operator.live_call()
        a, b = talks_of(call, "PCMU", "PCMU")
        async with talking(a, b):
            for _ in range(MOST_ROUNDS):  # a busy machine has the bridge take it in between
                await a.is_heard(pam.rtp.packets, passed=True)
                for end in pam, phone:
                    end.rtp.forget()
                await a.press("7", 96)
                await _hears(pam, "7", theirs)
                await b.press("#", theirs)
                await _hears(phone, "#", 96)
                told = _events(pam, theirs), _events(phone, 96)
                for events in told:
                    assert len({timestamp for timestamp, _, _ in events}) == 1
                if all(events[-1][2] == PRESSED for events in told):
                    break
            else:
                raise AssertionError("it is not passed on for so long")
            await a.is_heard(pam.rtp.packets, passed=True)
        await operator.reads(path, "Pam pressed a key; passed on.")
        assert pam.rtp.digits(theirs) == "7"
        assert phone.rtp.digits(96) == "#"
        await call.end()


def _events(phone: Phone, number: int) -> list[tuple[int, bool, int]]:
    """Return timestamp, end and duration of each packet of a key that came."""
    told = [packet for packet in phone.rtp.packets if packet.payload_type == number]
    facts = [(packet.timestamp, struct.unpack("!BBH", packet.payload)) for packet in told]
    return [(timestamp, flags >= 0x80, lasts) for timestamp, (_, flags, lasts) in facts]


async def _hears(phone: Phone, digits: str, number: int) -> None:
    """Wait for the end of a key, which is told three times: no more comes of it."""

    def is_over() -> bool:
        ends = [end for _, end, _ in _events(phone, number)]
        return phone.rtp.digits(number) == digits and sum(ends) == 3

    try:
        await until(is_over, "the key does not arrive")
    except AssertionError as error:
        came = phone.rtp.digits(number)
        raise AssertionError(f"of the key {digits} {came or 'nothing'} arrived") from error


async def test_a_key_is_heard_once_and_whole_though_the_bridge_takes_the_call_in_its_midst(
    engine: Engine, operator: Operator
) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        call, theirs = await with_keys(engine, phone, pam)
        path = await operator.live_call()
        a, b = talks_of(call, "PCMU", "PCMU")
        async with talking(a, b):
            for _ in range(MOST_ROUNDS):  # a busy machine has the bridge take it before
                await a.is_heard(pam.rtp.packets, passed=True)
                pam.rtp.forget()
                released = asyncio.Event()
                pressing = asyncio.create_task(a.press("5", 96, released))
                await until(lambda: bool(pam.rtp.digits(theirs)), "the key does not arrive")
                async with operator.watching(path) as page:  # levels, which the bridge measures
                    await page.until(r'id="level-B"[^>]*><rect width="[5-9]\d"', timeout_s=20)
                    await b.is_heard(phone.rtp.packets, passed=False)
                    released.set()
                    lasted = await pressing
                    await _hears(pam, "5", theirs)
                events = _events(pam, theirs)
                assert len({timestamp for timestamp, _, _ in events}) == 1
                assert [lasts for _, end, lasts in events if end] == [events[-1][2]] * 3
                if events[-1][2] != TOLD:
                    assert events[-1][2] == lasted
                    break
            else:
                raise AssertionError("it is not passed on for so long")
        await call.end()


TONES_HZ = {"there": 1000, "back": 3000}
MOST_ROUNDS = 5
JUDGED = 100
"Packets of what is heard: 2 s."


async def test_g711_and_g722_are_coded_between_the_legs_as_loud_as_by_the_bridge(
    engine: Engine,
) -> None:
    """No octet tells that there is no bridge; a key does, which lasts as long as it was pressed."""
    async with registered(engine, "gina") as gina, caller(engine) as phone:
        call, theirs = await with_keys(engine, phone, gina)
        a = Talk(call.a, TYPES["PCMU"], tone_payloads("PCMU", TONES_HZ["there"], 30.0))
        b = Talk(call.b, TYPES["G722"], tone_payloads("G722", TONES_HZ["back"], 30.0))
        async with talking(a, b):
            for _ in range(MOST_ROUNDS):  # a busy machine has the bridge take over in between
                await _is_coded(gina, a, theirs)
                there, back = await asyncio.gather(
                    _heard(gina, TYPES["G722"]), _heard(phone, TYPES["PCMU"])
                )
                if await _lasts(gina, a, theirs) == PRESSED:
                    break  # and so was meanwhile: what broke off rests for longer
            else:
                raise AssertionError("it is not coded for so long")
        for codec, hz, payloads in ("G722", "there", there), ("PCMU", "back", back):
            sound = decode(codec, payloads)
            assert abs(_level_db(sound, TONES_HZ[hz], RATES_HZ[codec])) < 0.5
        await call.end()


async def _heard(phone: Phone, payload_type: int) -> list[bytes]:
    """Return the payloads that come from now on."""
    begin = len(phone.rtp.packets)
    await until(lambda: len(phone.rtp.packets) >= begin + JUDGED, "nothing is heard")
    packets = phone.rtp.packets[begin : begin + JUDGED]
    are_one_stream(packets, begins=lambda *_: True)  # no octet tells
    assert {packet.payload_type for packet in packets} == {payload_type}
    return [packet.payload for packet in packets]


async def _is_coded(gina: Phone, talk: Talk, number: int) -> None:
    """Press keys until one comes as it was pressed."""
    for _ in range(20):
        if await _lasts(gina, talk, number) == PRESSED:
            return
        await asyncio.sleep(3.0)  # a key has the bridge back for some time
    raise AssertionError("the bridge has it on and on")


async def _lasts(gina: Phone, talk: Talk, number: int) -> int:
    """Press a key; return how long one lasts that comes of it."""
    gina.rtp.forget()
    await talk.press("5", 96)
    await _hears(gina, "5", number)
    return _events(gina, number)[-1][2]


def _level_db(samples: "np.ndarray[Any, Any]", hz: float, rate_hz: int) -> float:
    """Of one frequency, beside what was sent."""
    settled = samples[len(samples) // 4 :].astype(float)
    window = np.hanning(len(settled))
    turning = np.exp(-2j * np.pi * hz * np.arange(len(settled)) / rate_hz)
    return float(20 * np.log10(2 * abs(np.sum(window * settled * turning)) / window.sum() / 8000))


async def test_the_bridge_has_it_back_for_hold_and_for_levels_without_a_gap(
    engine: Engine, operator: Operator
) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        call = await converse(engine, phone, pam, offer=["PCMU"])
        path = await operator.live_call()
        a, b = talks_of(call, "PCMU", "PCMU")
        async with talking(a, b):
            await a.is_heard(pam.rtp.packets, passed=True)
            hold = phone.sdp(["PCMU"], direction="inactive", version=2)
            assert (await call.a.reinvite(hold)).code == 200
            await phone.rtp.falls_silent(0.3)
            resumed = phone.sdp(["PCMU"], version=3)
            assert (await call.a.reinvite(resumed)).code == 200
            await a.is_heard(pam.rtp.packets, passed=True)
            await b.is_heard(phone.rtp.packets, passed=True)
            # It goes on where it was, before the hold and after.
            numbers = [packet.sequence for packet in pam.rtp.packets]
            assert len(set(numbers)) == len(numbers)
            lacking: list[int] = []
            # A busy machine may have the bridge stand still for a moment: not each time.
            while len(lacking) < MOST_ROUNDS and min(lacking, default=4) > 3:
                await a.is_heard(pam.rtp.packets, passed=True)
                heard, sent = len(pam.rtp.packets), a.sent
                async with operator.watching(path) as page:
                    await page.until(r'id="level-A"[^>]*><rect width="[5-9]\d"', timeout_s=20)
                    await page.until(r'id="level-B"[^>]*><rect width="[5-9]\d"', timeout_s=20)
                    await a.is_heard(pam.rtp.packets, passed=False)
                    await b.is_heard(phone.rtp.packets, passed=False)
                lacking.append(a.sent - sent - (len(pam.rtp.packets) - heard))
                are_one_stream(pam.rtp.packets[heard:])
            assert min(lacking) <= 3, lacking
        await call.end()


IMPAIRMENTS = (Impairment(0.0, 0.0), Impairment(0.01, 0.03), Impairment(0.05, 0.03))
SECONDS = 4.5


async def test_its_statistics_are_those_of_a_leg_that_is_decoded(
    engine: Engine, operator: Operator, decoding: Engine
) -> None:
    """The same packets at the same times, with loss and jitter, to a call that is relayed and
    to one that is decoded: what is measured of them is the same.
    """
    engines, readers = (engine, decoding), (operator, Operator(decoding))
    async with AsyncExitStack() as stack:
        callees = [await stack.enter_async_context(registered(one, "pam")) for one in engines]
        pam = callees[0]
        pairs: list[list[Conversation]] = []
        for _ in IMPAIRMENTS:
            phones = [await stack.enter_async_context(caller(one)) for one in engines]
            pairs.append(
                [
                    await converse(one, phone, callee, offer=["PCMU"])
                    for one, phone, callee in zip(engines, phones, callees, strict=True)
                ]
            )
        streams = [Talk(call.b, TYPES["PCMU"]) for pair in pairs for call in pair]
        speeches = [
            Impaired([call.a for call in pair], impairment, seed)
            for seed, (pair, impairment) in enumerate(zip(pairs, IMPAIRMENTS, strict=True))
        ]
        sent = sum(len(one.times(SECONDS, seed)) for seed, one in enumerate(IMPAIRMENTS))
        rounds, passed = 0, 0
        async with talking(*streams):
            # Where a busy machine stands still for 0.1 s a relay rests for seconds.
            while rounds < MOST_ROUNDS and passed <= 0.5 * sent:
                rounds += 1
                begins = asyncio.Event()
                speech = asyncio.gather(*(one.run(begins) for one in speeches))
                await until(lambda: _are_relayed(pam.rtp.packets), "not relayed", timeout_s=60)
                pam.rtp.forget()
                begins.set()
                await speech
                passed = sum(map(is_passed, pam.rtp.packets))
        # As they came in, and not decoded and coded again.
        assert passed > 0.5 * sent
        sends = {call: one.sends[call] for one in speeches for call in one.calls}
        for pair, impairment in zip(pairs, IMPAIRMENTS, strict=True):
            pages = [
                await _measured(reader, await call.end())
                for reader, call in zip(readers, pair, strict=True)
            ]
            relayed, decoded = [call.a.phone.rtp.last_report() for call in pair]
            assert relayed is not None
            assert decoded is not None
            assert (relayed.lost, relayed.highest) == (decoded.lost, decoded.highest)
            lost = pytest.approx(impairment.loss * SECONDS * 50, abs=15)
            assert relayed.lost / rounds == lost
            for call, report in zip(pair, (relayed, decoded), strict=True):
                jitter, unsure = jitter_of(sends[call.a])
                assert abs(report.jitter - jitter) < 0.05 * jitter + 2 + unsure
            packets = len(pair[0].a.phone.rtp.packets)
            assert relayed.sent in (0, pytest.approx(packets, abs=3))
            for measure, slack in ("loss_percent", 1.0), ("jitter_ms", 1.5), ("mos", 0.1):
                own = pytest.approx(pages[1][measure], rel=0.05, abs=slack)
                assert pages[0][measure] == own, measure


def _are_relayed(packets: Sequence[Packet]) -> bool:
    """Tell whether of each impaired call what comes last is as it was sent."""
    each = defaultdict[tuple[str, int], list[Packet]](list)
    for packet in packets[-50 * len(IMPAIRMENTS) :]:
        each[packet.source].append(packet)
    whole = [len(own) >= 10 and all(map(is_passed, own[-10:])) for own in each.values()]
    return len(whole) == len(IMPAIRMENTS) and all(whole)


@dataclass
class Impaired:
    """The same packets to each of some calls, impaired the same."""

    calls: Sequence[Call]
    impairment: Impairment
    seed: int
    next: int = 0
    sends: dict[Call, list[Send]] = field(default_factory=lambda: defaultdict(list))

    async def run(self, begins: asyncio.Event) -> None:
        """Send all of it at first, and impaired once that begins."""
        loop = asyncio.get_running_loop()
        began, first = loop.time(), self.next
        while not begins.is_set():
            self._send(self.next)
            self.next += 1
            await asyncio.sleep(began + (self.next - first) * FRAME_S - loop.time())
        began = loop.time()
        for at, index in self.impairment.times(SECONDS, self.seed):
            await asyncio.sleep(began + at - loop.time())
            self._send(self.next + index)
        self.next += round(SECONDS / FRAME_S)

    def _send(self, index: int) -> None:
        header = struct.pack("!BBHII", 0x80, 0, index, 160 * index, 7000 + self.seed)
        for call in self.calls:
            begin = time.monotonic()
            call.phone.rtp.send_raw(call.rtp_target, header + payload(index))
            self.sends[call].append(Send(160 * index, begin, time.monotonic()))


async def _measured(operator: Operator, record: dict[str, Any]) -> dict[str, float]:
    """Return the averages over a call of what its caller sent."""
    answer = await asyncio.to_thread(operator.get, f"/calls/{record['id']}/quality/")
    summary = json.loads(answer)["A"]["summary"]
    return {name: one["average"] for name, one in summary.items()}
