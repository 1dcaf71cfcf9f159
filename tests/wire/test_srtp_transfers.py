"""SRTP of legs that are offered anew: transfers, takeovers, hold. No `required` leg turns plain."""

import asyncio
import shutil
from collections.abc import Callable
from urllib.parse import quote

import pytest
import sipmessage

from callengine.engine.moves.transfers import REST_S
from tests.peers import descriptions, srtp
from tests.peers.baresip import Baresip
from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.sip.test_replaces import is_told, joins
from tests.wire import secured
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection
from tests.wire.operator import Operator

CONFIGURATION = configuration(
    connection("alice", outbound=["PCMU", "PCMA"], srtp="required"),
    connection("bob", inbound=["PCMU"], outbound=["PCMU"], srtp="required"),
    connection("carol", inbound=["PCMA"], outbound=["PCMA"], srtp="required"),
    connection("open", inbound=["PCMA"], srtp="allowed"),
    connection("strict", inbound=["PCMA"], force=True),
    numbers={"2000": "agent:support"},
) | {"agents": [{"name": "support", "dialect": "twilio", "url": "wss://agent.invalid/"}]}
ENVIRONMENT = secured.ENVIRONMENT
AES_80 = "AES_CM_128_HMAC_SHA1_80"
SAVP, SAVPF = "RTP/SAVP", "RTP/SAVPF"


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


def blind(engine: Engine, call: Call, to: str) -> sipmessage.Request:
    host, port = engine.server
    request = call.request("REFER")
    request.headers.set("Refer-To", f"<sip:{to}@{host}:{port}>")
    return request


def profile(text: str) -> str:
    """Return the profile of an audio line that has keys, if it is one of encrypted audio."""
    written = descriptions.audio_section(text)[0].split()[2]
    assert bool(srtp.keys_in(text)) is (written in (SAVP, SAVPF))
    return written


def encryption(record: dict) -> list[bool]:  # type: ignore[type-arg]
    return [bool(leg["encryption"]) for leg in record["legs"]]


async def test_whom_a_callee_refers_to_is_encrypted_as_its_own_settings_say(
    engine: Engine,
) -> None:
    async with (
        caller(engine, "alice", srtp=SAVPF) as alice,
        registered(engine, "bob", srtp=SAVP) as bob,
        registered(engine, "carol", srtp=SAVP) as carol,
        registered(engine, "open") as plain,
    ):
        talk = await converse(engine, alice, bob, offer=["PCMU"])
        key, asks = alice.rtp.cipher, talk.b
        for phone in (carol, plain):
            assert (await asks.send(blind(engine, asks, phone.user))).code == 202
            target = await phone.wait_call()
            await target.answer_in("PCMA")
            await asyncio.wait_for(asks.ended.wait(), 15)
            talk, asks = Conversation(talk.a, target, engine), target
            await talk.hears_both_ways(codec_a="PCMU", codec_b="PCMA", seconds=0.8)
            await asyncio.sleep(REST_S - 0.7)  # before it is transferred once more
        assert alice.rtp.cipher is key  # nothing was offered to her
        record = await talk.end()
    assert encryption(record) == [True, True, True, False]


async def test_who_is_taken_over_by_a_reinvite_gets_new_keys_in_its_own_profile(
    engine: Engine,
) -> None:
    async with (
        registered(engine, "alice", srtp=SAVP) as alice,
        registered(engine, "bob", srtp=SAVP) as bob,
        caller(engine, "carol", srtp=SAVPF) as carol,
    ):
        first = await converse(engine, alice, bob, offer=["PCMU"])
        second = await converse(engine, carol, alice, offer=["PCMA"])
        before = srtp.keys_in(second.a.answer_sdp)
        await joins(first.a, second.b)
        await is_told(alice, "SIP/2.0 200 OK")
        offer = await asyncio.wait_for(second.a.reoffers.get(), 15)
        assert profile(offer) == SAVPF
        assert not {key for _, _, key in srtp.keys_in(offer)} & {key for _, _, key in before}
        heard = await asyncio.gather(
            first.b.audio(send_hz=620, codec="PCMU", seconds=0.9),
            second.a.audio(send_hz=950, codec="PCMA", seconds=0.9),
        )
        assert heard[0].near(950), heard[0]
        assert heard[1].near(620), heard[1]
        await second.a.hang_up()
        record = await engine.record(first.a.call_id)
    assert encryption(record) == [True, True, True]


