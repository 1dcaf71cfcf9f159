"""An operator transfers a live call: real phones, the real page, a tone both ways."""

import asyncio
import html
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from callengine.engine.moves.transfers import REST_S
from tests.peers import descriptions
from tests.peers.baresip import Baresip
from tests.peers.dialogs import IncomingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection
from tests.wire.operator import Operator

GATEWAY = ("127.0.0.23", free_sip_port("127.0.0.23"))
RING_TIMEOUT_S = 6
"Of one connection: the others ring while pages are read, for as long as a busy machine takes."
CONFIGURATION = configuration(
    # Her own call, which is transferred, is the one she may have.
    connection("alice", outbound=["G722", "PCMU"], concurrent_calls=1),
    connection("bob", inbound=["PCMU"]),
    connection("carol", inbound=["PCMA"]),
    connection("strict", inbound=["PCMU", "PCMA"], force=True),
    connection("opus", inbound=["OPUS"], force=True),
    connection("away"),
    connection("brief", inbound=["PCMA"], ring_timeout_s=RING_TIMEOUT_S),
    connection("full", inbound=["PCMU"], concurrent_calls=1),
    trunks=[
        {
            "name": "carrier",
            "in": {"codecs": ["G722", "PCMU"]},
            "out": {
                "codecs": ["PCMU"],
                "username": "us",
                "password": PASSWORD,
                "gateways": [
                    {"uri": f"sip:{GATEWAY[0]}:{GATEWAY[1]};transport=udp;line={n}", "priority": n}
                    for n in range(1, 10)
                ],
            },
        }
    ],
    routes={"+44": ["carrier"]},
)


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


@asynccontextmanager
async def talking(engine: Engine, *users: str) -> AsyncIterator[tuple[Conversation, list[Phone]]]:
    """Have alice talk to bob in G722 and PCMU; the other users' phones are registered."""
    async with (
        registered(engine, "bob") as bob,
        caller(engine, "alice") as alice,
    ):
        others = [registered(engine, user) for user in users]
        phones = [await other.__aenter__() for other in others]
        talk = await converse(engine, alice, bob, offer=["PCMA", "G722", "PCMU"])
        try:
            assert descriptions.names(talk.a.answer_sdp) == ["G722"]
            yield talk, phones
        finally:
            if not talk.a.ended.is_set():
                await talk.a.hang_up()
            for other in others:
                await other.__aexit__(None, None, None)


async def _hung_up(operator: Operator, path: str, talk: Conversation) -> str:
    """Hang up at the caller's end; return the text of the call's page then."""
    assert (await talk.a.hang_up()).code == 200
    return await operator.ended(path)


async def test_the_caller_talks_to_another_connection_in_another_codec(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "carol") as (talk, (carol,)):
        path = await operator.transfer("carol")
        target = await carol.wait_call()
        assert descriptions.names(target.offer_sdp) == ["PCMA"]
        assert target.invite.from_address.uri.user == "alice"
        await target.ring()
        await operator.reads(path, "B2 ringing", "Carol is ringing")
        await talk.hears_both_ways(codec_a="G722", codec_b="PCMU", seconds=1.0)
        assert talk.b.bye is None
        await target.answer_in("PCMA")
        await asyncio.wait_for(talk.b.ended.wait(), 15)
        assert talk.b.bye is not None
        assert talk.b.bye.headers.get("Reason") == "Q.850;cause=16"
        line = await operator.reads(path, "B2 transferred")
        assert "The caller now talks to Carol instead of Bob." in line
        after = Conversation(talk.a, target, engine)
        await after.hears_both_ways(codec_a="G722", codec_b="PCMA")
        assert talk.a.reoffers.empty()
        record = await after.end()
    assert (record["source"], record["destination"]) == ("connection:alice", "connection:carol")
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]
    assert [leg["codec"] for leg in record["legs"]] == ["G722", "PCMU", "PCMA"]
    assert record["termination"]["reason"] == "caller-hung-up"
    assert record["transcoded"] is True
    page = html.unescape(await asyncio.to_thread(operator.get, path))
    assert "Our list: <bdi>inbound list of Carol</bdi>." in page
    assert "G722 on leg A, PCMA on leg B" in page
    assert "Transcoding G722 ↔ PCMA" in page


async def test_a_busy_target_leaves_the_call_as_it_was(engine: Engine, operator: Operator) -> None:
    async with talking(engine, "carol") as (talk, (carol,)):
        path = await operator.transfer("carol")
        await (await carol.wait_call()).reject(486)
        line = await operator.reads(path, "transfer failed")
        for words in ("Not transferred to carol", "Carol is busy", "Rule: callee-busy", "goes on"):
            assert words in line
        await talk.hears_both_ways(codec_a="G722", codec_b="PCMU", seconds=1.0)
        assert talk.b.bye is None
        assert "Destination Connection bob " in await _hung_up(operator, path, talk)


