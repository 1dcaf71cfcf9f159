"""Replaces: a party joins two calls it has here (REFER), a device picks a call up (INVITE)."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
import sipmessage

from tests.peers.dialogs import Call, IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import LOOPBACK, free_sip_port
from tests.peers.sipp import Sipp, SippCall
from tests.peers.waiting import until
from tests.sip.script import Script, as_talking_callee, offer
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator

TARGET_PORT = free_sip_port()
CONFIGURATION = configuration(
    connection("alice", inbound=["PCMU"], outbound=["PCMU"]),
    connection("bob", inbound=["PCMA"], outbound=["PCMA"]),
    connection("carol", inbound=["G722"], outbound=["G722"]),
    connection("sipp", inbound=["PCMU"], address=f"sip:sipp@{LOOPBACK}:{TARGET_PORT}"),
)


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


def refer(call: Call, other: Call, *, from_tag: str = "") -> sipmessage.Request:
    """Return the REFER that joins a phone's call with another of its own (RFC 5589 section 7)."""
    theirs, ours = (address.parameters["tag"] for address in (other.remote, other.local))
    names = f"{other.call_id};to-tag={theirs};from-tag={from_tag or ours}"
    request = call.request("REFER")
    request.headers.set("Refer-To", f"<{other.target}?Replaces={quote(names, safe='')}>")
    return request


async def joins(call: Call, other: Call) -> None:
    """Join two calls of a phone."""
    assert (await call.send(refer(call, other))).code == 202


async def is_told(phone: Phone, fragment: str) -> None:
    """Wait for the last NOTIFY."""

    def told() -> bool:
        notes = [m for m in phone.received() if m.startswith("NOTIFY")]
        return any(fragment in m and "Subscription-State: terminated" in m for m in notes)

    await until(told, f"nobody was told {fragment}")


@asynccontextmanager
async def two_calls(
    engine: Engine, *, calls_bob: bool
) -> AsyncIterator[tuple[Phone, Call, Call, OutgoingCall | IncomingCall]]:
    """Have alice talk to bob, who called or was called, and to carol, whom she called."""
    async with (
        registered(engine, "alice") as alice,
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
    ):
        if calls_bob:
            first = await converse(engine, alice, bob, offer=["PCMU"])
            with_bob, bobs = first.a, first.b
        else:
            turned = await converse(engine, bob, alice, offer=["PCMA"])
            with_bob, bobs = turned.b, turned.a
        second = await converse(engine, alice, carol, offer=["PCMU"])
        carols = second.b
        yield alice, with_bob, second.a, bobs
        await Conversation(bobs, carols, engine).hears_both_ways(codec_a="PCMA", codec_b="G722")
        assert len(carols.phone.calls) == 1  # she was not rung again
        assert (await carols.hang_up()).code == 200
        await asyncio.wait_for(bobs.ended.wait(), 15)


@pytest.mark.parametrize("calls_bob", [True, False], ids=["as caller", "as callee"])
async def test_a_party_joins_its_two_calls_rfc5589_7_3(
    engine: Engine, operator: Operator, calls_bob: bool
) -> None:
    async with two_calls(engine, calls_bob=calls_bob) as (alice, with_bob, with_carol, bobs):
        await joins(with_bob, with_carol)
        await is_told(alice, "SIP/2.0 200 OK")
        for call in (with_carol, with_bob):
            await asyncio.wait_for(call.ended.wait(), 15)
    first, second = [
        await engine.record(call.call_id)
        for call in (bobs if not calls_bob else with_bob, with_carol)
    ]
    assert first["destination"] == "connection:carol"
    assert first["termination"]["reason"] == "callee-hung-up"
    assert second["termination"]["reason"] == "joined-with-another"
    assert second["termination"]["by"] == "caller"
    assert "Carol talks to Bob there" in second["termination"]["advice"]
    page = html.unescape(await asyncio.to_thread(operator.get, f"/calls/{first['id']}/"))
    assert "Alice transfers Bob to Carol, whom it has in another call" in page


async def test_who_joins_its_calls_may_hang_both_up_at_once_rfc5589_6_1(engine: Engine) -> None:
    """Whom it meant was let go with its call, and the other was said to talk to it."""
    async with two_calls(engine, calls_bob=True) as (_, with_bob, with_carol, _):
        await joins(with_bob, with_carol)
        await asyncio.gather(with_carol.hang_up(), with_bob.hang_up())
    first = await engine.record(with_bob.call_id)
    second = await engine.record(with_carol.call_id)
    assert (first["destination"], second["destination"]) == ("connection:carol",) * 2
    assert second["termination"]["reason"] == "joined-with-another"


