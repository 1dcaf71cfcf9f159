"""Descriptions that phones really write: taken for what they mean, and never against the call."""

import asyncio
import itertools
import time

import pytest

from tests.peers import descriptions
from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import G722_FIRST, configuration, connection

CONFIGURATION = configuration(
    connection("bob", inbound=G722_FIRST), connection("pam", inbound=["PCMU"])
)
UNSPOKEN = [("G722/48000", 110), ("AMR-WB", 100), "PCMA"]
"G722 at a rate that is not its own; AMR-WB is given CRC."
STEREO = [("PCMU/8000/2", 0), ("AMR-WB/16000/2", 98), ("opus/48000/6", 97), "PCMA"]


VIDEO = "m=video 5004 RTP/AVP 99\r\na=rtpmap:99 H264/90000"
SECOND_AUDIO = "m=audio 5006 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000"
SECURE_AUDIO = "m=audio 5008 RTP/SAVP 0"


def _odd(phone: Phone) -> list[tuple[str, str, str]]:
    return [
        ("opus without channels", phone.sdp([("opus/48000", 111)]), "OPUS"),
        ("opus with one", phone.sdp([("OPUS/48000/1", 96)]), "OPUS"),
        ("forms that are not spoken", phone.sdp(UNSPOKEN, fmtp={100: "crc=1"}), "PCMA"),
        ("zeros", phone.sdp(["PCMU"]).replace("127.0.0.1", "127.000.000.001"), "PCMU"),
        ("stereo beside PCMA", phone.sdp(STEREO), "PCMA"),
        ("number 0 is something else", phone.sdp([("G726-32/8000", 0), "PCMA"]), "PCMA"),
        ("G722 by its audio rate", phone.sdp([("G722/16000", 9)]), "G722"),
        ("its origin", phone.sdp(["PCMU"]).replace("o=peer 1000 1", "o=Sonus UAC 1 1"), "PCMU"),
        ("no user", phone.sdp(["PCMU"]).replace("o=peer 1000 1", "o= -1 " + "9" * 25), "PCMU"),
        ("spaces", phone.sdp(["PCMU"]).replace("0 PCMU/8000", "0  pcmu / 8000 / 1 "), "PCMU"),
    ]


