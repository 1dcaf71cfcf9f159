"""The instruments, held against each other: what they measure can be believed."""

import asyncio
import shutil

import pytest

from tests.peers import descriptions
from tests.peers.baresip import Baresip
from tests.peers.capture import Capture
from tests.peers.phone import Phone
from tests.peers.ports import free_port
from tests.peers.sipp import Sipp
from tests.peers.waiting import until

pytestmark = pytest.mark.thorough

CODECS = ["OPUS", "G722", "AMR-WB", "PCMU", "PCMA"]
needs_baresip = pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip")


@pytest.mark.parametrize("codec", CODECS)
async def test_two_scripted_phones_hear_each_other(codec: str) -> None:
    async with Phone("anna") as anna, Phone("ben") as ben:
        call = await anna.invite(ben.uri, anna.sdp([codec], telephone_event={101: 8000}))
        incoming = await ben.wait_call()
        await incoming.ring()
        await call.wait_provisional(180)
        await incoming.answer_in(codec)
        await call.answered()
        at_anna, at_ben = await asyncio.gather(
            call.audio(send_hz=600, codec=codec), incoming.audio(send_hz=900, codec=codec)
        )
        assert at_anna.near(900)
        assert at_ben.near(600)
        await incoming.hang_up()
        await asyncio.wait_for(call.ended.wait(), 15)


async def test_each_call_of_a_phone_hears_its_own_peer_and_strangers_alone() -> None:
    async with Phone("anna") as anna, Phone("ben") as ben, Phone("carl") as carl:
        calls = []
        for other in (ben, carl):
            call = await anna.invite(other.uri, anna.sdp(["PCMA"]))
            incoming = await other.wait_call()
            await incoming.answer_in("PCMA")
            await call.answered()
            calls += [call, incoming]
        to_ben, at_ben, to_carl, at_carl = calls
        async with Phone("stranger") as stranger:
            told = stranger.rtp.send_tone(
                ("127.0.0.1", anna.rtp.port), codec="PCMU", payload_type=0, hz=300, seconds=0.2
            )
            heard_of_ben, heard_of_carl, *_ = await asyncio.gather(
                to_ben.audio(send_hz=500, codec="PCMA"),
                to_carl.audio(send_hz=500, codec="PCMA"),
                at_ben.audio(send_hz=900, codec="PCMA"),
                at_carl.audio(send_hz=1300, codec="PCMA"),
                told,
            )
        assert heard_of_ben.near(900)
        assert heard_of_carl.near(1300)
        ports = {"ben": ben.rtp.port, "carl": carl.rtp.port, "stranger": stranger.rtp.port}
        assert {port for _, port in heard_of_ben.sources} == {ports["ben"], ports["stranger"]}
        assert {port for _, port in heard_of_carl.sources} == {ports["carl"], ports["stranger"]}


async def _a_test_that_fails(ben: Phone) -> None:
    async with Phone("anna") as anna:
        call = await anna.invite(ben.uri, anna.sdp(["PCMA"]))
        await (await ben.wait_call()).answer_in("PCMA")
        await call.answered()
        raise ValueError("a test that fails")


async def test_a_phone_whose_test_failed_leaves_no_call_behind() -> None:
    async with Phone("ben") as ben:
        with pytest.raises(ValueError, match="a test that fails"):
            await _a_test_that_fails(ben)
        (call,) = ben.calls.values()
        await asyncio.wait_for(call.ended.wait(), 15)


@needs_baresip
@pytest.mark.parametrize("codec", CODECS)
async def test_a_scripted_phone_and_baresip_hear_each_other(codec: str) -> None:
    aligned = codec == "AMR-WB"  # baresip does AMR-WB octet-aligned alone.
    async with Baresip("bob", codecs=(codec,), hz=900, auto_answer=True) as bob, Phone() as phone:
        fmtp = {97: "octet-align=1"} if aligned else None
        call = await phone.invite(bob.uri, phone.sdp([codec], fmtp=fmtp))
        await call.answered()
        assert descriptions.names(call.answer_sdp) == [codec]
        heard = await call.audio(send_hz=600, codec=codec, seconds=2, octet_align=aligned)
        await call.hang_up()
        await bob.wait_for("CALL_CLOSED")
        assert heard.near(900)
        assert bob.heard().near(600)


