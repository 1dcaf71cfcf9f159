"""Odd and legal answers, and offers within a call: it goes on, and the record says what it was."""

import asyncio

import pytest

from tests.peers import descriptions
from tests.peers.engine import IS_WITHOUT_EXTENSION, Engine
from tests.peers.payloads import tone_payloads
from tests.peers.phone import Phone
from tests.peers.rtp import RtpTone, judged
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import G722_FIRST, configuration, connection

CONFIGURATION = configuration(
    connection("bob", inbound=G722_FIRST),
    connection("pam", inbound=["PCMU", "PCMA"]),
    connection("alice"),
    connection("eve", inbound=["OPUS", "G722", "PCMA"]),
)


def off(sdp: str) -> str:
    """Switch every line of a description off (RFC 3264 section 8.2)."""
    lines = (
        ["m=audio", "0", *line.split()[2:]] if line.startswith("m=") else [line]
        for line in sdp.splitlines()
    )
    return "".join(" ".join(line) + "\r\n" for line in lines)


@pytest.mark.parametrize(("party", "method"), [("caller", "INVITE"), ("callee", "UPDATE")])
async def test_audio_that_is_switched_off_within_a_call_is_a_hold(
    engine: Engine, method: str, party: str
) -> None:
    """The re-INVITE got 488, and some devices then hang up."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        end, device, codec = (call.a, phone, "PCMU") if party == "caller" else (call.b, bob, "G722")
        send = end.reinvite if method == "INVITE" else end.update
        # What is off need not name what it had.
        for version, formats in ((2, [codec]), (3, [("telephone-event/8000", 101)])):
            response = await send(off(device.sdp(formats, version=version)))
            assert response.code == 200
            assert "\r\nm=audio 0 RTP/AVP " in response.body.decode()
        assert (await send(device.sdp([codec], version=4))).code == 200
        assert "\r\nm=audio 0 " not in end.remote_sdp
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=1.0)
        record = await call.end()
    lines = [event["text"] for event in engine.events(record["id"])]
    who = "The caller" if party == "caller" else "Bob"
    assert f"{who} put the call on hold: it switched its audio off (port 0)." in lines
    assert f"{who} resumed the call." in lines


SECOND = {
    "nonsense": lambda _: "this is no SDP",
    "off": lambda phone: off(phone.sdp(["PCMU"])),
    "a codec that was not offered": lambda phone: phone.sdp([("GSM", 3)]),
    "another codec": lambda phone: phone.sdp(["PCMA"]),
}


@pytest.mark.parametrize("reliably", [False, True], ids=["unreliable", "reliable"])
async def test_after_an_answer_in_a_183_the_200_ends_no_call(
    engine: Engine, reliably: bool
) -> None:
    """What was sent reliably holds; else a later one is followed if it can be."""
    headers = {"Require": "100rel", "RSeq": "1"} if reliably else {}
    async with registered(engine, "pam") as pam, caller(engine, "alice") as phone:
        for second in SECOND.values():
            a = await phone.invite("pam", phone.sdp(["PCMA"]))
            b = await pam.wait_call()
            b.local_sdp = pam.sdp(["PCMU"])
            await b.respond(b.invite, 183, b.local_sdp, headers=headers)
            await a.wait_provisional(183)
            text = second(pam)
            await b.respond(b.invite, 200, text)
            await asyncio.wait_for(b.acknowledged.wait(), 15)
            await a.answered()
            codec = "PCMA" if text == pam.sdp(["PCMA"]) and not reliably else "PCMU"
            await until(lambda c=codec: _hears(pam, c), f"{second}: no {codec} is heard")
            assert (await a.hang_up()).code == 200
            await asyncio.wait_for(b.ended.wait(), 15)
            pam.rtp.forget()
            record = await engine.record(a.call_id)
            assert record["termination"]["reason"] == "caller-hung-up"


def _hears(phone: Phone, codec: str) -> bool:
    number = descriptions.PAYLOAD_TYPES[codec]
    return bool(phone.rtp.packets) and phone.rtp.packets[-1].payload_type == number


async def test_a_stream_of_which_every_other_packet_is_lost_is_heard(engine: Engine) -> None:
    """pjmedia let nothing in before two packets came in a row (RFC 3550 section A.1)."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        phone.rtp.loses_every = 2
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=1.6)
        await call.end()