async def test_a_target_whose_yes_comes_too_late_ends_its_own_call_rfc3261_9_1(
    engine: Engine,
) -> None:
    """Its 200 crossed our CANCEL and it was sent BYE; whom it had talked to nobody."""
    async with (
        registered(engine, "alice") as alice,
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
    ):
        with_bob = await converse(engine, alice, bob, offer=["PCMU"])
        with_carol = await converse(engine, alice, carol, offer=["PCMU"])
        answers, may_answer = with_carol.b.receive, asyncio.Event()

        async def late(request: sipmessage.Request) -> None:
            if request.method == "INVITE":
                await may_answer.wait()
            await answers(request)

        with_carol.b.receive = late  # type: ignore[method-assign]
        await joins(with_bob.a, with_carol.a)
        assert (await with_bob.b.hang_up()).code == 200
        may_answer.set()
        await asyncio.wait_for(with_carol.a.ended.wait(), 15)
        record = await engine.record(with_carol.a.call_id)
    assert record["termination"]["reason"] == "transfer-failed"
    assert "Carol agreed to be joined with another call just as" in record["termination"]["advice"]


@asynccontextmanager
async def beside_sipp(
    engine: Engine, script: Script
) -> AsyncIterator[tuple[Conversation, OutgoingCall, SippCall]]:
    """Have alice talk to bob, and to SIPp, which then plays the rest of its scenario."""
    async with (
        Sipp() as sipp,
        registered(engine, "bob") as bob,
        caller(engine, "alice") as alice,
    ):
        target = await sipp.play(script.xml, port=TARGET_PORT)
        await target.listening()
        talk = await converse(engine, alice, bob, offer=["PCMU"])
        consulted = await alice.invite("sipp", alice.sdp(["PCMU"]))
        await consulted.answered()
        yield talk, consulted, target


async def test_a_target_that_refuses_the_reinvite_leaves_both_calls_rfc3261_14_1(
    engine: Engine,
) -> None:
    script = as_talking_callee().expect(
        "INVITE", has=["To: .*tag=", "Content-Type: .*sdp"], answer=488
    )
    script.expect("ACK").expect("BYE")
    async with beside_sipp(engine, script) as (talk, consulted, target):
        await joins(talk.a, consulted)
        await is_told(talk.a.phone, "SIP/2.0 488")
        await talk.hears_both_ways(codec_a="PCMU", codec_b="PCMA", seconds=1.0)
        await consulted.hang_up()
        assert await target.finished() == 0, target.dump()
        record = await talk.end()
        other = await engine.record(consulted.call_id)
    assert record["destination"] == "connection:bob"
    assert other["termination"]["reason"] == "caller-hung-up"


async def test_requests_after_the_takeover_have_rising_numbers_rfc3261_12_2_1(
    engine: Engine,
) -> None:
    script = as_talking_callee().expect("INVITE", answer=None).reply(200, body=offer("PCMU"))
    script.expect("ACK").request("INFO").get(200)
    script.request("INVITE", body=offer("PCMU", direction="sendonly")).maybe(100).get(200)
    script.request("ACK").expect("BYE")
    async with beside_sipp(engine, script) as (talk, consulted, target):
        await joins(talk.a, consulted)
        await is_told(talk.a.phone, "SIP/2.0 200")
        await asyncio.wait_for(talk.a.ended.wait(), 15)
        await target.passed("ACK", sent=True)
        await talk.b.hang_up()
        assert await target.finished() == 0, target.dump()
        record = await engine.record(talk.a.call_id)
    asked = [m for m in target.messages if m.received and not m.first_line.startswith("SIP/2.0")]
    numbers = [int(_header(m.text, "CSeq").split()[0]) for m in asked]
    assert [m.first_line.split()[0] for m in asked] == ["INVITE", "ACK", "INVITE", "ACK", "BYE"]
    assert numbers[0] == numbers[1]
    assert numbers[1] < numbers[2] == numbers[3] < numbers[4]
    assert len({_header(m.text, "Call-ID") for m in asked}) == 1
    # RFC 3264 section 8: one origin, whose version rises by one with each description.
    sent = [m.sdp for m in target.messages if m.received and m.sdp.strip()]
    origins = [line.split() for sdp in sent for line in sdp.splitlines() if line.startswith("o=")]
    assert len({(name, session) for name, session, *_ in origins}) == 1
    versions = [int(version) for _, _, version, *_ in origins]
    assert versions == list(range(versions[0], versions[0] + len(sent)))
    assert record["termination"]["reason"] == "callee-hung-up"


