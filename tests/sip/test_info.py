"""Keys told by INFO to whoever agreed on no telephone-event, from whatever way they came."""

import pytest

from tests.peers.engine import Engine
from tests.peers.ports import LOOPBACK, free_sip_port
from tests.peers.sipp import Sipp
from tests.sip.script import as_callee, as_talking_callee, as_talking_caller, offer
from tests.wire.conversation import caller
from tests.wire.directory import PASSWORD, configuration, connection
from tests.wire.operator import Operator

CALLEE_PORT = free_sip_port()
CONFIGURATION = configuration(
    connection("caller", outbound=["PCMU"]),
    connection("callee", inbound=["PCMU"], address=f"sip:callee@{LOOPBACK}:{CALLEE_PORT}"),
)


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


KEY = ("Content-Type: *application/dtmf-relay", "Signal= *7", "Duration= *160")


async def test_info_goes_on_as_info_rfc6086_4_2(engine: Engine) -> None:
    """SIPp reads what goes between by its words alone: no telephone-event stands in either SDP."""
    login = {"user": "caller", "password": PASSWORD, "to": "callee"}
    script = as_talking_caller(engine.server, **login)
    script.request(
        "INFO", "Content-Type: application/dtmf-relay", body="Signal=7\nDuration=200\n"
    ).get(200)
    script.expect("BYE")
    async with Sipp() as sipp:
        callee = as_talking_callee().expect("INFO", has=KEY).request("BYE").get(200)
        called = await sipp.play(callee.xml, port=CALLEE_PORT)
        await called.listening()
        calling = await sipp.play(script.xml, engine.server)
        assert await calling.finished() == 0, calling.dump()
        assert await called.finished() == 0, called.dump()
    (call_id,) = {m.text.partition("Call-ID:")[2].split()[0] for m in calling.messages}
    assert (await engine.record(call_id))["termination"]["reason"] == "callee-hung-up"


@pytest.mark.parametrize("allows", ["INVITE, ACK, BYE, CANCEL, INFO", "INVITE, ACK, BYE, CANCEL"])
async def test_a_telephone_event_becomes_info_where_that_is_taken_rfc4733(
    engine: Engine, operator: Operator, allows: str
) -> None:
    callee = as_callee().reply(200, f"Allow: {allows}", body=offer("PCMU"), to_tag=True)
    callee.expect("ACK")
    if "INFO" in allows:
        callee.expect("INFO", has=KEY)
    callee.expect("BYE")
    async with Sipp() as sipp, caller(engine, "caller") as phone:
        called = await sipp.play(callee.xml, port=CALLEE_PORT)
        await called.listening()
        call = await phone.invite("callee", phone.sdp(["PCMU"], telephone_event={101: 8000}))
        await call.answered()
        path = await operator.live_call()
        await call.audio(send_hz=620, codec="PCMU", seconds=0.3)
        await phone.rtp.send_digit(call.rtp_target, "7", payload_type=101, clock_rate_hz=8000)
        passed = "passed on" if "INFO" in allows else "its device takes no INFO"
        await operator.reads(path, passed)
        await call.hang_up()
        assert await called.finished() == 0, called.dump()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"