@pytest.mark.skipif(IS_WITHOUT_EXTENSION, reason="the media extension hears them, pjmedia does not")
async def test_packets_of_5_ms_are_heard(engine: Engine) -> None:
    """pjmedia left out of a packet what is no whole number of 10 ms."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        sound = b"".join(tone_payloads("PCMU", 620, 1.2))
        with bob.rtp.listening() as heard:
            for _ in range(5):  # on a busy machine some of it comes too late
                heard.clear()
                await _send(phone.rtp, call.a.rtp_target, 0, sound, 40)
                tone = judged(heard, call.b.local_codecs)
                if tone.near(620):
                    break
        assert tone.near(620), tone
        await call.end()


async def _send(rtp: RtpTone, to: tuple[str, int], number: int, sound: bytes, size: int) -> None:
    """Send G.711 in packets of this size, in real time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at in range(0, len(sound) - size + 1, size):
        rtp.send(to, number, sound[at : at + size], step=size)
        await asyncio.sleep(began + (at + size) / 8000 - loop.time())


# Payload numbers that are not the usual ones (RFC 3264 section 6.1, RFC 3551 section 3)


async def test_an_answer_may_name_a_codec_at_a_number_of_its_own(engine: Engine) -> None:
    """It wants to hear it there, and says it as it was offered; the call ended with BYE."""
    codec, number = "PCMU", 118
    async with registered(engine, "pam") as callee, caller(engine) as phone:
        a = await phone.invite("pam", phone.sdp(["PCMA"], telephone_event={101: 8000}))
        b = await callee.wait_call()
        await b.answer(callee.sdp([(codec, number)], telephone_event={40: 8000}))
        await a.answered()
        call = Conversation(a, b, engine)
        offered = descriptions.payload_type(b.offer_sdp, codec)
        for version in (1, 2):
            await call.hears_both_ways(
                codec_a="PCMA", codec_b=codec, payload_type_b=offered, seconds=1.0
            )
            assert callee.rtp.packets[-1].payload_type == number
            if version == 1:  # offered as it was answered, it is answered so, too
                again = callee.sdp([(codec, number)], telephone_event={40: 8000}, version=2)
                assert (await b.reinvite(again)).code == 200
                offered = descriptions.payload_type(b.remote_sdp, codec)
                assert offered == number
        callee.rtp.forget()
        (event,) = descriptions.telephone_events(a.answer_sdp)
        await phone.rtp.send_digit(a.rtp_target, "5", payload_type=event, clock_rate_hz=8000)
        await until(lambda: callee.rtp.digits(40) == "5", "the callee hears no key")
        await call.end()


@pytest.mark.parametrize(("codec", "number", "event"), [("OPUS", 35, 95), ("G722", 110, 101)])
async def test_an_offer_may_name_a_codec_at_any_free_number(
    engine: Engine, codec: str, number: int, event: int
) -> None:
    """Numbers below 96 were taken for none, and G722 at another than 9 too."""
    async with registered(engine, "eve") as eve, caller(engine) as phone:
        hz = descriptions.CLOCK_RATES[codec]
        offer = phone.sdp([(codec, number)], telephone_event={event: hz})
        call = await converse(engine, phone, eve, offer=offer, answer=["G722"])
        assert descriptions.payload_type(call.a.answer_sdp, codec) == number
        assert descriptions.telephone_events(call.a.answer_sdp) == {event: hz}
        await call.hears_both_ways(codec_a=codec, codec_b="G722", seconds=1.0)
        (event_b,) = descriptions.telephone_events(call.b.local_sdp)
        eve.rtp.forget()
        phone.rtp.forget()
        await phone.rtp.send_digit(call.a.rtp_target, "7", payload_type=event, clock_rate_hz=hz)
        await until(lambda: eve.rtp.digits(event_b) == "7", "the callee hears no key")
        await eve.rtp.send_digit(call.b.rtp_target, "8", payload_type=event_b, clock_rate_hz=8000)
        await until(lambda: phone.rtp.digits(event) == "8", "the caller hears no key")
        # To pjmedia nothing has changed then.
        again = phone.sdp([(codec, number + 1)], telephone_event={event: hz}, version=2)
        assert (await call.a.reinvite(again)).code == 200
        await call.hears_both_ways(codec_a=codec, codec_b="G722", seconds=1.0)
        assert phone.rtp.packets[-1].payload_type == number + 1
        await call.end()