async def test_a_destination_that_cannot_be_rung_is_told_and_nobody_is_rung(
    engine: Engine, operator: Operator
) -> None:
    rules = {
        "nobody": "unknown-number",
        "away": "not-registered",
        "full": "concurrent-calls-reached",
        "opus": "no-common-codec-caller",
    }
    async with (
        talking(engine, "full", "opus") as (talk, (full, opus)),
        caller(engine) as stranger,
    ):
        path = await operator.live_call()
        other = await converse(engine, stranger, full, offer=["PCMU"])
        for to, rule in rules.items():
            await operator.transfer(to, path)
            line = await operator.reads(path, "transfer failed", f"Rule: {rule}.")
            assert f"Not transferred to {to}" in line
            assert "The call goes on as it was." in line
        assert opus.incoming.empty()
        await talk.hears_both_ways(codec_a="G722", codec_b="PCMU", seconds=1.0)
        await other.a.hang_up()


async def test_an_unauthenticated_caller_is_not_transferred_to_a_trunk(
    engine: Engine, operator: Operator
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as stranger:
        talk = await converse(engine, stranger, bob, offer=["PCMU"])
        path = await operator.transfer("+44 20 7123 4567")
        line = await operator.reads(path, "transfer failed", "external-caller-to-trunk")
        assert "Not transferred to +442071234567" in line
        await talk.a.hang_up()


async def _rings(operator: Operator, phone: Phone) -> tuple[str, IncomingCall]:
    """Transfer the call that is up to a phone, and have it ring; return the call's page and it."""
    path = await operator.transfer(phone.user)
    target = await phone.wait_call()
    await target.ring()
    return path, target


async def test_the_caller_hangs_up_while_the_target_rings(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "carol") as (talk, (carol,)):
        path, target = await _rings(operator, carol)
        page = await _hung_up(operator, path, talk)
        await asyncio.wait_for(target.cancelled.wait(), 15)
        assert talk.b.bye is not None
    assert "Destination Connection bob " in page
    assert "Rule caller-hung-up" in page


async def test_the_callee_hangs_up_and_the_caller_waits_for_the_target(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "carol") as (talk, (carol,)):
        path, target = await _rings(operator, carol)
        assert (await talk.b.hang_up()).code == 200
        await operator.reads(path, "B callee left", "the caller waits for Carol")
        assert talk.a.bye is None
        await target.answer_in("PCMA")
        await operator.reads(path, "B2 transferred")
        after = Conversation(talk.a, target, engine)
        await after.hears_both_ways(codec_a="G722", codec_b="PCMA", seconds=1.0)
        assert "Destination Connection carol " in await _hung_up(operator, path, after)


async def test_the_call_ends_when_the_callee_left_and_nobody_answers(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "brief") as (talk, (brief,)):
        path, target = await _rings(operator, brief)
        await talk.b.hang_up()
        await asyncio.wait_for(target.cancelled.wait(), RING_TIMEOUT_S + 15)
        await asyncio.wait_for(talk.a.ended.wait(), 15)
        page = await operator.ended(path)
    assert "Rule transfer-failed SIP 480" in page
    assert f"did not answer within {RING_TIMEOUT_S} s" in page


async def test_a_forced_destination_has_the_caller_change_codec_once_it_answers(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "strict") as (talk, (strict,)):
        path, target = await _rings(operator, strict)
        assert talk.a.reoffers.empty()
        await target.answer_in("PCMU")
        offer = await asyncio.wait_for(talk.a.reoffers.get(), 15)
        assert descriptions.names(offer) == ["PCMU"]
        await operator.reads(path, "B2 transferred")
        after = Conversation(talk.a, target, engine)
        await after.hears_both_ways(codec_a="PCMU", codec_b="PCMU")
        # From now on the forced list holds for what the caller offers, too.
        refused = await talk.a.reinvite(talk.a.phone.sdp(["G722"], version=3))
        assert refused.code == 488
        page = await _hung_up(operator, path, after)
    assert "Our list: inbound list of Strict, forced on the caller " in page
    assert "PCMU on leg A, PCMU on leg B" in page


async def test_a_caller_that_refuses_the_forced_codec_stays_with_the_callee(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "strict") as (talk, (strict,)):
        talk.a.answer_reoffer = lambda _: 488
        path = await operator.transfer("strict")
        target = await strict.wait_call()
        await target.answer_in("PCMU")
        line = await operator.reads(path, "transfer failed", "no-common-codec-caller")
        assert "the caller's device refused" in line
        await asyncio.wait_for(target.ended.wait(), 15)
        await talk.hears_both_ways(codec_a="G722", codec_b="PCMU", seconds=1.0)
        assert "G722 on leg A, PCMU on leg B" in await _hung_up(operator, path, talk)


async def test_a_caller_that_let_us_offer_is_offered_the_forced_list(
    engine: Engine, operator: Operator
) -> None:
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "strict") as strict,
        caller(engine, "alice") as alice,
    ):
        a = await alice.invite("bob", None, answer=lambda _: alice.sdp(["G722"]))
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        path = await operator.transfer("strict")
        target = await strict.wait_call()
        await target.answer_in("PCMA")
        offer = await asyncio.wait_for(a.reoffers.get(), 15)
        assert descriptions.names(offer) == ["PCMU", "PCMA"]
        await operator.reads(path, "B2 transferred")
        after = Conversation(a, target, engine)
        await after.hears_both_ways(codec_a="PCMU", codec_b="PCMA", seconds=1.0)
        await after.a.hang_up()


