"""What becomes of a call with an agent when its caller describes its audio anew, or holds it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.callengine.edge.fakes import Phone as BarePhone
from tests.callengine.edge.fakes import UdpPeer
from tests.peers import descriptions, srtp
from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.rtp import RtpTone
from tests.peers.voiceagent import sounds
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.peers.waiting import until
from tests.wire.agents import agent, peer
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection

__all__ = ["peer"]

AGENT_HZ, CALLER_HZ = 700, 1300
NUMBER = "+12025550177"
TRIES = 10


@pytest.fixture(scope="module")
def engine(peer: VoiceAgentPeer) -> Iterator[Engine]:
    """Run an engine, over IPv6 too, whose agent speaks without an end."""
    speaks = agent("speaks", peer.url(tone=AGENT_HZ), "audio/pcmu", "audio/pcmu")
    settings = configuration(
        connection("sam", outbound=["PCMU"], srtp="allowed"),
        connection("bob", inbound=["PCMU"]),
        numbers={NUMBER: "agent:speaks"},
    )
    engine = Engine({**settings, "agents": [{**speaks, "codecs": ["G722", "PCMU", "PCMA"]}]})
    engine._environment["VOIPNUMBER_SIP_LISTEN"] += f",udp:[::1]:{engine.port}"
    with engine:
        yield engine


@asynccontextmanager
async def talking(
    engine: Engine, peer: VoiceAgentPeer, codec: str
) -> AsyncIterator[tuple[Phone, OutgoingCall]]:
    async with caller(engine) as phone:
        call = await phone.invite(NUMBER, phone.sdp([codec]))
        await call.answered()
        await _hear_each_other(call, peer, codec)
        yield phone, call
        assert (await call.hang_up()).code == 200
        record = await engine.record(call.call_id)
        assert record["termination"]["reason"] == "caller-hung-up"
        assert record["legs"][0]["codec"] == codec or len(record["legs"]) == 2
    assert peer.log()[-1]["violations"] == []


async def _hear_each_other(call: OutgoingCall, peer: VoiceAgentPeer, codec: str) -> None:
    """Wait until each hears the other; a busy machine begins late, and stutters."""
    for _ in range(TRIES):
        before = len(peer.heard())
        heard = await call.audio(send_hz=CALLER_HZ, codec=codec, seconds=0.8)
        if heard.near(AGENT_HZ) and _pitch(peer, before) == pytest.approx(CALLER_HZ, abs=20):
            return
    raise AssertionError(f"{codec}: the caller heard {heard}, the agent {_pitch(peer, before)} Hz")


def _pitch(peer: VoiceAgentPeer, since: int) -> float:
    """Return what the agent has heard, in Hz."""
    audio = b"".join(piece for _, piece in peer.heard()[since:][-25:])
    return sounds.pitch("audio/pcmu", audio)[0]


async def test_another_codec_of_the_agents_list_is_used_at_once(
    engine: Engine, peer: VoiceAgentPeer
) -> None:
    async with talking(engine, peer, "PCMU") as (phone, call):
        for codec in ("G722", "PCMA"):
            response = await call.reinvite(phone.sdp([codec], version=2))
            assert response.code == 200
            assert descriptions.names(call.remote_sdp) == [codec]
            await _hear_each_other(call, peer, codec)


async def test_an_answer_in_an_ack_may_want_to_hear_another_number_than_it_sends(
    engine: Engine, peer: VoiceAgentPeer
) -> None:
    async with talking(engine, peer, "PCMU") as (phone, call):
        answer = phone.sdp([("PCMU", 118)], version=2)
        assert (await call.reinvite(None, answer=lambda _: answer)).code == 200
        assert descriptions.payload_type(call.remote_sdp, "PCMU") == 0
        await _hear_each_other(call, peer, "PCMU")
        assert phone.rtp.packets[-1].payload_type == 118


async def test_a_codec_that_is_not_on_the_agents_list_changes_nothing(
    engine: Engine, peer: VoiceAgentPeer
) -> None:
    async with talking(engine, peer, "PCMU") as (phone, call):
        assert (await call.reinvite(phone.sdp(["OPUS"], version=2))).code == 488
        await _hear_each_other(call, peer, "PCMU")


async def test_a_caller_may_move_to_another_address(engine: Engine, peer: VoiceAgentPeer) -> None:
    async with talking(engine, peer, "PCMU") as (phone, call):
        former, moved = phone.rtp, await RtpTone.open("127.0.0.43")
        phone.rtp = moved
        offer = descriptions.sdp(["PCMU"], port=moved.port, address="127.0.0.43", version=2)
        assert (await call.reinvite(offer)).code == 200
        await _hear_each_other(call, peer, "PCMU")
        former.forget()
        await _hear_each_other(call, peer, "PCMU")
        assert former.packets == []
        former.close()


async def test_a_caller_who_holds_hears_nothing_and_is_silent_to_the_agent(
    engine: Engine, peer: VoiceAgentPeer
) -> None:
    async with talking(engine, peer, "PCMU") as (phone, call):
        assert (
            await call.reinvite(phone.sdp(["PCMU"], direction="inactive", version=2))
        ).code == 200
        await phone.rtp.falls_silent(0.3)
        phone.rtp.forget()
        since = len(peer.heard())
        await call.audio(send_hz=CALLER_HZ, codec="PCMU", seconds=0.6)
        assert phone.rtp.packets == []
        await until(lambda: len(peer.heard()) >= since + 20, "the agent is sent nothing")
        assert {bytes(set(piece)) for _, piece in peer.heard()[since:]} == {b"\xff"}
        assert (await call.reinvite(phone.sdp(["PCMU"], version=3))).code == 200
        await _hear_each_other(call, peer, "PCMU")


async def test_a_caller_over_ipv6_talks_to_an_agent(engine: Engine, peer: VoiceAgentPeer) -> None:
    wire, rtp = await UdpPeer.open("::1"), await RtpTone.open("::1")
    phone = BarePhone("[::1]", wire.address[1], user="carol", edge=("elsewhere.example", 5060))
    edge, uri = ("::1", engine.port), f"sip:{NUMBER}@[::1]:{engine.port}"
    offer = descriptions.sdp(["PCMU"], port=rtp.port, address="::1")
    wire.send(phone.request("INVITE", 1, uri=uri, to=f"<{uri}>", body=offer), edge)
    answer = await wire.expect(200)
    contact, to = answer.get("contact").strip("<>"), answer.get("to")
    wire.send(phone.request("ACK", 1, uri=contact, to=to), edge)
    target = descriptions.rtp_address(answer.body.decode())
    for _ in range(TRIES):
        rtp.forget()
        since = len(peer.heard())
        await rtp.send_tone(target, codec="PCMU", payload_type=0, hz=CALLER_HZ, seconds=0.8)
        heard = rtp.heard({0: "PCMU"})
        if heard.near(AGENT_HZ) and _pitch(peer, since) == pytest.approx(CALLER_HZ, abs=20):
            break
    else:
        raise AssertionError(f"the caller heard {heard}, the agent {_pitch(peer, since)} Hz")
    wire.send(phone.request("BYE", 2, uri=contact, to=to), edge)
    await wire.expect(200)
    record = await engine.record(phone.call_id)
    assert record["termination"]["reason"] == "caller-hung-up"
    rtp.close()
    await wire.close()


async def test_a_caller_who_may_encrypt_stays_plain_with_an_agent_it_came_to_later(
    engine: Engine, peer: VoiceAgentPeer
) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "sam") as sam:
        talk = await converse(engine, sam, bob, offer=["PCMU"])
        refer = talk.b.request("REFER")
        refer.headers.set("Refer-To", f"<sip:{NUMBER}@{engine.host}:{engine.port}>")
        assert (await talk.b.send(refer)).code == 202
        await asyncio.wait_for(talk.b.ended.wait(), 15)
        await _hear_each_other(talk.a, peer, "PCMU")
        offer = srtp.offered(sam.sdp(["PCMU"], version=2), "RTP/SAVP")
        assert (await talk.a.reinvite(offer)).code == 488
        late = await talk.a.reinvite(None, answer=lambda _: sam.sdp(["PCMU"], version=3))
        assert "a=crypto" not in late.body.decode()
        await _hear_each_other(talk.a, peer, "PCMU")
        await talk.a.hang_up()
