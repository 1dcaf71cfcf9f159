"""Blind transfers that a phone or a carrier asks for: SIPp refers, others are rung and heard."""

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import LOOPBACK, free_sip_port
from tests.peers.sipp import Sipp, SippCall
from tests.peers.waiting import until
from tests.sip.script import Script, as_talking_callee, as_talking_caller, offer
from tests.wire.conversation import CALLER_HZ, Conversation, caller, registered
from tests.wire.directory import PASSWORD, configuration, connection, trunk
from tests.wire.operator import Operator

RINGING_HZ = 425
REFERRER_PORT, CARRIER_PORT = free_sip_port(), free_sip_port("127.0.0.31")
CARRIER = f"sip:127.0.0.31:{CARRIER_PORT}"
CONFIGURATION = configuration(
    connection("alice", outbound=["PCMU"]),
    connection("bob", inbound=["PCMU"], address=f"sip:bob@{LOOPBACK}:{REFERRER_PORT}"),
    connection("dora", inbound=["PCMU"], outbound=["PCMU", "PCMA"]),
    connection("carol", inbound=["PCMA"]),
    connection("sipp-alice", outbound=["PCMU"]),
    trunks=[
        trunk("closed", gateway=CARRIER, codecs=["PCMU"]),
        trunk("open", gateway=CARRIER, codecs=["PCMU"], refer="act", keeps=["X-Account"]),
    ],
    routes={"+44": ["closed"], "+45": ["open"]},
)
TRYING, RINGING, OK, BUSY = (
    f"SIP/2.0 {words}" for words in ("100 Trying", "180 Ringing", "200 OK", "486 Busy Here")
)


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


def refers(script: Script, engine: Engine, to: str, *headers: str, scheme: str = "sip") -> Script:
    """Have SIPp refer whoever it talks to, and be told at once that this is tried."""
    host, port = engine.server
    script.request("REFER", f"Refer-To: <{scheme}:{to}@{host}:{port}>", *headers)
    return script.get(202, has=["Contact:"])


def is_told(script: Script, fragment: str, state: str) -> Script:
    """Have it told so much by NOTIFY (RFC 3515 section 2.4.5)."""
    has = ["Event: refer", f"Subscription-State: {state}", "message/sipfrag", fragment]
    return script.expect("NOTIFY", has=has)


@asynccontextmanager
async def called(
    engine: Engine, script: Script, *, port: int, to: str, host: str = LOOPBACK
) -> AsyncIterator[tuple[OutgoingCall, SippCall]]:
    """Have alice talk to SIPp, which then plays the rest of its scenario."""
    async with Sipp(host=host) as sipp, caller(engine, "alice") as alice:
        callee = await sipp.play(script.xml, port=port)
        await callee.listening()
        call = await alice.invite(to, alice.sdp(["PCMU"]))
        await call.answered()
        yield call, callee


async def hears_ringing(call: OutgoingCall | IncomingCall) -> None:
    """Insist that our tone is heard: one second of five, from wherever in it."""
    for _ in range(8):
        heard = await call.audio(send_hz=CALLER_HZ, codec="PCMU", seconds=1.0)
        if heard.near(RINGING_HZ):
            return
    raise AssertionError(f"{heard} is heard, not the ringing tone")


async def _rung(phone: Phone) -> IncomingCall:
    target = await phone.wait_call()
    await target.ring()
    return target


async def test_a_callee_refers_the_caller_who_hears_ringing_rfc3515_2_4(
    engine: Engine, operator: Operator
) -> None:
    script = refers(as_talking_callee(), engine, "carol")
    is_told(script, TRYING, "active")
    is_told(script, RINGING, "active")
    is_told(script, OK, "terminated").request("BYE").get(200)
    async with (
        registered(engine, "carol") as carol,
        called(engine, script, port=REFERRER_PORT, to="bob") as (call, sipp),
    ):
        target = await _rung(carol)
        assert target.invite.from_address.uri.user == "alice"
        path = await operator.live_call()
        await operator.reads(path, "transfer", "Bob transfers Alice to carol")
        await operator.reads(path, "B2 ringing", "Carol is ringing")
        await hears_ringing(call)
        await target.answer_in("PCMA")
        assert await sipp.finished() == 0, sipp.dump()
        after = Conversation(call, target, engine)
        await after.hears_both_ways(codec_a="PCMU", codec_b="PCMA")
        record = await after.end()
    assert record["destination"] == "connection:carol"
    assert record["termination"]["reason"] == "caller-hung-up"
    assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "PCMU", "PCMA"]
    page = html.unescape(await asyncio.to_thread(operator.get, path))
    assert "The caller now talks to Carol instead of Bob." in page


