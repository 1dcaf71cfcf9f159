"""Transfers that a carrier carries out itself: SIPp is sent the REFER and says how it fares."""

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import sipmessage

from tests.peers.dialogs import Call, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.ports import free_sip_port
from tests.peers.sipp import Sipp, SippCall
from tests.sip.script import Script, as_talking_callee, as_talking_caller
from tests.sip.test_replaces import is_told
from tests.wire.conversation import caller, registered
from tests.wire.directory import configuration, connection, trunk
from tests.wire.operator import Operator

CARRIER_HOST = "127.0.0.32"
CARRIER_PORT = free_sip_port(CARRIER_HOST)
CARRIER = f"sip:{CARRIER_HOST}:{CARRIER_PORT}"
CONFIGURATION = configuration(
    connection("alice", outbound=["PCMU"]),
    connection("carol", inbound=["PCMU"]),
    numbers={"100": "connection:carol"},
    trunks=[
        trunk(
            "carrier",
            allowed=[CARRIER_HOST],
            gateway=CARRIER,
            codecs=["PCMU"],
            passes_refer=True,
        )
        | {"international": "listed", "countries": ["GB"]},
    ],
    routes={"+44": ["carrier"], "+49": ["carrier"]},
)
FIRST, SECOND = "+442079460001", "+442079460002"
WITH_REFER = [
    rf"Refer-To: .sip:\+442079460002@{CARRIER_HOST}:{CARRIER_PORT}>",
    "Referred-By: .sip:alice@",
    "Contact: ",
]


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


def tells(script: Script, fragment: str, state: str) -> Script:
    """Have the carrier say how far it has come (RFC 3515 section 2.4.5)."""
    headers = ("Event: refer", f"Subscription-State: {state}", "Content-Type: message/sipfrag")
    return script.request("NOTIFY", *headers, body=fragment).get(200)


@asynccontextmanager
async def through_carrier(
    engine: Engine, script: Script
) -> AsyncIterator[tuple[OutgoingCall, SippCall]]:
    """Have alice talk to somebody behind SIPp, which then plays the rest of its scenario."""
    async with Sipp(host=CARRIER_HOST) as sipp, caller(engine, "alice") as alice:
        carrier = await sipp.play(script.xml, port=CARRIER_PORT)
        await carrier.listening()
        call = await alice.invite(FIRST, alice.sdp(["PCMU"]))
        await call.answered()
        yield call, carrier


def refer(call: Call, engine: Engine, to: str) -> sipmessage.Request:
    request = call.request("REFER")
    host, port = engine.server
    request.headers.set("Refer-To", f"<sip:{to}@{host}:{port}>")
    return request


async def test_a_carrier_connects_the_two_and_the_call_leaves_rfc5589_6_1(
    engine: Engine, operator: Operator
) -> None:
    script = as_talking_callee().expect("REFER", has=WITH_REFER, answer=202)
    tells(script, "SIP/2.0 100 Trying", "active;expires=60")
    tells(script, "SIP/2.0 180 Ringing", "active;expires=60")
    tells(script, "SIP/2.0 200 OK", "terminated;reason=noresource")
    script.expect("BYE")
    async with through_carrier(engine, script) as (call, carrier):
        path = await operator.live_call()
        assert (await call.send(refer(call, engine, SECOND))).code == 202
        await is_told(call.phone, "SIP/2.0 200 OK")
        await asyncio.wait_for(call.ended.wait(), 15)
        assert await carrier.finished() == 0, carrier.dump()
        record = await engine.record(call.call_id)
    assert record["termination"]["by"] == "caller"
    assert record["termination"]["reason"] == "handed-to-carrier"
    assert record["termination"]["code"] == 200
    page = html.unescape(await asyncio.to_thread(operator.get, path))
    assert f"carrier is sent the REFER, to connect carrier with {SECOND} itself." in page
    assert "has connected the two itself" in page
    notes = [m for m in call.phone.received() if m.startswith("NOTIFY")]
    assert any("SIP/2.0 180 Ringing" in note for note in notes)