@needs_baresip
async def test_baresip_calls_holds_sends_digits_and_hangs_up() -> None:
    async with Baresip("bob", codecs=("PCMU",)) as bob, Phone() as phone:
        await bob.dial(phone.uri)
        call = await phone.wait_call()
        await call.ring()
        await bob.wait_for("CALL_RINGING")
        await call.answer(
            phone.sdp(["PCMU"], telephone_event=descriptions.telephone_events(call.offer_sdp))
        )
        await bob.wait_for("CALL_ESTABLISHED")
        await phone.rtp.first_packet()
        await bob.hold()
        held = await asyncio.wait_for(call.reoffers.get(), 15)
        assert descriptions.direction(held) == "sendonly"
        await bob.resume()
        resumed = await asyncio.wait_for(call.reoffers.get(), 15)
        assert descriptions.direction(resumed) == "sendrecv"
        (event,) = descriptions.telephone_events(call.offer_sdp)
        phone.rtp.forget()
        await bob.dtmf("42")
        await until(lambda: phone.rtp.digits(event) == "42", "no digits arrived")
        await bob.hang_up()
        await asyncio.wait_for(call.ended.wait(), 15)


async def test_an_invite_without_sdp_is_answered_in_the_ack() -> None:
    async with Phone("anna") as anna, Phone("ben") as ben:
        call = await anna.invite(ben.uri, None, answer=lambda offer: anna.sdp(["PCMA"]))
        incoming = await ben.wait_call()
        assert incoming.offer_sdp == ""
        await incoming.answer(ben.sdp(["PCMU", "PCMA"]))
        await call.answered()
        assert descriptions.names(incoming.ack_sdp or "") == ["PCMA"]


async def test_a_cancelled_call_ends_with_487() -> None:
    async with Phone("anna") as anna, Phone("ben") as ben:
        call = await anna.invite(ben.uri, anna.sdp(["PCMA"]))
        incoming = await ben.wait_call()
        await incoming.ring()
        await call.wait_provisional(180)
        await call.cancel()
        await asyncio.wait_for(incoming.cancelled.wait(), 15)
        assert (await call.wait_final()).code == 487


async def test_digits_arrive_in_order() -> None:
    async with Phone("anna") as anna, Phone("ben") as ben:
        for digit in "15#":
            await anna.rtp.send_digit(
                ("127.0.0.1", ben.rtp.port), digit, payload_type=101, clock_rate_hz=8000
            )
        await until(lambda: ben.rtp.digits(101) == "15#", "other digits arrived")


@pytest.mark.skipif(shutil.which("sipp") is None, reason="needs sipp")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sipp_calls_sipp_and_shows_what_it_was_told(transport: str) -> None:
    async with Sipp(transport=transport) as sipp:
        callee = await sipp.callee(sdp=descriptions.sdp(["PCMA"], port=4002))
        await callee.listening()
        caller = await sipp.caller(
            ("127.0.0.1", callee.port),
            user="anna",
            to="ben",
            sdp=descriptions.sdp(["OPUS", "PCMA"], port=4000),
        )
        assert await caller.finished() == 0, caller.dump()
        assert await callee.finished() == 0, callee.dump()
        assert descriptions.names(callee.received("INVITE").sdp) == ["OPUS", "PCMA"]
        assert descriptions.names(caller.received("SIP/2.0 200").sdp) == ["PCMA"]


@pytest.mark.skipif(not Capture.possible(), reason="capturing needs root")
async def test_a_capture_shows_the_tone_on_the_wire() -> None:
    async with Phone("anna") as anna, Capture(f"udp port {anna.rtp.port}") as capture:
        await anna.rtp.send_tone(
            ("127.0.0.1", free_port()), codec="PCMA", payload_type=8, hz=500, seconds=0.2
        )
        packets = await capture.at_least(10, "udp.srcport", "udp.length")
        assert packets[0] == [str(anna.rtp.port), "180"]
