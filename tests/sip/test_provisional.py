"""Provisional responses, reliable ones and those of forks, and session timers, on either leg."""

from typing import Any

import pytest

from tests.callengine.edge.fakes import UdpPeer, reply_as
from tests.peers.engine import Engine
from tests.peers.ports import LOOPBACK, free_sip_port
from tests.peers.sipp import Sipp, SippCall
from tests.sip.script import Script, as_callee, as_caller, as_talking_callee, offer
from tests.wire.conversation import caller
from tests.wire.directory import PASSWORD, configuration, connection

CALLEE_PORT, FORKED_PORT = free_sip_port(), free_sip_port()
CONFIGURATION = configuration(
    connection("caller", outbound=["PCMU"]),
    connection("callee", inbound=["PCMU"], address=f"sip:callee@{LOOPBACK}:{CALLEE_PORT}"),
    connection("forked", inbound=["PCMU"], address=f"sip:forked@{LOOPBACK}:{FORKED_PORT}"),
)


def calls(engine: Engine, *headers: str) -> Script:
    login = {"user": "caller", "password": PASSWORD, "to": "callee"}
    return as_caller(engine.server, **login, headers=headers)


async def played(
    engine: Engine, caller: Script, callee: Script
) -> tuple[dict[str, Any], SippCall, SippCall]:
    """Play both ends to their last step; return the call's record, and both."""
    async with Sipp() as sipp:
        called = await sipp.play(callee.xml, port=CALLEE_PORT)
        await called.listening()
        calling = await sipp.play(caller.xml, engine.server)
        assert await calling.finished() == 0, calling.dump()
        assert await called.finished() == 0, called.dump()
    (call_id,) = {m.text.partition("Call-ID:")[2].split()[0] for m in calling.messages}
    record = await engine.record(call_id)
    assert record["termination"]["reason"] == "caller-hung-up"
    return record, calling, called


def hangs_up(caller: Script) -> Script:
    return caller.get(200, routes=True).request("ACK").request("BYE").get(200)


async def test_a_reliable_183_of_the_callee_is_acknowledged_rfc3262_4(engine: Engine) -> None:
    """Before it, that the call is forwarded and queued, and that a dialog of a fork has ended."""
    callee = as_callee().reply(181, to_tag=True).reply(199, to_tag=True).reply(182, to_tag=True)
    callee.reply(183, "Require: 100rel", "RSeq: 77", body=offer("PCMU"), to_tag=True)
    callee.expect("PRACK", has=["RAck: *77 [0-9]+ INVITE"]).answer_invite(200, offer("PCMU"))
    callee.expect("ACK").expect("BYE")
    caller = hangs_up(calls(engine).maybe(100).get(181).get(182).maybe(180, 183))
    record, calling, _ = await played(engine, caller, callee)
    told = {m.first_line.split()[1]: m for m in calling.messages if m.received}
    assert "199" not in told
    # A description there would be listened to, and nothing is to be heard yet.
    assert not [code for code in ("181", "182", "180") if told[code].sdp.strip()]
    lines = [event["text"] for event in engine.events(record["id"])]
    for words in ("is being forwarded (181).", "has put the call into a queue (182)."):
        assert any(line.endswith(words) for line in lines), lines
    assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "PCMU"]


@pytest.mark.parametrize("early", [offer("G722"), offer("PCMU").replace("6100", "0")])
async def test_an_early_answer_that_cannot_be_used_is_left_to_the_200_rfc3261_13_2_1(
    engine: Engine, early: str
) -> None:
    """pjsip cancelled the call for it, and the callee was said to have answered 487."""
    callee = as_callee().reply(183, body=early, to_tag=True).pause(100)
    callee.answer_invite(200, offer("PCMU")).expect("ACK").expect("BYE")
    record, _, _ = await played(engine, hangs_up(calls(engine).maybe(100, 180, 183)), callee)
    assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "PCMU"]