async def test_a_target_that_is_busy_leaves_the_call_as_it_was_rfc3515_2_4_5(
    engine: Engine, operator: Operator
) -> None:
    # sips: asks for TLS on the way to the target (RFC 5630), which has none.
    script = refers(as_talking_callee(), engine, "carol", scheme="sips")
    is_told(script, TRYING, "active")
    is_told(script, "SIP/2.0 480", "terminated")
    script = refers(script, engine, "carol")
    is_told(script, TRYING, "active")
    is_told(script, RINGING, "active")
    is_told(script, BUSY, "terminated").expect("BYE")
    async with (
        registered(engine, "carol") as carol,
        called(engine, script, port=REFERRER_PORT, to="bob") as (call, sipp),
    ):
        await (await _rung(carol)).reject(486)
        path = await operator.live_call()
        await operator.reads(path, "transfer failed", "Rule: sips-without-tls. The call goes on")
        await operator.reads(path, "transfer failed", "Rule: callee-busy. The call goes on as it")
        assert (await call.hang_up()).code == 200
        assert await sipp.finished() == 0, sipp.dump()
        record = await engine.record(call.call_id)
    assert record["destination"] == "connection:bob"
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_a_caller_refers_its_callee_and_leaves_rfc5589_6_1(
    engine: Engine, operator: Operator
) -> None:
    async with (
        registered(engine, "carol") as carol,
        registered(engine, "dora") as dora,
        Sipp() as sipp,
    ):
        script = as_talking_caller(
            engine.server, user="sipp-alice", password=PASSWORD, to="dora"
        ).pause(200)
        refers(script, engine, "carol")
        is_told(script, TRYING, "active")
        is_told(script, RINGING, "active")
        # It does not hang up by itself: we do, once it has had the time to.
        is_told(script, OK, "terminated").expect("BYE", has=["Q.850;cause=16"])
        transferor = await sipp.play(script.xml, engine.server)
        waiting = await dora.wait_call()
        await waiting.answer_in("PCMU")
        target = await _rung(carol)
        assert target.invite.from_address.uri.user == "dora"
        await hears_ringing(waiting)
        path = await operator.live_call()
        await target.answer_in("PCMA")
        assert await transferor.finished() == 0, transferor.dump()
        line = await operator.reads(path, "B2 transferred")
        assert "Dora now talks to Carol instead of the caller." in line
        at_dora, at_carol = await asyncio.gather(
            waiting.audio(send_hz=620, codec="PCMU", seconds=1.5),
            target.audio(send_hz=950, codec="PCMA", seconds=1.5),
        )
        assert at_dora.near(950), at_dora
        assert at_carol.near(620), at_carol
        page = html.unescape(await asyncio.to_thread(operator.get, path))
        assert "Transcoding PCMU ↔ PCMA" in page
        await target.hang_up()
        await asyncio.wait_for(waiting.ended.wait(), 15)
        (call_id,) = {m.call_id for m in transferor.messages}
        record = await engine.record(call_id)
    assert record["termination"]["reason"] == "callee-hung-up"
    assert record["termination"]["advice"].startswith("Carol hung up")
    assert (record["source"], record["destination"]) == (
        "connection:sipp-alice",
        "connection:carol",
    )


async def test_a_referrer_that_hangs_up_at_once_leaves_ringing_rfc5589_6_1(engine: Engine) -> None:
    script = refers(as_talking_callee(), engine, "carol")
    is_told(script, TRYING, "active")
    # A second one is not to call off the first, for which somebody waits.
    host, port = engine.server
    script.request("REFER", f"Refer-To: <sip:dora@{host}:{port}>").get(491)
    script.request("BYE").get(200)
    is_told(script, RINGING, "active")
    is_told(script, OK, "terminated")
    async with (
        registered(engine, "carol") as carol,
        called(engine, script, port=REFERRER_PORT, to="bob") as (call, sipp),
    ):
        target = await carol.wait_call()
        await sipp.passed("SIP/2.0 200")  # to its BYE
        await target.ring()
        await hears_ringing(call)
        await target.answer_in("PCMA")
        assert await sipp.finished() == 0, sipp.dump()
        await Conversation(call, target, engine).end()


