"""SRTP with SDES keys (RFC 3711, RFC 4568) on one leg, on the other, on both."""

import asyncio
import base64
import math
from collections import Counter

import pytest

from tests.peers import descriptions, srtp
from tests.peers.baresip import Baresip
from tests.peers.capture import Capture
from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conversation import (
    Conversation,
    caller,
    converse,
    nobody_was_rung,
    registered,
)
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    connection("sam", srtp="allowed"),
    connection("rita", srtp="required"),
    connection("alice"),
    connection("bob"),
    numbers={"2000": "agent:support"},
) | {"agents": [{"name": "support", "dialect": "twilio", "url": "wss://agent.invalid/"}]}
AES_80 = "AES_CM_128_HMAC_SHA1_80"


def phone(engine: Engine, user: str, **options: object) -> Baresip:
    return Baresip(user, PASSWORD, server=engine.server, codecs=("PCMU",), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("calling", "called"),
    [
        (("sam", "srtp-mand"), ("bob", "")),
        (("alice", ""), ("rita", "srtp-mand")),
        (("rita", "srtp"), ("sam", "srtp")),
        (("sam", "srtp-mandf"), ("bob", "")),
    ],
    ids=["on A alone", "on B alone", "on both, beside RTP/AVP", "on A alone, RTP/SAVPF"],
)
async def test_audio_crosses_encrypted_where_it_is_to_be(
    engine: Engine, calling: tuple[str, str], called: tuple[str, str]
) -> None:
    async with (
        phone(engine, calling[0], hz=620, srtp=calling[1]) as a,
        phone(engine, called[0], hz=950, srtp=called[1], auto_answer=True) as b,
    ):
        await a.registered()
        await b.registered()
        before = {call["id"] for call in engine.calls()}
        await a.dial(called[0])
        await a.wait_for("CALL_ESTABLISHED")
        await b.wait_for("CALL_ESTABLISHED")
        assert (await a.heard_for(1.5)).near(950)
        assert (await b.heard_for(1.5)).near(620)
        await a.hang_up()
        await b.wait_for("CALL_CLOSED")
        (found,) = [call for call in engine.calls() if call["id"] not in before]
        record = await engine.record(found["legs"][0]["call_id"])
        suites = [leg["encryption"] for leg in record["legs"]]
        assert [bool(suite) for suite in suites] == [bool(calling[1]), bool(called[1])]


async def test_a_key_is_answered_renewed_and_kept_out_of_everything_stored(
    engine: Engine,
) -> None:
    """A re-INVITE brings a new key, and one that holds the call; RFC 4568 section 7.1."""
    async with registered(engine, "bob") as bob, caller(engine, "sam") as sam:
        ours = srtp.new_key()
        offer = srtp.with_key(sam.sdp(["PCMU"]).replace("RTP/AVP", "RTP/SAVP"), ours, tag=7)
        call = await converse(engine, sam, bob, offer=offer)
        assert "a=crypto" not in call.b.offer_sdp
        assert " RTP/SAVP " in call.a.answer_sdp
        ((tag, suite, theirs),) = srtp.keys_in(call.a.answer_sdp)
        assert (tag, suite) == (7, AES_80)
        sam.rtp.cipher = srtp.Cipher(ours, theirs)
        await call.hears_both_ways(codec_a="PCMU", codec_b="OPUS", seconds=1.2)
        assert sam.rtp.cipher.refused == 0
        renewed = srtp.new_key()
        again = srtp.with_key(offer.replace(ours, "").partition("a=crypto")[0], renewed, tag=8)
        answer = await call.a.reinvite(again)
        ((tag, _, theirs_now),) = srtp.keys_in(answer.body.decode())
        assert (answer.code, tag) == (200, 8)
        sam.rtp.cipher = srtp.Cipher(renewed, theirs_now)
        await call.hears_both_ways(codec_a="PCMU", codec_b="OPUS", seconds=1.2)
        held = await call.a.reinvite(again.replace("a=sendrecv", "a=sendonly"))
        assert held.code == 200
        resumed = await call.a.reinvite(again)
        ((_, _, theirs_at_last),) = srtp.keys_in(resumed.body.decode())
        if theirs_at_last != theirs_now:
            sam.rtp.cipher = srtp.Cipher(renewed, theirs_at_last)
        # RFC 4028 section 7.4: a refresh without a description changes no key.
        assert (await call.a.send(call.a.request("UPDATE"))).code == 200
        assert (await call.b.send(call.b.request("UPDATE"))).code == 200
        await call.hears_both_ways(codec_a="PCMU", codec_b="OPUS", seconds=1.2)
        record = await call.end()
        assert [leg["encryption"] for leg in record["legs"]] == [AES_80, ""]
        said = [e["text"] for e in engine.events(record["id"]) if e["kind"] == "encryption"]
        assert said == [
            f"The audio of leg A is encrypted: SRTP, {AES_80}. Its key travelled in SIP that is "
            "not over TLS: whoever could read that can hear the audio."
        ]
        stored = b"".join(f.read_bytes() for f in engine.folder.rglob("*") if f.is_file())
        assert record["id"].replace("-", "").encode() in stored
        for key in {ours, renewed, theirs, theirs_now, theirs_at_last}:
            assert key.encode() not in stored
            assert base64.b64decode(key) not in stored