async def test_a_caller_that_requires_it_gets_a_reliable_180_rfc3262_3(engine: Engine) -> None:
    caller = calls(engine, "Require: 100rel", "Supported: 100rel").maybe(100)
    caller.steps.append(
        '  <recv response="180" rrs="true">\n    <action>\n'
        '      <ereg regexp="100rel" search_in="hdr" header="Require:" check_it="true" '
        'assign_to="20"/>\n'
        '      <ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" check_it="true" '
        'assign_to="21"/>\n'
        "    </action>\n  </recv>\n"
        '  <Reference variables="20,21"/>\n'
    )
    caller.request("PRACK", "RAck: 1[$21] 2 INVITE").get(481, has=["CSeq: *3 PRACK"])
    caller.request("PRACK", "RAck: [$21] 2 INVITE").get(200, has=["CSeq: *4 PRACK"])
    caller.request("PRACK", "RAck: [$21] 2 INVITE").get(481, has=["CSeq: *5 PRACK"])
    caller.get(200, routes=True).request("ACK", number=2).request("BYE").get(200)
    callee = as_callee().reply(180, to_tag=True).pause(1000)
    callee.answer_invite(200, offer("PCMU")).expect("ACK").expect("BYE")
    await played(engine, caller, callee)


async def test_session_timers_are_agreed_on_with_each_peer_rfc4028_9(engine: Engine) -> None:
    asked = ("Supported: timer", "Session-Expires: 120;refresher=uac", "Min-SE: 90")
    caller = calls(engine, *asked).maybe(100, 180)
    caller.get(200, routes=True, has=["Session-Expires: *120;refresher=uac", "Require: *timer"])
    caller.request("ACK")
    # RFC 4028 section 7.4: a refresh by UPDATE needs no description.
    caller.request("UPDATE", *asked).get(200, has=["Session-Expires: *120;refresher=uac"])
    caller.request("BYE").get(200)
    # Section 7.3: refused as too short for it, the interval is raised to what the callee asks for.
    callee = Script(is_caller=False).expect("INVITE", has=["Session-Expires: *1800"], answer=None)
    callee.reply(422, "Min-SE: 3600", to_tag=True).expect("ACK")
    again = as_talking_callee().expect("BYE")
    callee.steps += again.steps
    _, _, called = await played(engine, caller, callee)
    invites = [m.text for m in called.messages if m.first_line.startswith("INVITE")]
    assert len(invites) == 2
    assert "Session-Expires: 3600" in invites[1]
    assert "Min-SE: 3600" in invites[1]
    assert "timer" in invites[1].partition("Supported:")[2].partition("\n")[0]
    assert not [m for m in called.messages if m.first_line.startswith("UPDATE")]


async def test_a_second_answer_of_a_fork_is_hung_up_rfc3261_13_2_2_4(engine: Engine) -> None:
    """Three dialogs begin to ring; one that had not rung answers, and one more behind it."""
    branches = await UdpPeer.open(LOOPBACK, FORKED_PORT)
    contact = f"Contact: <sip:forked@{LOOPBACK}:{FORKED_PORT}>"
    try:
        async with caller(engine) as phone:
            call = await phone.invite("forked", phone.sdp(["PCMU"]))
            invite = await branches.expect("INVITE")

            def say(code: int, tag: str, body: str = "") -> None:
                text = reply_as(invite, code, "Whatever", contact, tag=tag, body=body)
                branches.send(text, engine.server)

            for tag in ("one", "two", "three"):
                say(180, tag)
            say(183, "two", offer("PCMU"))
            say(200, "four", offer("PCMU"))
            assert (await call.answered()).code == 200
            ack = await branches.expect("ACK")
            assert ack.to_tag == "four"
            say(200, "one", offer("PCMU"))
            late = [await branches.next(), await branches.next()]
            assert [(m.method, m.to_tag) for m in late] == [("ACK", "one"), ("BYE", "one")]
            branches.send(reply_as(late[1], 200, "OK", tag=""), engine.server)
            await call.hang_up()
            bye = await branches.expect("BYE")
            assert bye.to_tag == "four"
            branches.send(reply_as(bye, 200, "OK", tag=""), engine.server)
            record = await engine.record(call.call_id)
        assert record["termination"]["reason"] == "caller-hung-up"
        assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "PCMU"]
    finally:
        branches.transport.close()