async def test_who_is_taken_over_and_answers_in_plain_rtp_ends_its_call(engine: Engine) -> None:
    async with (
        caller(engine, "alice", srtp=SAVP) as alice,
        registered(engine, "bob", srtp=SAVP) as bob,
        registered(engine, "carol", srtp=SAVP) as carol,
    ):
        first = await converse(engine, alice, bob, offer=["PCMU"])
        second = await converse(engine, alice, carol, offer=["PCMU"])
        second.b.answer_reoffer, carol.srtp = plainly(second.b), ""
        await joins(first.a, second.a)
        await is_told(alice, "SIP/2.0 488")
        alice.rtp.cipher = srtp.agreed(first.a.local_sdp, first.a.remote_sdp)
        await first.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=0.9)
        for call in (second.a, second.b):  # she was hung up on, and alice is not left with nobody
            await asyncio.wait_for(call.ended.wait(), 15)
        end = (await engine.record(second.a.call_id))["termination"]
        record = await first.end()
        notes = " ".join(event["text"] for event in engine.events(record["id"]))
    assert encryption(record)[:2] == [True, True]
    assert record["termination"]["reason"] == "caller-hung-up"
    assert (end["by"], end["reason"]) == ("callee", "callee-without-media")
    assert "Carol answered with audio that is not encrypted (RTP/AVP)" in notes


def plainly(call: Call) -> Callable[[str], str]:
    """Answer offers in RTP/AVP without a key."""

    def answer(offer: str) -> str:
        names = descriptions.names(offer)
        numbers = [(name, descriptions.payload_type(offer, name)) for name in names[:1]]
        return call.phone.sdp(numbers)

    return answer


async def test_a_required_leg_is_never_offered_or_answered_plain(engine: Engine) -> None:
    async with (
        caller(engine, "alice", srtp=SAVP) as alice,
        registered(engine, "bob", srtp=SAVPF) as bob,
    ):
        talk = await converse(engine, alice, bob, offer=["PCMU"])
        key_a, key_b = alice.rtp.cipher, bob.rtp.cipher
        for call in (talk.a, talk.b):
            phone = call.phone
            kept, phone.srtp = phone.srtp, ""
            for version, ask in enumerate((call.reinvite, call.update), 2):
                assert (await ask(phone.sdp(["PCMU"], version=version))).code == 488
            late = await call.reinvite(None, answer=plainly(call))
            assert (late.code, profile(late.body.decode())) == (200, SAVP)
            phone.srtp = kept
        assert (alice.rtp.cipher, bob.rtp.cipher) == (key_a, key_b)
        await talk.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=0.9)
        record = await talk.end()
    assert encryption(record) == [True, True]


@pytest.mark.parametrize(("callee", "why"), [("bob", "SRTP is required of it"), ("open", AES_80)])
async def test_whoever_must_be_encrypted_is_not_handed_to_a_voice_agent(
    engine: Engine, callee: str, why: str
) -> None:
    async with (
        caller(engine, "alice", srtp=SAVP) as alice,
        registered(engine, callee, srtp=SAVP) as phone,
    ):
        talk = await converse(engine, alice, phone, offer=["PCMU"])
        for call in (talk.a, talk.b):
            assert (await call.send(blind(engine, call, "2000"))).code == 202
            await is_told(call.phone, "SIP/2.0 488")
        codec = descriptions.names(talk.b.local_sdp)[0]
        await talk.hears_both_ways(codec_a="PCMU", codec_b=codec, seconds=0.9)
        record = await talk.end()
    failed = [e["text"] for e in engine.events(record["id"]) if e["kind"] == "transfer-failed"]
    said = ((callee.title(), why), ("The caller", "SRTP is required of it"))
    for text, (who, reason) in zip(failed, said, strict=True):
        assert f"to 2000: {who} has audio that must be encrypted ({reason}), and voice" in text