async def test_keys_are_offered_beside_plain_rtp_and_never_used_again(engine: Engine) -> None:
    """RFC 8643: a phone that knows nothing of them answers in plain RTP, and is understood."""
    async with registered(engine, "sam") as sam, caller(engine, "alice") as alice:
        offers = []
        for secure in (True, False):
            a = await alice.invite("sam", alice.sdp(["PCMU"]))
            b = await sam.wait_call()
            await b.ring()
            offers.append(b.offer_sdp)
            assert " RTP/AVP " in b.offer_sdp
            tag, suite, theirs = srtp.keys_in(b.offer_sdp)[0]
            ours = srtp.new_key()
            number = descriptions.payload_type(b.offer_sdp, "PCMU")
            answer = sam.sdp([("PCMU", number)])
            await b.answer(srtp.with_key(answer, ours, suite, tag=tag) if secure else answer)
            await a.answered()
            sam.rtp.cipher = srtp.Cipher(ours, theirs, suite) if secure else None
            call = Conversation(a, b, engine)
            await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.2)
            record = await call.end()
            assert record["legs"][1]["encryption"] == (suite if secure else "")
        first, second = ({key for _, _, key in srtp.keys_in(offer)} for offer in offers)
        assert len(first) == len(second) == 4
        assert not first & second


async def test_what_is_not_encrypted_as_it_must_be_is_declined_in_words(engine: Engine) -> None:
    async with (
        registered(engine, "rita") as rita,
        registered(engine, "bob") as bob,
        caller(engine, "rita") as phone,
        caller(engine, "alice") as alice,
    ):
        # A caller that offers plain RTP alone.
        plain = await phone.invite("bob", phone.sdp(["PCMU"]))
        assert (await plain.wait_final()).code == 488
        end = (await engine.record(plain.call_id))["termination"]
        assert (end["by"], end["reason"]) == ("engine", "media-not-encrypted")
        assert (
            "offered audio that is not encrypted (RTP/AVP), and SRTP is required" in (end["advice"])
        )
        await nobody_was_rung(bob)
        # Keys that nobody here can use.
        offer = srtp.with_key(phone.sdp(["PCMU"]), srtp.new_key(), "F8_128_HMAC_SHA1_80")
        odd = await phone.invite("bob", offer)
        assert (await odd.wait_final()).code == 488
        advice = (await engine.record(odd.call_id))["termination"]["advice"]
        assert "the suite F8_128_HMAC_SHA1_80 is not one of AES_CM_128_HMAC_SHA1_80" in advice
        # A callee that answers in plain RTP.
        a = await alice.invite("rita", alice.sdp(["PCMU"]))
        b = await rita.wait_call()
        assert " RTP/SAVP " in b.offer_sdp
        number = descriptions.payload_type(b.offer_sdp, "PCMU")
        await b.answer(rita.sdp([("PCMU", number)]))
        assert (await a.wait_final()).code == 488
        end = (await engine.record(a.call_id))["termination"]
        assert end["reason"] == "callee-without-media"
        assert "answered with audio that is not encrypted" in end["advice"]
        # SRTP where it is off.
        secure = alice.sdp(["PCMU"]).replace("RTP/AVP", "RTP/SAVP")
        off = await alice.invite("bob", srtp.with_key(secure, srtp.new_key()))
        assert (await off.wait_final()).code == 488
        advice = (await engine.record(off.call_id))["termination"]["advice"]
        assert "and SRTP is off here. Set SRTP to allowed" in advice


async def test_a_voice_agents_caller_is_told_why_it_must_be_plain(engine: Engine) -> None:
    """Its RTP is read by ourselves, who have no SRTP: nobody is answered encrypted there."""
    async with caller(engine, "sam") as sam, caller(engine, "rita") as rita:
        offer = srtp.with_key(sam.sdp(["PCMU"]).replace("RTP/AVP", "RTP/SAVP"), srtp.new_key())
        for phone, text, why in (
            (sam, offer, "RTP/SAVP"),
            (rita, srtp.with_key(rita.sdp(["PCMU"]), srtp.new_key()), "SRTP is required of it"),
        ):
            call = await phone.invite("2000", text)
            assert (await call.wait_final()).code == 488
            end = (await engine.record(call.call_id))["termination"]
            assert end["reason"] == "media-encryption-unsupported"
            assert f"audio that must be encrypted ({why}), and voice agents" in end["advice"]


