"""What is refused or fails: the right answer, the reason on record, and the next call works."""

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest

from tests.peers.dialogs import IncomingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import (
    STRANGER,
    caller,
    converse,
    next_call_works,
    registered,
)
from tests.wire.directory import PASSWORD, configuration, connection, trunk

WAVE_S = 4
"How long each wave of one connection rings: a busy machine answers late."
CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=["G722", "PCMU", "PCMA"]),
    connection("brief", ring_timeout_s=2),
    connection("waves", inbound=["G722"], ring_timeout_s=WAVE_S),
    connection("gone"),
    connection("off", enabled=False),
    trunks=[trunk("carrier-one", allowed=["127.0.0.9/32"], gateway="sip:127.0.0.1:9")],
    numbers={"+12025550100": "connection:bob"},
    routes={"+44": ["carrier-one"]},
)


@pytest.mark.parametrize(
    ("user", "password"), [("alice", "wrong"), ("nobody", PASSWORD)], ids=["password", "user"]
)
async def test_wrong_credentials_are_refused_alike(
    engine: Engine, user: str, password: str
) -> None:
    async with Phone(user, password, server=engine.server) as phone:
        response = await phone.register()
        assert response.code in (401, 403)
        stored = await engine.rejection(code=response.code, user=user, method="REGISTER")
        assert stored["source_address"] == "127.0.0.1"
        assert stored["rule"]
        assert stored["advice"]
        assert PASSWORD not in phone.dump()
    async with registered(engine, "bob") as bob:
        await next_call_works(engine, bob)


async def test_an_unknown_user_and_a_wrong_password_cannot_be_told_apart(engine: Engine) -> None:
    answers = []
    for user, password in (("alice", "wrong"), ("nobody", "wrong")):
        async with Phone(user, password, server=engine.server) as phone:
            await phone.register()
            answers.append([m.splitlines()[0] for m in phone.received()])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_both_digest_algorithms_are_accepted(engine: Engine, algorithm: str) -> None:
    async with Phone("alice", PASSWORD, server=engine.server) as phone:
        phone.algorithm = algorithm
        assert (await phone.register()).code == 200
        await phone.register(expires_s=0)


async def test_a_wrong_password_places_no_call(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        Phone("alice", "wrong", server=engine.server) as phone,
    ):
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        response = await call.wait_final()
        assert response.code in (401, 403, 407)
        stored = await engine.rejection(code=response.code, user="alice")
        assert stored["advice"]
        assert bob.incoming.empty()
        await next_call_works(engine, bob)