async def test_a_list_forced_by_a_transfer_is_offered_encrypted(
    engine: Engine, operator: Operator
) -> None:
    async with (
        caller(engine, "alice", srtp=SAVPF) as alice,
        registered(engine, "bob", srtp=SAVP) as bob,
        registered(engine, "strict") as strict,
    ):
        talk = await converse(engine, alice, bob, offer=["PCMU", "PCMA"])
        mirror = talk.a.answer_reoffer
        talk.a.answer_reoffer, alice.srtp = plainly(talk.a), ""
        path = await operator.transfer("strict")
        target = await strict.wait_call()
        await target.answer_in("PCMA")
        offer = await asyncio.wait_for(talk.a.reoffers.get(), 15)
        assert profile(offer) == SAVPF
        await operator.reads(path, "transfer failed", "answered with nothing of them that can be")
        await asyncio.wait_for(target.ended.wait(), 15)
        talk.a.answer_reoffer, alice.srtp = mirror, SAVPF
        alice.rtp.forget()
        await talk.b.audio(send_hz=950, codec="PCMU", seconds=1.1)
        assert alice.rtp.heard({0: "PCMU"}).near(950)  # by the key she had before
        assert alice.rtp.cipher is not None
        assert alice.rtp.cipher.refused == 0
        await operator.transfer("strict", path)
        target = await strict.wait_call()
        await target.answer_in("PCMA")
        offer = await asyncio.wait_for(talk.a.reoffers.get(), 15)
        assert profile(offer) == SAVPF
        await operator.reads(path, "B3 transferred")
        after = Conversation(talk.a, target, engine)
        await after.hears_both_ways(codec_a="PCMA", codec_b="PCMA", seconds=0.9)
        record = await after.end()
    assert encryption(record) == [True, True, False, False]


# baresip, an independent stack, over TLS


def baresip(engine: Engine, user: str, hz: int, **options: object) -> Baresip:
    return Baresip(
        *(user, PASSWORD),
        server=engine.server_over("tls"),
        transport="tls",
        hz=hz,
        srtp="srtp-mand",
        authority=secured.AUTHORITY.certificate,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip")
async def test_baresip_holds_and_transfers_over_tls_with_srtp(engine: Engine) -> None:
    async with (
        baresip(engine, "alice", 620) as alice,
        baresip(engine, "bob", 950, auto_answer=True) as bob,
        baresip(engine, "carol", 1400, auto_answer=True) as carol,
    ):
        for one in (alice, bob, carol):
            await one.registered()
        await alice.dial("bob")
        call_id = (await alice.wait_for("CALL_ESTABLISHED"))["id"]
        assert (await alice.heard_for(0.9)).near(950)
        assert (await bob.heard_for(0.9)).near(620)
        await alice.hold()
        await alice.resume()
        assert (await bob.heard_from_now(0.7)).near(620)
        await alice.command("transfer", alice.target("carol"))
        await alice.wait_for("CALL_CLOSED")
        await carol.wait_for("CALL_ESTABLISHED")
        assert (await bob.heard_from_now(0.7)).near(1400)
        assert (await carol.heard_for(0.7)).near(950)
        await bob.hang_up()
        await carol.wait_for("CALL_CLOSED")
        record = await engine.record(call_id)
    assert record["destination"] == "connection:carol"
    assert encryption(record) == [True, True, True]


@pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip")
async def test_baresip_joins_its_two_calls_over_tls_with_srtp(engine: Engine) -> None:
    """The menu of baresip 1.0 has no such transfer, but it sends the REFER that one consists of.

    Carol's phone is another's: baresip does not take the new key of a re-INVITE.
    """
    async with (
        baresip(engine, "alice", 620) as alice,
        baresip(engine, "bob", 950, auto_answer=True) as bob,
        registered(engine, "carol", srtp="RTP/SAVP", **secured.phone()) as carol,
    ):
        for one in (alice, bob):
            await one.registered()
        await alice.dial("bob")
        first = (await alice.wait_for("CALL_ESTABLISHED"))["id"]
        await alice.hold()
        await alice.dial("carol")
        with_carol = await carol.wait_call()
        await with_carol.answer_in("PCMA")
        second = (await alice.wait_for("CALL_ESTABLISHED"))["id"]
        assert (await with_carol.audio(send_hz=1400, codec="PCMA", seconds=0.9)).near(620)
        replaces = quote(alice.dialog(second), safe="")
        await alice.command("line", "1")
        await alice.command("transfer", f"{alice.target('carol')}?Replaces={replaces}")
        await asyncio.wait_for(with_carol.reoffers.get(), 15)
        heard = with_carol.audio(send_hz=1400, codec="PCMA", seconds=1.5)
        at_bob, at_carol = await asyncio.gather(bob.heard_from_now(0.7), heard)
        assert at_bob.near(1400), at_bob
        assert at_carol.near(950), at_carol
        await with_carol.hang_up()
        await bob.wait_for("CALL_CLOSED")
        joined, other = [await engine.record(call_id) for call_id in (first, second)]
    assert joined["destination"] == "connection:carol"
    assert encryption(joined) == [True, True, True]
    assert other["termination"]["reason"] == "joined-with-another"
