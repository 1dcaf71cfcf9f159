"""How a callee's answer ends a call: the code the caller gets, and what the record says of it."""

import asyncio

import pytest

from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.conversation import caller, registered
from tests.wire.directory import configuration, connection, trunk

GATEWAY = ("127.0.0.41", free_sip_port("127.0.0.41"))
NUMBER = "+12025550199"
CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=["G722", "PCMU"]),
    connection("nowhere", address="sip:127.0.0.88:9;transport=tcp"),
    trunks=[trunk("carrier", gateway=f"sip:{GATEWAY[0]}:{GATEWAY[1]}", concurrent_calls=1)],
    routes={"+1202": ["carrier"]},
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


async def test_a_gateway_that_challenges_a_trunk_without_credentials(engine: Engine) -> None:
    async with (
        Phone("gateway", host=GATEWAY[0], port=GATEWAY[1]) as gateway,
        caller(engine, "alice") as phone,
    ):
        call = await phone.invite(NUMBER, phone.sdp(["PCMU"]))
        await (await gateway.wait_call()).reject(401, headers=CHALLENGE)
        assert (await call.wait_final()).code == 503
        end = (await engine.record(call.call_id))["termination"]
        assert (end["by"], end["reason"]) == ("callee", "trunk-credentials-missing")
        assert "carrier" in end["advice"]


async def test_a_trunk_that_has_as_many_calls_as_it_may(engine: Engine) -> None:
    async with (
        Phone("gateway", host=GATEWAY[0], port=GATEWAY[1]) as gateway,
        caller(engine, "alice") as phone,
        caller(engine, "alice") as other,
    ):
        first = await phone.invite(NUMBER, phone.sdp(["PCMU"]))
        ringing = await gateway.wait_call()
        await ringing.ring()
        await first.wait_provisional(180)
        second = await other.invite(NUMBER, other.sdp(["PCMU"]))
        assert (await second.wait_final()).code == 503
        refused = await engine.rejection(code=503, user="alice")
        assert refused["rule"] == "trunk-calls-reached"
        await ringing.reject(486)
        assert (await first.wait_final()).code == 486


async def test_a_callee_that_has_forgotten_the_call_is_lost(engine: Engine) -> None:
    """Its answer began with another codec than ours, so it is sent a re-INVITE at once."""
    async with registered(engine, "bob") as bob, caller(engine, "alice") as phone:
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        b = await bob.wait_call()
        b.answer_reoffer = lambda _: 481
        await b.answer_in("PCMU", "G722")
        await a.answered()
        await asyncio.wait_for(a.ended.wait(), 15)
        end = (await engine.record(a.call_id))["termination"]
        assert (end["by"], end["reason"], end["code"]) == ("callee", "callee-lost", 481)
        assert "Bob did not know the call any more (481)" in end["advice"]


async def test_a_caller_that_has_forgotten_the_call_is_lost(engine: Engine) -> None:
    """Its answer in the ACK began with another codec than ours, so it is sent a re-INVITE."""
    async with registered(engine, "bob") as bob, caller(engine, "alice") as phone:
        a = await phone.invite("bob", None, answer=lambda _: phone.sdp(["PCMA", "PCMU", "G722"]))
        a.answer_reoffer = lambda _: 481
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        await asyncio.wait_for(b.ended.wait(), 15)
        end = (await engine.record(a.call_id))["termination"]
        assert (end["by"], end["reason"], end["code"]) == ("caller", "caller-lost", 481)
        assert "The caller did not know the call any more (481)" in end["advice"]
