"""Real calls and registrations while one address sends a thousand messages a second."""

import asyncio
import contextlib
import socket

import pytest

from tests.callengine.edge.test_amplification import smallest
from tests.peers.engine import Engine
from tests.peers.flood import Flood
from tests.peers.phone import Phone
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=["G722", "PCMU", "PCMA"]),
    external_sip=False,
)
FLOODER = "127.0.0.66"
FLOODERS = {"INVITE": "127.0.0.67", "REGISTER": "127.0.0.68"}
"Each its own: that an address floods is told once a while."
ROUNDS = 17
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.66\r\ns=-\r\nc=IN IP4 127.0.0.66\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\n"
)


def invite(engine: Engine, number: int, *, method: str = "INVITE", user: str = "mallory") -> bytes:
    body = SDP if method == "INVITE" else ""
    return (
        f"{method} sip:bob@{engine.host}:{engine.port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {FLOODER}:5060;branch=z9hG4bKf{number};rport\r\n"
        f"From: <sip:{user}@{engine.host}:{engine.port}>;tag={number}\r\n"
        f"To: <sip:bob@{engine.host}:{engine.port}>\r\n"
        f"Call-ID: flood-{number}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:{user}@{FLOODER}>\r\nMax-Forwards: 70\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


@pytest.mark.parametrize("method", FLOODERS)
async def test_phones_register_and_call_beside_a_flood(engine: Engine, method: str) -> None:
    flooder = FLOODERS[method]
    flood = Flood(
        lambda number: invite(engine, number, method=method),
        server=engine.server,
        host=flooder,
        per_second=1000,
    )
    async with (
        registered(engine, "bob") as bob,
        caller(engine, "alice") as alice,
        Phone("alice", PASSWORD, server=engine.server) as phone,
    ):
        with flood:
            await asyncio.sleep(1.0)
            for _ in range(ROUNDS):
                assert (await phone.register()).code == 200
            for _ in range(3):
                call = await converse(engine, alice, bob, offer=["PCMU"])
                assert (await call.a.hang_up()).code == 200
                await asyncio.wait_for(call.b.ended.wait(), 15)
        await phone.register(expires_s=0)
    sent = [data for way, data in phone.transport.log if way == "->"]
    assert len(set(sent)) == 2 * (ROUNDS + 1)
    # Unheard in the flood each would be sent many times; on a busy machine some are, after 0.5 s.
    assert len(sent) - len(set(sent)) <= len(set(sent)) / 3, "much had to be sent twice"
    assert flood.sent > 1000, "it was a flood"
    line = await engine.rejection(code=0, method=None, source=flooder)
    assert line["rule"] == "flooding"
    assert "went unread" in line["advice"]
    stored = [r for r in engine.rejections() if r["source_address"] == flooder]
    assert len(stored) < 100


async def test_a_registered_phone_calls_beside_a_flood_from_its_own_address(
    engine: Engine,
) -> None:
    """Its flow is known, so somebody else behind the same NAT takes nothing from it."""
    flood = Flood(
        lambda number: invite(engine, number),
        server=engine.server,
        host=FLOODER,
        per_second=1000,
    )
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "alice", host=FLOODER) as alice,
    ):
        with flood:
            await asyncio.sleep(1.0)
            for _ in range(3):
                call = await converse(engine, alice, bob, offer=["PCMU"])
                assert (await call.a.hang_up()).code == 200
                await asyncio.wait_for(call.b.ended.wait(), 15)
            assert (await alice.register()).code == 200
    assert flood.sent > 1000


STRANGERS = {
    "INVITE": "127.0.0.71",
    "REGISTER": "127.0.0.72",
    "OPTIONS": "127.0.0.73",
    "NOTIFY": "127.0.0.74",
}


async def test_a_spoofed_source_gets_at_most_three_bytes_for_one(engine: Engine) -> None:
    victims = {method: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for method in STRANGERS}
    sent: dict[str, int] = {}
    for method, victim in victims.items():
        victim.setblocking(False)
        victim.bind((STRANGERS[method], 0))
        data = smallest(method, engine.server)
        sent[method] = len(data)
        victim.sendto(data, engine.server)
    await asyncio.sleep(4.0)  # a final would be repeated after 0.5, 1.5 and 3.5 s
    for method, victim in victims.items():
        received = 0
        with contextlib.suppress(BlockingIOError):
            while data := victim.recv(65536):
                received += len(data)
        assert 0 < received <= 3 * sent[method], method
        victim.close()