async def test_an_unknown_number_is_404(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("+15005550000", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 404
        assert (await engine.rejection(code=404, user=STRANGER))["rule"] == "unknown-number"
        await next_call_works(engine, bob)


async def test_a_callee_that_is_not_registered_is_480(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("gone", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 480
        assert (await engine.rejection(code=480, user=STRANGER))["rule"] == "not-registered"
        await next_call_works(engine, bob)


async def test_a_disabled_connection_is_not_called(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("off", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 480
        assert (await engine.rejection(code=480))["rule"] == "destination-disabled"
        await next_call_works(engine, bob)


async def test_a_disabled_connection_does_not_register(engine: Engine) -> None:
    async with Phone("off", PASSWORD, server=engine.server) as phone:
        response = await phone.register()
        assert response.code in (401, 403)
        assert await engine.rejection(code=response.code, user="off", method="REGISTER")


@pytest.mark.parametrize(
    ("code", "reason"), [(486, "callee-busy"), (603, "callee-declined"), (500, "callee-failed")]
)
async def test_the_callees_refusal_reaches_the_caller(
    engine: Engine, code: int, reason: str
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        incoming = await bob.wait_call()
        await incoming.ring()
        await incoming.reject(code)
        response = await call.wait_final()
        assert response.code == code
        assert "Q.850;cause=" in (response.headers.get("Reason") or "").replace(" ", "")
        record = await engine.record(call.call_id)
        assert record["termination"]["by"] == "callee"
        assert record["termination"]["reason"] == reason
        await next_call_works(engine, bob)


async def test_each_wave_of_phones_rings_for_its_own_time(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        four = [await stack.enter_async_context(registered(engine, "waves")) for _ in range(4)]
        phone = await stack.enter_async_context(caller(engine))
        began = asyncio.get_running_loop().time()
        call = await phone.invite("waves", phone.sdp(["PCMU"]))
        invited = [asyncio.create_task(one.wait_call()) for one in four]
        rung: list[asyncio.Task[IncomingCall]] = []
        waiting = set(invited)
        while len(rung) < 3:
            came, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            rung += came
        for task in rung:
            await task.result().ring()
        (last,) = waiting
        fourth = await asyncio.wait_for(last, 15)
        assert asyncio.get_running_loop().time() - began >= WAVE_S, "the first wave had its time"
        for task in rung:
            await asyncio.wait_for(task.result().cancelled.wait(), 15)
        await asyncio.sleep(0.8)  # longer than what was left of the first wave's time
        await fourth.answer(four[invited.index(last)].sdp(["G722"]))
        await call.answered()
        await call.hang_up()
        record = await engine.record(call.call_id)
        assert record["termination"]["reason"] == "caller-hung-up"
        assert record["legs"][-1]["codec"] == "G722"
    name = f"call={record['id'].replace('-', '')}"
    for move in ("trying -> ringing", "ringing -> answered", "answered -> ended"):
        assert f"{name} {move}\n" in engine.dump()


async def test_nobody_answers(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "brief") as brief,
        caller(engine) as phone,
    ):
        call = await phone.invite("brief", phone.sdp(["PCMU"]))
        incoming = await brief.wait_call()
        await incoming.ring()
        response = await call.wait_final()
        assert response.code in (408, 480)
        await asyncio.wait_for(incoming.cancelled.wait(), 15)
        record = await engine.record(call.call_id)
        assert record["termination"]["reason"] == "no-answer"
        assert record["answered"] is None
        await next_call_works(engine, bob)


async def test_a_caller_who_gives_up_is_on_record(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        incoming = await bob.wait_call()
        await incoming.ring()
        await call.wait_provisional(180)
        await call.cancel()
        assert (await call.wait_final()).code == 487
        await asyncio.wait_for(incoming.cancelled.wait(), 15)
        record = await engine.record(call.call_id)
        assert record["termination"]["by"] == "caller"
        assert record["termination"]["code"] == 487
        await next_call_works(engine, bob)


async def test_a_stranger_does_not_reach_a_trunk(engine: Engine) -> None:
    """Only the address on the trunk's list is the carrier; the next address is nobody."""
    async with registered(engine, "bob") as bob, caller(engine, host="127.0.0.10") as phone:
        call = await phone.invite("+442071234567", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 403
        stored = await engine.rejection(code=403)
        assert stored["source_address"] == "127.0.0.10"
        assert stored["advice"]
        await next_call_works(engine, bob)


async def test_a_trunk_is_known_by_its_address(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, host="127.0.0.9") as carrier:
        call = await converse(engine, carrier, bob, offer=["PCMA", "PCMU"], to="+12025550100")
        record = await call.end()
        assert record["source"] == "trunk:carrier-one"
        assert record["destination"] == "connection:bob"


MALFORMED = {
    "no-headers": b"INVITE sip:bob@127.0.0.1 SIP/2.0\r\n\r\n",
    "binary": bytes(range(256)) * 4,
    "not-sip": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "bad-cseq": (
        b"INVITE sip:bob@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\n"
        b"From: <sip:a@x>;tag=1\r\nTo: <sip:bob@x>\r\nCall-ID: malformed\r\nCSeq: eleven\r\n\r\n"
    ),
    "nul": b"INVITE sip:bo\x00b@127.0.0.1 SIP/2.0\r\nVia: \x00\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_sip_over_udp_hurts_nobody(engine: Engine, data: bytes) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        phone.transport.send_raw(data, engine.server)
        await next_call_works(engine, bob)


async def test_a_malformed_invite_gets_400_and_a_stored_reason(engine: Engine) -> None:
    async with registered(engine, "bob") as bob:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
            raw.bind(("127.0.0.1", 0))
            raw.settimeout(20)
            port = raw.getsockname()[1]
            # The Content-Length promises more than the datagram holds (RFC 3261 section 18.3).
            text = (
                "INVITE sip:bob@127.0.0.1 SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKmalformed;rport\r\n"
                "From: <sip:mallory@127.0.0.1>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\n"
                "Call-ID: malformed-1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
                "Content-Length: 400\r\n\r\n"
            )
            raw.sendto(text.encode(), engine.server)
            answer = await asyncio.to_thread(raw.recv, 4096)
        assert answer.startswith(b"SIP/2.0 400"), answer
        assert (await engine.rejection(code=400, method=None))["advice"]
        await next_call_works(engine, bob)


async def test_a_65_kb_datagram_hurts_nobody(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"], extra_media=_lines(64_000)))
        response = await call.wait_final()
        assert response.code in (400, 413, 488, 513)
        assert await engine.refusal(call.call_id, code=response.code)
        phone.transport.send_raw(b"\xff" * 65_507, engine.server)
        await next_call_works(engine, bob)


async def test_70_kb_over_tcp_hurt_nobody(engine: Engine) -> None:
    async with registered(engine, "bob") as bob:
        reader, writer = await asyncio.open_connection(*engine.server)
        head = (
            "INVITE sip:bob@127.0.0.1 SIP/2.0\r\n"
            "Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKlarge;rport\r\n"
            "From: <sip:mallory@127.0.0.1>;tag=1\r\nTo: <sip:bob@127.0.0.1>\r\n"
            "Call-ID: large-1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
            "Content-Type: application/sdp\r\nContent-Length: 71680\r\n\r\n"
        )
        writer.write(head.encode() + b"a" * 71_680)
        async with asyncio.timeout(30):
            answer = await reader.read()
        assert answer.startswith(b"SIP/2.0 513"), answer
        assert await engine.rejection(code=513)
        writer.close()
        await next_call_works(engine, bob)


@pytest.mark.parametrize("nonsense", [False, True], ids=["attributes", "nonsense"])
async def test_an_sdp_of_500_lines_is_refused(engine: Engine, nonsense: bool) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        lines = "".join(f"a=x-line:{n}\r\n" for n in range(500))
        offer = "x\r\n" * 500 if nonsense else phone.sdp(["PCMU"], extra_media=lines)
        call = await phone.invite("bob", offer)
        assert (await call.wait_final()).code == 413
        assert (await engine.rejection(code=413, user=STRANGER))["rule"] == "sdp-too-long"
        assert bob.incoming.empty()
        await next_call_works(engine, bob)


async def test_an_sdp_of_200_lines_is_answered(engine: Engine) -> None:
    """Two hundred lines of which a few matter: the call works in the codec they name."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        lines = "".join(f"a=x-line:{n}\r\n" for n in range(200))
        call = await converse(engine, phone, bob, offer=phone.sdp(["PCMU"], extra_media=lines))
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
        await call.end()


@pytest.mark.parametrize("body", ["x\r\n" * 20, "v=0\r\n", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"])
async def test_an_sdp_that_is_none_is_refused(engine: Engine, body: str) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("bob", body)
        response = await call.wait_final()
        assert response.code in (400, 488)
        assert (await engine.refusal(call.call_id, code=response.code))["advice"]
        assert bob.incoming.empty()
        await next_call_works(engine, bob)


def _lines(size: int) -> str:
    line = "a=x-filler:" + "y" * 87 + "\r\n"
    return line * (size // len(line))
