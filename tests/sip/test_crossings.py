"""Messages that cross on the wire, are lost or come twice: SIPp at both ends, one call each.

Others of the kind are in `wire/test_dead_phones.py` (many at once) and `wire/test_transfer.py`.
"""

from typing import Any

import pytest

from tests.peers.engine import Engine
from tests.peers.ports import LOOPBACK, free_sip_port
from tests.peers.sipp import Sipp, SippCall
from tests.sip.script import (
    Script,
    as_callee,
    as_caller,
    as_talking_callee,
    as_talking_caller,
    offer,
)
from tests.wire.directory import PASSWORD, configuration, connection

CALLEE_PORT = free_sip_port()
CONFIGURATION = configuration(
    connection("caller", outbound=["PCMU"]),
    connection("callee", inbound=["PCMA", "PCMU"], address=f"sip:callee@{LOOPBACK}:{CALLEE_PORT}"),
)


def login(engine: Engine) -> dict[str, Any]:
    return {"server": engine.server, "user": "caller", "password": PASSWORD, "to": "callee"}


async def played(
    engine: Engine, caller: Script, callee: Script, *, repeats: bool = True
) -> tuple[dict[str, Any], SippCall, SippCall]:
    """Play both ends to their last step; return the call's record, and both."""
    async with Sipp() as sipp:
        called = await sipp.play(callee.xml, port=CALLEE_PORT, repeats=repeats)
        await called.listening()
        calling = await sipp.play(caller.xml, engine.server, repeats=repeats)
        assert await calling.finished() == 0, calling.dump()
        assert await called.finished() == 0, called.dump()
    (call_id,) = {_header(m.text, "Call-ID") for m in calling.messages}
    return await engine.record(call_id), calling, called


def _header(message: str, name: str) -> str:
    return message.partition(f"{name}:")[2].partition("\n")[0].strip()


def _ending(record: dict[str, Any]) -> tuple[str, str, int]:
    end = record["termination"]
    return end["by"], end["reason"], end["code"]


async def test_a_cancel_that_crosses_the_200_changes_nothing_rfc3261_9_1(engine: Engine) -> None:
    caller = as_caller(**login(engine)).maybe(100, 180).get(200, routes=True)
    # It was on its way when the 200 came: answered, and without effect.
    caller.cancel().get(200, has=["CANCEL"]).request("ACK").request("BYE").get(200)
    callee = as_talking_callee().expect("BYE")
    record, _, called = await played(engine, caller, callee)
    assert _ending(record) == ("caller", "caller-hung-up", 200)
    assert not [m for m in called.messages if m.first_line.startswith("CANCEL")]


async def test_a_callee_that_answers_after_the_cancel_is_hung_up_rfc3261_15(
    engine: Engine,
) -> None:
    caller = as_caller(**login(engine)).maybe(100).get(180).cancel().get(200, has=["CANCEL"])
    caller.get(487)
    callee = as_callee().reply(180, to_tag=True).expect("CANCEL")
    callee.answer_invite(200, offer("PCMU")).expect("ACK").expect("BYE")
    record, _, _ = await played(engine, caller, callee)
    assert _ending(record) == ("caller", "caller-cancelled", 487)


@pytest.mark.parametrize("side", ["caller", "callee"])
async def test_both_hang_up_at_once_rfc3261_15(engine: Engine, side: str) -> None:
    first = as_talking_callee() if side == "caller" else as_talking_caller(**login(engine))
    crossing = as_talking_caller(**login(engine)) if side == "caller" else as_talking_callee()
    first.pause(200).request("BYE").get(200)
    # Its own BYE leaves before it has answered ours, and both are answered.
    crossing.keep("BYE").request("BYE").get(200).answer_kept(200)
    ends = (crossing, first) if side == "caller" else (first, crossing)
    record, _, _ = await played(engine, *ends)
    other = "callee" if side == "caller" else "caller"
    assert _ending(record) == (other, f"{other}-hung-up", 200)


async def test_a_200_that_comes_again_is_acknowledged_again_rfc3261_13_2_2_4(
    engine: Engine,
) -> None:
    caller = as_talking_caller(**login(engine)).pause(400).request("BYE").get(200)
    callee = as_talking_callee().answer_invite(200, offer("PCMU")).expect("ACK").expect("BYE")
    record, _, called = await played(engine, caller, callee, repeats=False)
    first, again = [m.text for m in called.messages if m.first_line.startswith("ACK")]
    assert first.splitlines() == again.splitlines()
    assert _ending(record) == ("caller", "caller-hung-up", 200)


async def test_a_lost_ack_has_the_200_repeated_rfc3261_13_3_1_4(engine: Engine) -> None:
    caller = as_caller(**login(engine)).maybe(100, 180).get(200, routes=True).get(200)
    caller.request("ACK").pause(100).request("BYE").get(200)
    callee = as_talking_callee().expect("BYE")
    record, calling, _ = await played(engine, caller, callee, repeats=False)
    first, again = [m.text for m in calling.messages if m.first_line.startswith("SIP/2.0 200")][:2]
    assert first == again
    assert _ending(record) == ("caller", "caller-hung-up", 200)


async def test_our_reinvite_that_met_another_is_repeated_rfc3261_14_1(engine: Engine) -> None:
    """The callee answers with two codecs, its own first: it is asked for ours alone."""
    caller = as_talking_caller(**login(engine)).expect("BYE")
    callee = as_talking_callee("PCMU", "PCMA").expect("INVITE", answer=491).expect("ACK")
    callee.request("INVITE", body=offer("PCMU", "PCMA")).maybe(100).get(200).request("ACK")
    # RFC 3261 section 14.1: who made the Call-ID waits 2.1 to 4 s.
    callee.expect("INVITE", answer=None).reply(200, body=offer("PCMA")).expect("ACK")
    callee.request("BYE").get(200)
    record, _, _ = await played(engine, caller, callee)
    assert _ending(record) == ("callee", "callee-hung-up", 200)
    assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "PCMA"]


async def test_a_reinvite_that_meets_ours_is_told_so_rfc3261_14_1(engine: Engine) -> None:
    caller = as_talking_caller(**login(engine)).expect("BYE")
    callee = as_talking_callee("PCMU", "PCMA").expect("INVITE", answer=None)
    callee.request("INVITE", body=offer("PCMU", "PCMA")).maybe(100).get(491).request("ACK")
    callee.request("BYE").get(200)
    record, _, _ = await played(engine, caller, callee)
    assert _ending(record) == ("callee", "callee-hung-up", 200)