async def test_what_is_not_ours_does_not_spoil_what_is(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        for what, offer, codec in _odd(phone):
            call = await converse(engine, phone, bob, offer=offer)
            assert descriptions.names(call.a.answer_sdp) == [codec], what
            call.a.local_sdp = phone.sdp([(codec, descriptions.formats(call.a.answer_sdp)[0][0])])
            await call.hears_both_ways(codec_a=codec, codec_b="G722", seconds=0.9)
            await call.a.hang_up()


def _wrapped(sdp: str) -> str:
    """Put a description into a multipart body, behind a part that may be ignored."""
    parts = (
        ("application/isup;version=itu", "signal;handling=optional", "\x01\x02"),
        ("Application/SDP", "session;handling=required", sdp),
    )
    text = "".join(
        f"--b7\r\nContent-Type: {kind}\r\nContent-Disposition: {way}\r\n\r\n{content}\r\n"
        for kind, way, content in parts
    )
    return f"{text}--b7--\r\n"


async def test_a_description_in_a_multipart_body_is_found_in_every_message(engine: Engine) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        a = await phone.invite("pam", _wrapped(phone.sdp(["PCMA"])))
        b = await pam.wait_call()
        await b.answer(_wrapped(pam.sdp(["PCMU"])))
        await a.answered()
        call = Conversation(a, b, engine)
        a.local_sdp, b.local_sdp = phone.sdp(["PCMA"]), pam.sdp(["PCMU"])
        await call.hears_both_ways(codec_a="PCMA", codec_b="PCMU", seconds=0.9)
        again = _wrapped(phone.sdp(["G722"], version=2))
        assert (await a.reinvite(again)).code == 200
        assert descriptions.names(a.remote_sdp) == ["G722"]
        assert (await a.update(_wrapped(phone.sdp(["PCMA"], version=3)))).code == 200
        assert descriptions.names(a.remote_sdp) == ["PCMA"]
        await a.hang_up()


async def test_a_multipart_body_in_an_ack_brings_the_answer(engine: Engine) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        a = await phone.invite("pam", None, answer=lambda _: _wrapped(phone.sdp(["PCMA"])))
        b = await pam.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        a.local_sdp = phone.sdp(["PCMA"])
        call = Conversation(a, b, engine)
        await call.hears_both_ways(codec_a="PCMA", codec_b="PCMU", seconds=0.9)
        await call.end()


WANTED = [
    ("PCMU", "a=ptime:30", 30),
    ("PCMU", "a=ptime:60\r\na=maxptime:40", 40),
    ("G722", "a=maxptime:10", 10),
    ("PCMU", "a=ptime:500", 20),
    ("OPUS", "a=ptime:60", 60),
    ("OPUS", "a=ptime:30\r\na=maxptime:30", 20),
    ("AMR-WB", "a=ptime:40", 40),
]


async def test_packets_are_as_long_as_the_peer_wants_them(engine: Engine) -> None:
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        for codec, lines, milliseconds in WANTED:
            offer = phone.sdp([codec]).replace("a=ptime:20", lines)
            call = await converse(engine, phone, pam, offer=offer)
            assert "\r\na=ptime:20\r\n" in call.a.answer_sdp
            phone.rtp.forget()
            await call.b.audio(send_hz=800, codec="PCMU", seconds=0.8)
            await phone.rtp.catches_up()
            packets = phone.rtp.packets[-6:]
            steps = {b.timestamp - a.timestamp for a, b in itertools.pairwise(packets)}
            clock_hz = descriptions.CLOCK_RATES[codec]
            assert steps == {clock_hz * milliseconds // 1000}, (codec, lines)
            assert len(phone.rtp.packets) > 400 // milliseconds
            await call.a.hang_up()


async def test_a_re_offer_that_meets_one_of_the_peers_is_repeated(engine: Engine) -> None:
    """We own the callee's Call-ID, so we wait at least 2.1 s (RFC 3261 section 14.1)."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        b = await bob.wait_call()
        offers: list[float] = []

        def meet(offer: str) -> str | int:
            offers.append(time.monotonic())
            return 491 if len(offers) == 1 else Call._mirror(b, offer)

        b.answer_reoffer = meet
        await b.answer_in("PCMA", "G722")
        await a.answered()
        for _ in range(2):
            await asyncio.wait_for(b.reoffers.get(), 15)
        assert 2.0 <= offers[1] - offers[0] <= 5.0
        # What was sent before we had the answer is still on its way.
        await b.audio(send_hz=800, codec="G722", seconds=0.5)
        heard = await b.audio(send_hz=800, codec="G722", seconds=1.0)
        assert set(heard.payload_types) == {9}
        await a.hang_up()


async def test_answers_close_upon_one_another_are_taken_whatever_lines_they_have(
    engine: Engine,
) -> None:
    """pjsip ended the call's process at the second, if the first had a line too many."""
    async with registered(engine, "pam") as pam, caller(engine) as phone:
        two = pam.sdp(["PCMU"], leading_media="m=audio 40000 UDP/TLS/RTP/SAVPF 8")
        for _ in range(6):
            a = await phone.invite("pam", phone.sdp(["PCMA"]))
            b = await pam.wait_call()
            await asyncio.gather(b.early_media(two), b.early_media(pam.sdp(["PCMU"])))
            await b.answer(pam.sdp(["PCMU"]))
            await a.answered()
            assert (await a.hang_up()).code == 200
            record = await engine.record(a.call_id)
            assert record["termination"]["reason"] == "caller-hung-up"


@pytest.mark.parametrize(
    ("leading", "extra", "ports"),
    [
        ("", VIDEO, [True, False]),
        (VIDEO, "", [False, True]),
        ("", SECOND_AUDIO, [True, False]),
        (SECURE_AUDIO, VIDEO, [False, True, False]),
    ],
    ids=["audio-video", "video-audio", "audio-audio", "secure-audio-video"],
)
async def test_one_audio_line_is_used_and_every_other_gets_port_0(
    engine: Engine, leading: str, extra: str, ports: list[bool]
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        offer = phone.sdp(["PCMU"], leading_media=leading, extra_media=extra)
        call = await converse(engine, phone, bob, offer=offer)
        lines = [section[0].split() for section in descriptions.media_sections(call.a.answer_sdp)]
        assert [line[1] != "0" for line in lines] == ports
        offered = [s[0].split() for s in descriptions.media_sections(offer)]
        assert [(x[0], x[2]) for x in lines] == [(x[0], x[2]) for x in offered]
        assert len(descriptions.media_sections(call.b.offer_sdp)) == 1
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        await call.end()
