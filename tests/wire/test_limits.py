"""Limits, loops, session timers, reliable provisionals and the requests inside a dialog."""

import asyncio
from typing import Any

import sipmessage

from tests.peers import descriptions
from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, converse, next_call_works, registered
from tests.wire.directory import configuration, connection

MIRROR_HOST = "127.0.0.31"
MIRROR_PORT = free_sip_port(MIRROR_HOST)
CONFIGURATION = configuration(
    connection("alice", concurrent_calls=1),
    connection("bob", inbound=["PCMU"]),
    connection("solo", concurrent_calls=1),
    connection("mirror", address=f"sip:mirror@{MIRROR_HOST}:{MIRROR_PORT}"),
)


def directory(engine: Engine) -> dict[str, Any]:
    """Return the configuration with a connection that leads back to the engine itself."""
    loop = connection("loop", address=f"sip:loop@{engine.host}:{engine.port}")
    return {**CONFIGURATION, "connections": [*CONFIGURATION["connections"], loop]}


# How many, how far


async def test_a_callers_concurrent_calls_are_limited(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "alice") as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        second = await phone.invite("bob", phone.sdp(["PCMU"]))
        refused = await second.wait_final()
        assert (refused.code, refused.headers.get("Retry-After")) == (503, "5")
        assert (await engine.rejection(code=503))["rule"] == "caller-at-its-limit"
        await call.end()
        await (await converse(engine, phone, bob, offer=["PCMU"])).end()


async def test_a_callees_concurrent_calls_are_limited(engine: Engine) -> None:
    async with registered(engine, "solo") as solo, caller(engine) as phone:
        a = await phone.invite("solo", phone.sdp(["PCMU"]))
        b = await solo.wait_call()
        second = await phone.invite("solo", phone.sdp(["PCMU"]))
        assert (await second.wait_final()).code == 486
        assert "solo" in (await engine.rejection(code=486))["advice"].lower()
        await b.reject(486)
        await a.wait_final()
        await engine.record(a.call_id)
        third = await phone.invite("solo", phone.sdp(["PCMU"]))
        await (await solo.wait_call()).reject(603)
        assert (await third.wait_final()).code == 603


async def test_no_hops_left_is_483(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]), headers={"Max-Forwards": "0"})
        assert (await call.wait_final()).code == 483
        assert (await engine.rejection(code=483))["rule"] == "too-many-hops"
        assert bob.incoming.empty()


async def test_the_last_hop_may_be_ours(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        a = await phone.invite("bob", phone.sdp(["PCMU"]), headers={"Max-Forwards": "1"})
        b = await bob.wait_call()
        assert b.invite.max_forwards == 0
        await b.answer_in("PCMU")
        await a.answered()
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)


async def test_a_connection_may_call_itself(engine: Engine) -> None:
    async with registered(engine, "bob") as bob:
        call = await converse(engine, bob, bob, offer=["PCMU"], to="bob")
        await call.a.hang_up()
        record = await engine.record(call.a.call_id)
        assert record["source"] == record["destination"] == "connection:bob"
        assert record["termination"]["reason"] == "caller-hung-up"


async def test_a_limit_of_one_stops_a_call_to_oneself_cleanly(engine: Engine) -> None:
    """One call counts once for a connection that is both ends of it."""
    async with registered(engine, "solo") as solo:
        call = await converse(engine, solo, solo, offer=["PCMU"], to="solo")
        await call.a.hang_up()
        record = await engine.record(call.a.call_id)
        assert record["termination"]["reason"] == "caller-hung-up"


async def test_an_address_that_leads_back_to_us_ends_at_once(engine: Engine) -> None:
    engine.provision(directory(engine))
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        begun = asyncio.get_running_loop().time()
        call = await phone.invite("loop", phone.sdp(["PCMU"]))
        final = await call.wait_final()
        assert final.code in (482, 483), final.code
        assert asyncio.get_running_loop().time() - begun < 15
        record = await engine.record(call.call_id)
        assert record["termination"]["code"] == final.code
        assert record["termination"]["reason"] == "callee-loops", record["termination"]
        assert len([c for c in engine.calls() if c["to"] == "loop"]) == 1
        stored = await engine.rejection(code=482)
        assert stored["rule"] == "loop-detected"
        await next_call_works(engine, bob)


class Mirror(Phone):
    """A B2BUA of somebody else's that sends each call straight back, with one hop less."""

    hops = 0

    async def _received(self, request: sipmessage.Request) -> None:
        if request.method != "INVITE" or request.call_id in self.calls:
            await super()._received(request)
            return
        await super()._received(request)
        self.hops += 1
        incoming = self.incoming.get_nowait()
        if not request.max_forwards:
            await incoming.reject(483)
            return
        back = await self.invite(
            "mirror",
            request.body.decode(),
            from_user="stranger",
            headers={"Max-Forwards": str((request.max_forwards or 0) - 1)},
        )
        self.tasks.append(asyncio.create_task(self._relay(back, incoming)))

    async def _relay(self, back: OutgoingCall, incoming: Any) -> None:
        final = await back.wait_final(25)
        await incoming.reject(final.code)

    tasks: list[asyncio.Task[None]]


