"""Offers and answers that no audio can come of: who did it, what it was, nobody left hanging."""

import asyncio
from collections.abc import Sequence
from typing import Any

from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import (
    Conversation,
    caller,
    next_call_works,
    nobody_was_rung,
    registered,
)
from tests.wire.directory import G722_FIRST, configuration, connection

CONFIGURATION = configuration(
    connection("bob", inbound=G722_FIRST),
    connection("duo", inbound=G722_FIRST),
)
IPV6 = "ff15::7"
"Of many hosts (RFC 4291 section 2.7)."


def _sdp(
    phone: Phone,
    *,
    transport: str = "RTP/AVP",
    ipv6: bool = False,
    off: bool = False,
    host: str = "",
) -> str:
    text = phone.sdp(["G722", "PCMU"]).replace("RTP/AVP", transport)
    text = text.replace(f"c=IN IP4 {phone.host}", f"c=IN IP4 {host or phone.host}")
    if ipv6:
        text = text.replace(f"IN IP4 {phone.host}", f"IN IP6 {IPV6}")
    return text.replace(f"m=audio {phone.rtp.port}", "m=audio 0") if off else text


OFFERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("SDES", {"transport": "RTP/SAVP"}, "media-encryption-unsupported", "encrypted audio"),
    ("DTLS", {"transport": "UDP/TLS/RTP/SAVPF"}, "media-encryption-unsupported", "RTP/SAVPF"),
    ("TCP", {"transport": "TCP/RTP/AVP"}, "media-transport-unsupported", "TCP/RTP/AVP"),
    ("IPv6", {"ipv6": True}, "media-over-ipv6-unsupported", "an IPv6 address"),
    ("off", {"off": True}, "no-audio", "switched on"),
    ("a name", {"host": "pbx.example"}, "media-transport-unsupported", "audio at pbx.example"),
]


async def test_an_offer_without_usable_audio_is_declined_in_its_own_words(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        calls = [await phone.invite("bob", _sdp(phone, **what)) for _, what, _, _ in OFFERS]
        for call in calls:
            assert (await call.wait_final()).code == 488
        ended = await _ended(engine, [call.call_id for call in calls])
        for call, (_, _, rule, words) in zip(calls, OFFERS, strict=True):
            end = ended[call.call_id]["termination"]
            assert (end["by"], end["reason"], end["code"]) == ("engine", rule, 488)
            assert words in end["advice"]
            assert "codec" not in end["advice"]
        await nobody_was_rung(bob)


ANSWERS: list[tuple[str, dict[str, Any] | str | None, str]] = [
    ("no SDP", None, "no session description (SDP) that can be used"),
    ("nonsense", "this is no SDP", "no session description (SDP) that can be used"),
    ("off", {"off": True}, "switched on"),
    ("IPv6", {"ipv6": True}, "an IPv6 address"),
    ("a name", {"host": "pbx.example"}, "audio at pbx.example"),
    ("SRTP", {"transport": "RTP/SAVP"}, "encrypted audio"),
]


async def test_a_callee_that_answers_without_usable_audio_gets_ack_and_bye(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        ids = []
        for _, what, _ in ANSWERS:
            a = await phone.invite("bob", phone.sdp(["PCMU"]))
            b = await bob.wait_call()
            await b.ring()
            text = _sdp(bob, **what) if isinstance(what, dict) else what
            await (_answer_bare(b) if text is None else b.answer(text))
            await asyncio.wait_for(b.ended.wait(), 15)
            assert b.bye is not None
            assert (await a.wait_final()).code == 488
            ids.append(a.call_id)
        ended = await _ended(engine, ids)
        for call_id, (_, _, words) in zip(ids, ANSWERS, strict=True):
            end = ended[call_id]["termination"]
            assert (end["by"], end["reason"]) == ("callee", "callee-without-media")
            assert end["code"] == 488
            assert words in end["advice"]
            assert "codec" not in end["advice"]
        events = engine.events(ended[ids[0]]["id"])
        (failed,) = [event for event in events if event["kind"] == "attempt-failed"]
        assert ANSWERS[0][2] in failed["text"]


async def test_of_two_phones_the_one_that_answers_with_audio_has_the_call(engine: Engine) -> None:
    async with (
        registered(engine, "duo") as one,
        registered(engine, "duo") as two,
        caller(engine) as phone,
    ):
        a = await phone.invite("duo", phone.sdp(["PCMU"]))
        at_one, at_two = await asyncio.gather(one.wait_call(), two.wait_call())
        await _answer_bare(at_one)
        await asyncio.wait_for(at_one.ended.wait(), 15)
        await at_two.answer_in("G722")
        await a.answered()
        call = Conversation(a, at_two, engine)
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=1.0)
        end = (await call.end())["termination"]
        assert (end["by"], end["reason"]) == ("caller", "caller-hung-up")


async def test_a_callee_that_answers_on_hold_has_answered(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.answer(bob.sdp(["G722"], direction="inactive"))
        await a.answered()
        await asyncio.sleep(1.5)
        assert not a.ended.is_set()
        assert (await b.reinvite(bob.sdp(["G722"], version=2))).code == 200
        await Conversation(a, b, engine).hears_both_ways(
            codec_a="PCMU", codec_b="G722", seconds=1.0
        )
        await a.hang_up()


LATE = [
    ("nothing", lambda phone: None),
    ("nonsense", lambda phone: "hello\r\n"),
    ("off", lambda phone: _sdp(phone, off=True)),
    ("IPv6", lambda phone: _sdp(phone, ipv6=True)),
    ("SRTP", lambda phone: _sdp(phone, transport="RTP/SAVP")),
]


async def test_an_ack_without_a_usable_answer_ends_the_call_for_both(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        ids = []
        for _, answer in LATE:
            a = await phone.invite("bob", None, answer=lambda _, answer=answer: answer(phone))
            b = await bob.wait_call()
            await b.ring()
            await b.answer_in("G722")
            await a.answered()
            await asyncio.wait_for(asyncio.gather(a.ended.wait(), b.ended.wait()), 15)
            assert a.bye is not None
            assert b.bye is not None
            ids.append(a.call_id)
        ended = await _ended(engine, ids)
        for call_id in ids:
            end = ended[call_id]["termination"]
            assert (end["by"], end["reason"]) == ("caller", "caller-without-media")
            assert end["code"] == 488
            assert "ACK" in end["advice"]


async def test_the_engine_goes_on(engine: Engine) -> None:
    async with registered(engine, "bob") as bob:
        await next_call_works(engine, bob)


async def _answer_bare(call: Any) -> None:
    await call.respond(call.invite, 200)
    await asyncio.wait_for(call.acknowledged.wait(), 15)


async def _ended(engine: Engine, call_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the records of these calls by the caller's Call-ID, once all have ended."""
    await engine.record(call_ids[-1])
    return {call["legs"][0]["call_id"]: call for call in engine.calls() if call["termination"]}