async def test_one_transfer_at_a_time_and_another_after_it(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "carol", "strict") as (talk, (carol, strict)):
        path = await operator.transfer("carol")
        target = await carol.wait_call()
        await operator.transfer("strict", path)
        await operator.reads(path, "transfer failed", "A transfer to carol is under way")
        assert strict.incoming.empty()
        await target.answer_in("PCMA")
        await operator.reads(path, "B2 transferred")
        await asyncio.sleep(REST_S)
        await operator.transfer("bob", path)
        again = await talk.b.phone.wait_call()
        await again.answer_in("PCMU")
        await operator.reads(path, "B3 transferred", "talks to Bob instead of Carol")
        await asyncio.wait_for(target.ended.wait(), 15)
        after = Conversation(talk.a, again, engine)
        await after.hears_both_ways(codec_a="G722", codec_b="PCMU", seconds=1.0)
        page = await _hung_up(operator, path, after)
    assert "Destination Connection bob " in page
    assert "Leg B3 callee, Bob" in page


async def test_phones_of_a_connection_ring_two_at_a_time(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "carol", "carol", "carol") as (talk, phones):
        path = await operator.transfer("carol")
        first, second = [await asyncio.wait_for(_next_call(phones), 15) for _ in range(2)]
        waiting = [phone for phone in phones if phone not in (first.phone, second.phone)]
        await first.reject(486)
        assert waiting[0].incoming.empty()
        await second.reject(480)
        third = await waiting[0].wait_call()
        await third.answer_in("PCMA")
        await asyncio.wait_for(talk.b.ended.wait(), 15)
        await operator.reads(path, "B4 transferred")


async def _next_call(phones: list[Phone]) -> IncomingCall:
    """Return the next call that any of these phones gets."""
    while True:
        for phone in phones:
            if not phone.incoming.empty():
                return phone.incoming.get_nowait()
        await asyncio.sleep(0.02)


async def test_gateways_with_credentials_do_not_exhaust_a_call_process(
    engine: Engine, operator: Operator
) -> None:
    """pjsua2 aborts its process at the ninth account."""
    async with (
        Phone("gateway", host=GATEWAY[0], port=GATEWAY[1]) as gateway,
        talking(engine) as (talk, _),
    ):
        path = await operator.transfer("+442071234567")
        for _ in range(8):
            await (await gateway.wait_call()).reject(503)
        assert gateway.incoming.empty()
        await operator.reads(path, "transfer failed", "callee-unreachable")
        await talk.hears_both_ways(codec_a="G722", codec_b="PCMU", seconds=1.0)


@pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip")
async def test_phones_of_another_project_change_partner_and_codec(
    engine: Engine, operator: Operator
) -> None:
    def phone(user: str, hz: float, **options: Any) -> Baresip:
        return Baresip(user, PASSWORD, server=engine.server, hz=hz, **options)

    async with (
        phone("alice", 620, codecs=("G722", "PCMU")) as alice,
        phone("bob", 950, auto_answer=True) as bob,
        phone("carol", 1400, auto_answer=True) as carol,
        phone("strict", 1800, auto_answer=True) as strict,
    ):
        for one in (alice, bob, carol, strict):
            await one.registered()
        await alice.dial("bob")
        await alice.wait_for("CALL_ESTABLISHED")
        path = await operator.transfer("carol")
        await bob.wait_for("CALL_CLOSED")
        heard = await asyncio.gather(alice.heard_from_now(), carol.heard_from_now())
        assert heard[0].near(1400)
        assert heard[1].near(620)
        await operator.transfer("strict", path)
        await carol.wait_for("CALL_CLOSED")
        await operator.reads(path, "B3 transferred")
        # What baresip 1.0 records of a call that changes its codec plays at the wrong speed.
        await alice.hang_up()
        await strict.wait_for("CALL_CLOSED")
        assert "PCMU on leg A, PCMU on leg B" in await operator.ended(path)
