"""How a callee's answer ends a call: the code the caller gets, and what the record says of it."""

import pytest

from tests.peers.engine import Engine
from tests.wire.conversation import caller, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=["G722", "PCMU"]),
    connection("nowhere", address="sip:127.0.0.88:9;transport=tcp"),
)
CHALLENGE = {"WWW-Authenticate": 'Digest realm="phone", nonce="abc", qop="auth"'}
ANSWERS = [
    (486, {}, 486, "callee-busy", "Bob is busy."),
    (600, {}, 600, "callee-busy", "Bob is busy everywhere."),
    (603, {}, 603, "callee-declined", "Bob declined the call."),
    (403, {}, 403, "callee-forbade", "Bob forbade the call."),
    (404, {}, 404, "callee-not-found", "Bob does not know the number."),
    (480, {}, 480, "callee-unavailable", "Bob is not available now."),
    (482, {}, 482, "callee-loops", "Bob leads back to where the call came from."),
    (488, {}, 488, "no-common-codec-callee", "We offered G722, PCMU: add one that it supports"),
    (606, {}, 488, "no-common-codec-callee", "We offered G722, PCMU: add one that it supports"),
    (408, {}, 408, "callee-unreachable", "Bob answered 408: something on the way waited"),
    (500, {}, 500, "callee-failed", "Bob answered 500"),
    (502, {}, 502, "callee-unreachable", "Bob answered 502: what lies behind it is down."),
    (503, {}, 503, "callee-unreachable", "Bob answered 503: it takes no calls now."),
    (401, CHALLENGE, 503, "callee-challenged", "Bob asks us for a password (401)"),
    (407, {}, 503, "callee-challenged", "Bob asks us for a password (407)"),
]


@pytest.mark.parametrize(("code", "headers", "shown", "reason", "words"), ANSWERS)
async def test_a_callees_answer_is_told_as_what_it_was(
    engine: Engine, code: int, headers: dict[str, str], shown: int, reason: str, words: str
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        await (await bob.wait_call()).reject(code, headers=headers)
        assert (await call.wait_final()).code == shown
        end = (await engine.record(call.call_id))["termination"]
        assert (end["by"], end["reason"], end["code"]) == ("callee", reason, shown)
        assert words in end["advice"]
        assert "trunk" not in end["advice"]


async def test_a_callee_that_takes_no_connection_was_not_reached(engine: Engine) -> None:
    async with caller(engine) as phone:
        call = await phone.invite("nowhere", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 503
        end = (await engine.record(call.call_id))["termination"]
        assert (end["by"], end["reason"]) == ("callee", "callee-unreachable")
        assert "could not be reached: cannot connect to tcp:127.0.0.88:9" in end["advice"]