@pytest.mark.parametrize("what", ["unknown", "another's"])
async def test_a_call_that_is_not_its_own_is_not_joined_rfc3891_3(
    engine: Engine, what: str
) -> None:
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
        caller(engine, "alice") as alice,
        caller(engine) as stranger,
    ):
        talk = await converse(engine, alice, bob, offer=["PCMU"])
        other = await converse(engine, stranger, carol, offer=["PCMU"])
        tag = "nobody" if what == "unknown" else ""
        response = await talk.a.send(refer(talk.a, other.a, from_tag=tag))
        assert response.code == (481 if what == "unknown" else 603)
        await talk.hears_both_ways(codec_a="PCMU", codec_b="PCMA", seconds=1.0)
        assert (await other.end())["termination"]["reason"] == "caller-hung-up"
        assert (await talk.end())["termination"]["reason"] == "caller-hung-up"


def replaces(call: Call, flags: str = "") -> str:
    """Return the header that names a phone's dialog: our tag there is To's (RFC 3891 section 3)."""
    ours, theirs = (address.parameters["tag"] for address in (call.remote, call.local))
    return f"{call.call_id};to-tag={ours};from-tag={theirs}{flags}"


async def pick_up(phone: Phone, header: str, *codecs: str) -> OutgoingCall:
    headers = {"Replaces": header, "Require": "replaces"}
    sdp = phone.sdp(list(codecs) or ["G722", "PCMU"])
    return await phone.invite("whoever", sdp, headers=headers)


@asynccontextmanager
async def a_talk(engine: Engine) -> AsyncIterator[tuple[Conversation, Phone]]:
    """Have alice talk to bob, whom she called, beside carol, who may pick up."""
    async with (
        registered(engine, "alice") as alice,
        registered(engine, "bob") as bob,
        caller(engine, "carol") as carol,
    ):
        yield await converse(engine, alice, bob, offer=["PCMU"]), carol


@pytest.mark.parametrize("replaced", ["callee", "caller"])
async def test_a_device_takes_the_place_of_a_party_rfc3891_3(
    engine: Engine, operator: Operator, replaced: str
) -> None:
    async with a_talk(engine) as (talk, carol):
        left, stays = (talk.b, talk.a) if replaced == "callee" else (talk.a, talk.b)
        taken = await pick_up(carol, replaces(left))
        assert (await taken.answered()).code == 200
        await asyncio.wait_for(left.ended.wait(), 15)
        codec = "PCMU" if replaced == "callee" else "PCMA"
        await Conversation(taken, stays, engine).hears_both_ways(codec_a="G722", codec_b=codec)
        assert not stays.ended.is_set()
        assert (await taken.hang_up()).code == 200
        await asyncio.wait_for(stays.ended.wait(), 15)
    before = await engine.record(talk.a.call_id)
    after = await engine.record(taken.call_id)
    whom, partner = ("Bob", "alice") if replaced == "callee" else ("Alice", "bob")
    assert before["termination"]["reason"] == "picked-up"
    assert before["termination"]["by"] == "engine"
    assert before["termination"]["advice"] == (
        f"Carol picked this call up in the place of {whom} (call {after['id']})."
    )
    assert after["source"] == "connection:carol"
    assert after["destination"] == f"connection:{partner}"
    assert [leg["codec"] for leg in after["legs"]] == ["G722", codec]
    assert after["termination"]["reason"] == "caller-hung-up"
    page = html.unescape(await asyncio.to_thread(operator.get, f"/calls/{after['id']}/"))
    name = partner.title()
    assert f"Takes {name} over from call {before['id']}, in the place of {whom}" in page
    assert f"{name} is taken over from its other call" in page
    assert f"Ringing {name}" not in page


async def test_who_holds_the_call_is_taken_over_as_well_rfc3264_8_4(engine: Engine) -> None:
    """Its new call is on hold from its answer on, and the one before stayed up with one party."""
    async with a_talk(engine) as (talk, carol):
        on_hold = talk.a.phone.sdp(["PCMU"], direction="sendonly")
        talk.a.answer_reoffer = lambda offer: on_hold
        taken = await pick_up(carol, replaces(talk.b))
        assert (await taken.answered()).code == 200
        await asyncio.wait_for(talk.b.ended.wait(), 15)
        before = await engine.record(talk.a.call_id)
        assert before["termination"]["reason"] == "picked-up"
        assert not talk.a.ended.is_set()
        assert (await taken.hang_up()).code == 200
        await asyncio.wait_for(talk.a.ended.wait(), 15)