@pytest.mark.skipif(not Capture.possible(), reason="capturing needs root")
async def test_what_is_on_the_wire_is_no_sound(engine: Engine) -> None:
    """Payloads of a silent phone are all one byte in G.711; encrypted, they look random."""
    async with registered(engine, "bob") as bob, caller(engine, "sam") as sam:
        ours = srtp.new_key()
        offer = srtp.with_key(sam.sdp(["PCMU"]).replace("RTP/AVP", "RTP/SAVP"), ours)
        a = await sam.invite("bob", offer)
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        async with Capture(f"udp dst port {sam.rtp.port} or udp dst port {bob.rtp.port}") as taken:
            await b.audio(send_hz=950, codec="PCMU", seconds=1.0)
            lines = await taken.at_least(40, "udp.dstport", "udp.payload")
            await taken.stop()
        await a.hang_up()
        bytes_to = dict.fromkeys((sam.rtp.port, bob.rtp.port), b"")
        for port, payload in lines:
            bytes_to[int(port)] += bytes.fromhex(payload.replace(":", ""))[12:]
        assert entropy(bytes_to[sam.rtp.port]) > 7.9
        assert len(set(bytes_to[bob.rtp.port])) < 8 or not bytes_to[bob.rtp.port]


async def test_of_several_keys_the_first_that_can_be_used_is_answered(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "sam") as sam:
        key, other = srtp.new_key(), srtp.new_key()
        offer = sam.sdp(["PCMU"]).replace("RTP/AVP", "rtp/savp")
        offer = srtp.with_key(offer, other, "F8_128_HMAC_SHA1_80", tag=3)
        offer = srtp.with_key(offer, f"{other}|2^20|1:4", tag=4)
        offer = srtp.with_key(offer, f"{key}|2^20 WSH=64", tag=0)
        call = await converse(engine, sam, bob, offer=offer)
        ((tag, _, theirs),) = srtp.keys_in(call.a.answer_sdp)
        assert tag == 0
        sam.rtp.cipher = srtp.Cipher(key, theirs)
        await call.hears_both_ways(codec_a="PCMU", codec_b="OPUS", seconds=0.9)
        assert (await call.end())["legs"][0]["encryption"] == AES_80


@pytest.mark.parametrize(
    ("tag", "end", "why"),
    [
        (7, "", f"its tag 7 was not offered with {AES_80}"),
        (1, "|1:4", "it names a master key identifier (MKI), which is not supported"),
    ],
)
async def test_an_answer_with_a_key_that_does_not_fit_ends_the_call_in_words(
    engine: Engine, tag: int, end: str, why: str
) -> None:
    async with registered(engine, "sam") as sam, caller(engine, "alice") as alice:
        a = await alice.invite("sam", alice.sdp(["PCMU"]))
        b = await sam.wait_call()
        answer = sam.sdp([("PCMU", descriptions.payload_type(b.offer_sdp, "PCMU"))])
        await b.answer(srtp.with_key(answer, srtp.new_key() + end, tag=tag))
        assert (await a.wait_final()).code == 488
        await asyncio.wait_for(b.ended.wait(), 15)
        ended = (await engine.record(a.call_id))["termination"]
    assert ended["reason"] == "callee-without-media"
    assert f"without a key (a=crypto) that can be used: {why}." in ended["advice"]


async def test_without_an_offer_ours_has_the_keys_and_the_ack_answers_one(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "rita", srtp="RTP/SAVP") as rita:
        a = await rita.invite("bob", None, answer=lambda _: rita.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.answer_in("OPUS")
        offer = (await a.answered()).body.decode()
        assert " RTP/SAVP " in offer
        assert len(srtp.keys_in(offer)) == 4
        call = Conversation(a, b, engine)
        await call.hears_both_ways(codec_a="PCMU", codec_b="OPUS", seconds=0.9)
        assert [leg["encryption"] for leg in (await call.end())["legs"]] == [AES_80, ""]


async def test_a_second_offer_for_one_codec_is_encrypted_as_the_first(engine: Engine) -> None:
    async with (
        registered(engine, "rita", srtp="RTP/SAVP") as rita,
        caller(engine, "alice") as alice,
    ):
        call = await converse(engine, alice, rita, offer=["PCMU"], answer=["PCMA", "PCMU", "G722"])
        offer = await asyncio.wait_for(call.b.reoffers.get(), 15)
        assert descriptions.names(offer) == ["G722"]
        assert " RTP/SAVP " in offer
        heard = rita.rtp.packets
        await until(lambda: {p.payload_type for p in heard[-10:]} == {9}, "it goes on in PCMA")
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=0.9)
        assert (await call.end())["legs"][1]["encryption"] == AES_80


def entropy(data: bytes) -> float:
    """Return bits per byte."""
    shares = [count / len(data) for count in Counter(data).values()]
    return -sum(share * math.log2(share) for share in shares)
