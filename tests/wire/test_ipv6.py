"""IPv6 from end to end: phones that signal and have their audio there, with others and such."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.peers.ports import IPV6_LOOPBACK, LOOPBACK
from tests.peers.rtp import RtpTone
from tests.peers.waiting import until
from tests.wire import secured
from tests.wire.conversation import CALLEE_HZ, CALLER_HZ, caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.strangers import STRANGER_HZ, Reports, Stranger

CONFIGURATION = configuration(
    connection("bob", inbound=["G722"]),
    connection("four", inbound=["PCMA"]),
    connection("sam", inbound=["PCMA"], srtp="allowed"),
)
SIX = {"host": IPV6_LOOPBACK}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine(CONFIGURATION, environment=secured.ENVIRONMENT)
    six = f"udp:[{IPV6_LOOPBACK}]:{engine.port},tls:[{IPV6_LOOPBACK}]:{engine.tls_port}"
    engine._environment["VOIPNUMBER_SIP_LISTEN"] += f",{six}"
    with engine:
        yield engine


async def test_two_phones_over_ipv6_hear_each_other_and_no_stranger(engine: Engine) -> None:
    """Reports take a few seconds, in which one end changes its family, and holds."""
    loop = asyncio.get_running_loop()
    opened, reports = await loop.create_datagram_endpoint(Reports, local_addr=(IPV6_LOOPBACK, 0))
    port = opened.get_extra_info("sockname")[1]
    async with (
        registered(engine, "bob", **SIX) as bob,
        caller(engine, **SIX) as alice,
        Stranger() as stranger,
    ):
        neighbour, moved = await RtpTone.open(IPV6_LOOPBACK), await RtpTone.open()
        where = f"a=rtcp:{port} IN IP6 {IPV6_LOOPBACK}"
        offer = alice.sdp(["OPUS"], extra_media=where)
        call = await converse(engine, alice, bob, offer=offer)
        await call.hears_both_ways(codec_a="OPUS", codec_b="G722", seconds=0.8)
        await asyncio.gather(
            neighbour.send_tone(
                call.a.rtp_target, codec="OPUS", payload_type=96, hz=STRANGER_HZ, seconds=0.8
            ),
            stranger.attack((LOOPBACK, call.a.rtp_target[1]), codec="OPUS", seconds=0.8),
            call.hears_both_ways(codec_a="OPUS", codec_b="G722", seconds=0.8),
        )
        offer = alice.sdp(["OPUS"], address=LOOPBACK, port=moved.port, version=2)
        assert (await call.a.reinvite(offer)).code == 200
        assert call.a.rtp_target[0] == LOOPBACK
        bob.rtp.forget()
        await moved.send_tone(call.a.rtp_target, codec="OPUS", payload_type=96, hz=700, seconds=0.8)
        assert bob.rtp.heard(call.b.local_codecs).near(700)
        await until(lambda: len(moved.packets) > 30, "we are not sent a stream")
        for version, address, answered in ((3, "::", "recvonly"), (4, IPV6_LOOPBACK, "sendrecv")):
            offer = alice.sdp(["OPUS"], address=address, version=version, extra_media=where)
            assert (await call.a.reinvite(offer)).code == 200
            assert call.a.rtp_target[0] == IPV6_LOOPBACK
            assert descriptions.direction(call.a.remote_sdp) == answered
        await call.hears_both_ways(codec_a="OPUS", codec_b="G722", seconds=0.8)
        await asyncio.wait_for(reports.arrived.wait(), 15)
        assert neighbour.packets == stranger.rtp.packets == stranger.rtcp.received == []
        record = await call.end()
    assert [leg["remote"] for leg in record["legs"]] == [
        f"[{IPV6_LOOPBACK}]:{phone.rtp.port}" for phone in (alice, bob)
    ]
    for socket in (neighbour, moved, opened):
        socket.close()


@pytest.mark.parametrize(
    ("calling", "called", "answer"),
    [({}, SIX, "G722"), (SIX, {}, "PCMA")],
    ids=["IPv4 to IPv6", "IPv6 to IPv4"],
)
async def test_one_end_may_have_ipv6_alone(
    engine: Engine, calling: dict[str, str], called: dict[str, str], answer: str
) -> None:
    user = "bob" if called else "four"
    async with registered(engine, user, **called) as phone, caller(engine, **calling) as alice:
        call = await converse(engine, alice, phone, offer=["PCMU"])
        assert ":" in (call.b if called else call.a).rtp_target[0]
        await call.hears_both_ways(codec_a="PCMU", codec_b=answer, seconds=0.8)
        await call.end()


async def test_audio_is_encrypted_over_ipv6_beside_signalling_over_tls(engine: Engine) -> None:
    secure = {**secured.phone(), **SIX, "srtp": "RTP/SAVP"}
    del secure["tls_server"]
    async with registered(engine, "sam", **secure) as sam, caller(engine, **SIX) as alice:
        call = await converse(engine, alice, sam, offer=["PCMU"])
        assert "a=crypto:" in call.b.local_sdp
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMA", seconds=0.8)
        record = await call.end()
    assert record["legs"][1]["encryption"]


async def test_a_callee_may_answer_in_the_other_family(engine: Engine) -> None:
    """It is sent to where it describes, and heard from wherever it signals."""
    async with registered(engine, "bob", **SIX) as bob, caller(engine) as alice:
        ear = await RtpTone.open()
        a = await alice.invite("bob", alice.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.answer(bob.sdp([("G722", 9)], address=LOOPBACK, port=ear.port))
        await a.answered()
        assert b.rtp_target[0] == IPV6_LOOPBACK
        heard, _ = await asyncio.gather(
            a.audio(send_hz=CALLER_HZ, codec="PCMU", seconds=1.0),
            ear.send_tone(
                (LOOPBACK, b.rtp_target[1]), codec="G722", payload_type=9, hz=CALLEE_HZ, seconds=1.0
            ),
        )
        assert heard.near(CALLEE_HZ)
        assert ear.heard({9: "G722"}).near(CALLER_HZ)
        await a.hang_up()
        ear.close()