async def test_a_loop_through_somebody_else_is_bounded(engine: Engine) -> None:
    mirror = Mirror(
        "mirror", server=engine.server, host=MIRROR_HOST, port=MIRROR_PORT, codecs=("PCMU",)
    )
    mirror.tasks = []
    async with mirror, registered(engine, "bob") as bob, caller(engine) as phone:
        headers = {"Max-Forwards": "9"}
        call = await phone.invite("mirror", phone.sdp(["PCMU"]), headers=headers)
        final = await call.wait_final(25)
        assert 400 <= final.code < 600
        # Each turn costs two hops, ours and the mirror's, and no turn starts without one.
        assert 1 <= mirror.hops <= 5
        record = await engine.record(call.call_id)
        assert record["termination"]["code"] == final.code == 483
        await asyncio.gather(*mirror.tasks)
        await next_call_works(engine, bob)


# Session timers (RFC 4028) and reliable provisionals (RFC 3262)


async def test_a_session_timer_is_agreed_and_refreshed(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        headers = {"Session-Expires": "90", "Min-SE": "90", "Supported": "timer"}
        a = await phone.invite("bob", phone.sdp(["PCMU"]), headers=headers)
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        final = await a.answered()
        agreed = final.headers.get("Session-Expires") or ""
        assert agreed.startswith("90"), agreed
        assert "refresher=" in agreed
        assert "timer" in (final.headers.get("Supported") or "")
        refresh = a.request("UPDATE")
        refresh.headers.set("Session-Expires", "90;refresher=uac")
        refresh.headers.set("Supported", "timer")
        assert (await a.send(refresh)).code == 200
        await Conversation(a, b, engine).hears_both_ways(
            codec_a="PCMU", codec_b="PCMU", seconds=1.0
        )
        await a.hang_up()


async def test_a_session_interval_that_is_too_small_is_422(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        headers = {"Session-Expires": "30", "Supported": "timer"}
        call = await phone.invite("bob", phone.sdp(["PCMU"]), headers=headers)
        final = await call.wait_final()
        assert final.code == 422
        assert final.headers.get("Min-SE") == "90"
        assert (await engine.refusal(call.call_id, code=422))["advice"]
        assert bob.incoming.empty()
        await next_call_works(engine, bob)


async def test_reliable_provisionals_are_sent_to_whoever_requires_them(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        headers = {"Require": "100rel", "Supported": "100rel"}
        a = await phone.invite("bob", phone.sdp(["PCMU"]), headers=headers)
        b = await bob.wait_call()
        await b.ring()
        ringing = await a.wait_provisional(180)
        assert "100rel" in (ringing.headers.get("Require") or "")
        assert (await _prack(a, ringing)).code == 200
        await b.answer_in("PCMU")
        await a.answered()
        await Conversation(a, b, engine).hears_both_ways(
            codec_a="PCMU", codec_b="PCMU", seconds=1.0
        )
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)


async def _prack(call: OutgoingCall, provisional: sipmessage.Response) -> sipmessage.Response:
    call._learn(provisional)
    prack = call.request("PRACK")
    number = provisional.headers.get("RSeq")
    assert number is not None
    prack.headers.set("RAck", f"{number} {provisional.cseq.sequence} INVITE")
    return await call.send(prack)


# Requests inside and outside a dialog


async def test_options_is_answered_inside_and_outside_a_dialog(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        outside = await phone.options()
        assert outside.code == 200
        assert "INVITE" in (outside.headers.get("Allow") or "")
        call = await converse(engine, phone, bob, offer=["PCMU"])
        assert (await call.a.send(call.a.request("OPTIONS"))).code == 200
        assert (await call.b.send(call.b.request("OPTIONS"))).code == 200
        await call.end()


async def test_update_without_sdp_refreshes_and_changes_nothing(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        assert (await call.a.send(call.a.request("UPDATE"))).code == 200
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.0)
        await call.end()


async def test_a_strangers_refer_is_declined_and_the_call_goes_on(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        refer = call.a.request("REFER")
        refer.headers.set("Refer-To", f"<sip:alice@{engine.host}:{engine.port}>")
        assert (await call.a.send(refer)).code == 603
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.0)
        record = await call.end()
        assert record["termination"]["by"] == "caller"


async def test_a_digit_in_info_is_passed_on_and_other_info_does_no_harm(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        assert (await call.a.send(_info(call.a, "application/x-unknown", b"?" * 40))).code == 415
        assert (await call.a.send(call.a.request("INFO"))).code == 200
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.0)
        digit = _info(call.a, "application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")
        assert (await call.a.send(digit)).code == 200
        (event,) = descriptions.telephone_events(call.b.offer_sdp)
        await until(lambda: bob.rtp.digits(event) == "5", "the digit did not arrive")
        assert (await call.end())["termination"]["by"] == "caller"


def _info(call: OutgoingCall, kind: str, body: bytes) -> sipmessage.Request:
    info = call.request("INFO")
    info.content_type, info.body = sipmessage.MediaType(mime_type=kind), body
    return info