async def test_a_device_takes_the_place_of_one_that_rings_rfc3891_3(engine: Engine) -> None:
    """What desk phones call directed pick-up: the caller is answered, the other told so."""
    async with (
        registered(engine, "bob") as bob,
        caller(engine, "alice") as alice,
        caller(engine, "carol") as carol,
    ):
        calling = await alice.invite("bob", alice.sdp(["PCMU"]))
        ringing = await bob.wait_call()
        await ringing.ring()
        await calling.wait_provisional(180)
        # The caller's own early dialog is not one that we have begun: there is nothing to replace.
        calling.remote = calling.responses[-1].to_address
        not_ours = await pick_up(carol, replaces(calling, ";early-only"))
        assert (await not_ours.wait_final()).code == 481
        taken = await pick_up(carol, replaces(ringing, ";early-only"))
        assert (await taken.answered()).code == 200
        assert calling.responses[-1].code == 200
        await asyncio.wait_for(ringing.ended.wait(), 15)
        await Conversation(taken, calling, engine).hears_both_ways(codec_a="G722", codec_b="PCMU")
        cancel = next(m for m in bob.received() if m.startswith("CANCEL"))
        assert 'text="Call completed elsewhere"' in cancel
        assert (await taken.hang_up()).code == 200
        await asyncio.wait_for(calling.ended.wait(), 15)
    before, after = [await engine.record(call.call_id) for call in (calling, taken)]
    assert before["termination"]["reason"] == "picked-up"
    assert before["termination"]["advice"] == (
        f"Carol picked this call up in the place of Bob (call {after['id']})."
    )
    assert (after["source"], after["destination"]) == ("connection:carol", "connection:alice")
    assert after["termination"]["reason"] == "caller-hung-up"


async def test_what_cannot_be_picked_up_is_refused_and_the_call_goes_on_rfc3891_3(
    engine: Engine,
) -> None:
    async with a_talk(engine) as (talk, carol), caller(engine) as stranger:
        named = replaces(talk.b)
        for phone, header, code, rule in [
            (carol, named.replace("to-tag=", "to-tag=x"), 481, "no-dialog-to-replace"),
            (carol, named.partition(";from")[0], 400, "malformed-sip"),
            (carol, f"{named}, {named}", 400, "malformed-sip"),
            (carol, f"{named};early-only", 486, "replaces-too-late"),
            (stranger, named, 403, "replaces-forbidden"),
        ]:
            refused = await pick_up(phone, header)
            assert (await refused.wait_final()).code == code, header
            assert (await engine.refusal(refused.call_id, code=code))["rule"] == rule
        declined = await pick_up(carol, named, "PCMA")
        assert (await declined.wait_final()).code == 488
        await talk.hears_both_ways(codec_a="PCMU", codec_b="PCMA", seconds=1.0)
        assert (await talk.end())["termination"]["reason"] == "caller-hung-up"
        late = await pick_up(carol, named)
        assert (await late.wait_final()).code == 603


async def test_whoever_says_yes_to_a_pick_up_too_late_ends_its_own_call_rfc3261_9_1(
    engine: Engine,
) -> None:
    async with a_talk(engine) as (talk, carol):
        answers = talk.a.receive
        asked, may_answer = asyncio.Event(), asyncio.Event()

        async def late(request: sipmessage.Request) -> None:
            if request.method == "INVITE":
                asked.set()
                await may_answer.wait()
            await answers(request)

        talk.a.receive = late  # type: ignore[method-assign]
        picking = await pick_up(carol, replaces(talk.b))
        await asyncio.wait_for(asked.wait(), 15)
        assert (await picking.cancel()).code == 200
        may_answer.set()
        assert (await picking.wait_final()).code == 487
        await asyncio.wait_for(talk.b.ended.wait(), 15)
        record = await engine.record(talk.a.call_id)
    assert record["termination"]["reason"] == "transfer-failed"


async def test_a_pick_up_that_agrees_on_no_audio_is_not_called_picked_up_rfc3264_6(
    engine: Engine,
) -> None:
    async with a_talk(engine) as (talk, carol):
        talk.a.answer_reoffer = lambda offer: re.sub("m=audio [0-9]+", "m=audio 0", offer)
        picking = await pick_up(carol, replaces(talk.b))
        assert (await picking.wait_final()).code == 488
        await asyncio.wait_for(talk.b.ended.wait(), 15)
        before, after = [await engine.record(call.call_id) for call in (talk.a, picking)]
    assert before["termination"]["reason"] == "transfer-failed"
    assert before["termination"]["advice"] == (
        "Carol was about to pick this call up in the place of Bob, and did not: "
        f"call {after['id']} says why. Call again."
    )
    assert after["termination"]["reason"] == "callee-without-media"


def _header(message: str, name: str) -> str:
    return message.partition(f"{name}:")[2].partition("\n")[0].strip()