@pytest.mark.parametrize("by_notify", [False, True], ids=["refused", "busy"])
async def test_a_carrier_that_does_not_leaves_the_call_as_it_was_rfc3515_2_4_4(
    engine: Engine, operator: Operator, by_notify: bool
) -> None:
    script = as_talking_callee().expect("REFER", has=WITH_REFER, answer=202 if by_notify else 603)
    if by_notify:
        tells(script, "SIP/2.0 486 Busy Here", "terminated;reason=noresource")
    script.expect("BYE")
    said = "486 Busy Here" if by_notify else "603 Decline"
    async with through_carrier(engine, script) as (call, carrier):
        path = await operator.live_call()
        assert (await call.send(refer(call, engine, SECOND))).code == 202
        await is_told(call.phone, f"SIP/2.0 {said}")
        line = await operator.reads(path, "transfer failed", f"Not transferred to {SECOND}")
        assert f"carrier was sent the REFER and says {said}" in line
        assert "Rule: transfer-failed. The call goes on as it was." in line
        assert (await call.hang_up()).code == 200
        assert await carrier.finished() == 0, carrier.dump()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_a_referrer_may_leave_while_the_carrier_connects_rfc5589_6_1(engine: Engine) -> None:
    script = as_talking_callee().expect("REFER", has=WITH_REFER, answer=202)
    tells(script, "SIP/2.0 100 Trying", "active;expires=60").pause(800)
    tells(script, "SIP/2.0 200 OK", "terminated;reason=noresource").expect("BYE")
    async with through_carrier(engine, script) as (call, carrier):
        assert (await call.send(refer(call, engine, SECOND))).code == 202
        await carrier.passed("SIP/2.0 200")  # to its first NOTIFY
        assert (await call.hang_up()).code == 200
        assert await carrier.finished() == 0, carrier.dump()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "handed-to-carrier"


async def test_a_callee_refers_a_caller_who_came_from_the_carrier_rfc5589_6_1(
    engine: Engine,
) -> None:
    script = as_talking_caller(engine.server, user="+442079460009", password="", to="100")
    script.expect("REFER", has=[WITH_REFER[0], "Referred-By: .sip:carol@"], answer=202)
    tells(script, "SIP/2.0 200 OK", "terminated;reason=noresource").expect("BYE")
    async with registered(engine, "carol") as carol, Sipp(host=CARRIER_HOST) as sipp:
        carrier = await sipp.play(script.xml, engine.server)
        call = await carol.wait_call()
        await call.answer_in("PCMU")
        await asyncio.wait_for(call.acknowledged.wait(), 15)
        await carrier.passed("ACK", sent=True)  # before it, it is sent no REFER (491)
        assert (await call.send(refer(call, engine, SECOND))).code == 202
        await is_told(carol, "SIP/2.0 200 OK")
        await asyncio.wait_for(call.ended.wait(), 15)
        assert await carrier.finished() == 0, carrier.dump()
        record = await engine.record(next(m.call_id for m in carrier.messages))
    assert record["termination"]["by"] == "callee"
    assert record["termination"]["reason"] == "handed-to-carrier"


async def test_whom_the_carrier_does_not_have_we_call_rfc3515_2_4_2(engine: Engine) -> None:
    """A target of ours is rung by us: the carrier could not reach it."""
    script = as_talking_callee().expect("BYE")
    async with (
        registered(engine, "carol") as carol,
        through_carrier(engine, script) as (call, carrier),
    ):
        assert (await call.send(refer(call, engine, "carol"))).code == 202
        target = await carol.wait_call()
        await target.answer_in("PCMU")
        await is_told(call.phone, "SIP/2.0 200 OK")
        await target.hang_up()
        assert await carrier.finished() == 0, carrier.dump()
        record = await engine.record(call.call_id)
    assert record["destination"] == "connection:carol"


async def test_permissions_hold_for_whom_a_carrier_would_call(engine: Engine) -> None:
    script = as_talking_callee().expect("BYE")
    async with through_carrier(engine, script) as (call, carrier):
        assert (await call.send(refer(call, engine, "+4930123456"))).code == 202
        await is_told(call.phone, "SIP/2.0 403")
        assert (await call.hang_up()).code == 200
        assert await carrier.finished() == 0, carrier.dump()


@pytest.mark.parametrize(("event", "code"), [("refer", 481), ("message-summary", 489)])
async def test_a_notify_that_nobody_asked_for_is_refused_rfc6665_4_1_3(
    engine: Engine, event: str, code: int
) -> None:
    script = as_talking_callee()
    headers = (f"Event: {event}", "Subscription-State: active")
    script.request("NOTIFY", *headers, body="SIP/2.0 200 OK").get(code).expect("BYE")
    async with through_carrier(engine, script) as (call, carrier):
        await carrier.passed(f"SIP/2.0 {code}")
        assert (await call.hang_up()).code == 200
        assert await carrier.finished() == 0, carrier.dump()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"