async def test_no_subscription_where_none_is_wanted_rfc4488_4(engine: Engine) -> None:
    script = refers(as_talking_callee(), engine, "carol", "Refer-Sub: false", "Require: norefersub")
    script.expect("BYE")
    async with (
        registered(engine, "carol") as carol,
        called(engine, script, port=REFERRER_PORT, to="bob") as (call, sipp),
    ):
        target = await _rung(carol)
        await target.answer_in("PCMA")
        assert await sipp.finished() == 0, sipp.dump()
        assert "Refer-Sub: false" in sipp.received("SIP/2.0 202").text
        await Conversation(call, target, engine).end()


@pytest.mark.parametrize(
    ("to", "code"), [("+4420", 603), ("+4520", 202)], ids=["declined", "acted-on"]
)
async def test_a_trunk_transfers_only_if_it_is_set_to_rfc3515_2_4_2(
    engine: Engine, operator: Operator, to: str, code: int
) -> None:
    host, port = engine.server
    refer_to = f"Refer-To: <sip:carol@{host}:{port}>"
    script = as_talking_callee().request("REFER", refer_to, "X-Account: 4711", "X-Other: no")
    script.get(code)
    if code == 202:
        is_told(script, TRYING, "active")
        is_told(script, RINGING, "active")
        is_told(script, BUSY, "terminated")
    script.expect("BYE")
    async with (
        registered(engine, "carol") as carol,
        called(engine, script, port=CARRIER_PORT, to=to, host="127.0.0.31") as (call, sipp),
    ):
        path = await operator.live_call()
        if code == 202:
            rung = await _rung(carol)
            headers = rung.invite.headers
            assert (headers.get("X-Account"), headers.get("X-Other")) == ("4711", None)
            await rung.reject(486)
            await operator.reads(path, "transfer failed", "Rule: callee-busy.")
        else:
            line = await operator.reads(path, "transfer failed", "Rule: refer-declined.")
            assert "The trunk closed may not transfer calls." in line
            assert carol.incoming.empty()
        await call.hang_up()
        assert await sipp.finished() == 0, sipp.dump()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ((), 400),
        (("Refer-To: <sip:carol@x>", "Refer-To: <sip:dora@x>"), 400),
        (("Refer-To: <mailto:carol@example.com>",), 400),
        (("Refer-To: <sip:carol@elsewhere.example>",), 603),
        (("Refer-To: <sip:{server}>",), 603),
    ],
    ids=["none", "two", "no-sip", "elsewhere", "nobody"],
)
async def test_a_refer_that_names_nobody_to_ring_is_refused_rfc3515_2_4_2(
    engine: Engine, headers: tuple[str, ...], code: int
) -> None:
    lines = [line.format(server="{}:{}".format(*engine.server)) for line in headers]
    script = as_talking_callee().request("REFER", *lines).get(code).expect("BYE")
    async with called(engine, script, port=REFERRER_PORT, to="bob") as (call, sipp):
        await sipp.passed(f"SIP/2.0 {code}")
        await call.hang_up()
        assert await sipp.finished() == 0, sipp.dump()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_a_refer_while_the_call_is_on_hold_rfc5589_6(engine: Engine) -> None:
    script = as_talking_callee().request("INVITE", body=offer("PCMU", direction="sendonly"))
    script.maybe(100).get(200, has=["a=recvonly"]).request("ACK")
    refers(script, engine, "carol")
    is_told(script, TRYING, "active")
    is_told(script, RINGING, "active")
    is_told(script, OK, "terminated").request("BYE").get(200)
    async with (
        registered(engine, "carol") as carol,
        called(engine, script, port=REFERRER_PORT, to="bob") as (call, sipp),
    ):
        target = await _rung(carol)
        await target.answer_in("PCMA")
        assert await sipp.finished() == 0, sipp.dump()
        await Conversation(call, target, engine).hears_both_ways(codec_a="PCMU", codec_b="PCMA")
        record = await Conversation(call, target, engine).end()
    assert record["destination"] == "connection:carol"


async def test_a_refer_before_the_answer_is_refused_at_once_rfc3515_2_4_2(engine: Engine) -> None:
    """Nothing is waited for then: who has answered is known as soon as the answer is."""
    async with registered(engine, "carol") as carol, caller(engine) as phone:
        call = await phone.invite("carol", phone.sdp(["PCMU"]))
        callee = await carol.wait_call()
        await callee.ring()
        request = callee.request("REFER")
        host, port = engine.server
        request.headers.set("Refer-To", f"<sip:dora@{host}:{port}>")
        refused = asyncio.create_task(callee.send(request))
        said = carol.transport.log
        await until(lambda: any(b"REFER sip:" in data for _, data in said), "nothing was sent")
        await callee.answer_in("PCMA")
        assert (await refused).code == 491
        await call.answered()
        await call.hang_up()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"
