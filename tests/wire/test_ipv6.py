"""Signalling over IPv6: audio goes over IPv4 all the same, and users of ours are reached."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.callengine.edge.fakes import Phone, UdpPeer
from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.peers.rtp import RtpTone
from tests.wire.conversation import CALLER_HZ, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["PCMU"]))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(CONFIGURATION)
    engine._environment["VOIPNUMBER_SIP_LISTEN"] += f",udp:[::1]:{engine.port}"
    with engine:
        yield engine


async def test_a_caller_over_ipv6_reaches_a_user_and_is_heard(engine: Engine) -> None:
    peer, rtp = await UdpPeer.open("::1"), await RtpTone.open()
    port = peer.address[1]
    edge = ("::1", engine.port)
    phone = Phone("[::1]", port, user="carol", edge=("elsewhere.example", 5060))
    uri = f"sip:bob@[::1]:{engine.port}"
    async with registered(engine, "bob", codecs=("PCMU",)) as bob:
        offer = descriptions.sdp(["PCMU"], port=rtp.port)
        peer.send(phone.request("INVITE", 1, uri=uri, to=f"<{uri}>", body=offer), edge)
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        answer = await peer.expect(200)
        target = descriptions.rtp_address(answer.body.decode())
        assert target[0] == engine.host
        contact, to = answer.get("contact").strip("<>"), answer.get("to")
        peer.send(phone.request("ACK", 1, uri=contact, to=to), edge)
        bob.rtp.forget()
        await rtp.send_tone(target, codec="PCMU", payload_type=0, hz=CALLER_HZ, seconds=1.5)
        assert bob.rtp.heard(b.local_codecs).near(CALLER_HZ)
        peer.send(phone.request("BYE", 2, uri=contact, to=to), edge)
        await peer.expect(200)
        await asyncio.wait_for(b.ended.wait(), 3)
        record = await engine.record(phone.call_id)
        assert record["termination"]["reason"] == "caller-hung-up"
    rtp.close()
    await peer.close()
