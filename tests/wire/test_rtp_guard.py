"""Media belongs to its peer: strangers who send to a call's ports are neither heard nor served."""

import asyncio
import re

import pytest

from callengine.core.limits import RTP_PORTS_PER_PROCESS
from tests.peers import descriptions
from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.peers.payloads import RATES_HZ, decode
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.peers.rtp import RtpTone
from tests.peers.tones import strongest
from tests.peers.waiting import until
from tests.wire.conversation import CALLEE_HZ, CALLER_HZ, caller, converse, registered
from tests.wire.directory import configuration, connection, trunk
from tests.wire.operator import Operator
from tests.wire.strangers import ELSEWHERE, STRANGER_HZ, Reports, Stranger

CARRIER, CARRIERS_MEDIA = "127.0.0.31", "127.0.0.88"
EVERYBODYS_MEDIA = "127.0.0.99"
ENVIRONMENT = {"VOIPNUMBER_MEDIA_ALSO_FROM": f"{EVERYBODYS_MEDIA}/32"}
GATEWAY_PORT = free_sip_port(CARRIER)
CONFIGURATION = configuration(
    connection("alice"),
    connection("bob", inbound=["PCMU"]),
    trunks=[
        trunk(
            "carrier",
            allowed=[CARRIER],
            gateway=f"sip:{CARRIER}:{GATEWAY_PORT};transport=udp",
            codecs=["PCMU"],
            media_also_from=[f"{CARRIERS_MEDIA}/32"],
        )
    ],
    numbers={"+12025550100": "connection:bob"},
    routes={"+44": ["carrier"]},
)
FLOOD = 16
"Packets a frame: 800 a second."


def level_at(rtp: RtpTone, hz: float) -> float:
    """Return which share of what an ear heard lies at `hz`, 0 for silence."""
    payloads = [packet.payload for packet in rtp.packets if packet.payload_type == 0]
    samples = decode("PCMU", payloads)
    tone = strongest(samples, RATES_HZ["PCMU"])
    return tone.share if tone.near(hz, 0.05) else 0.0


@pytest.mark.parametrize("silent", ["caller", "callee", "nobody"])
async def test_strangers_are_neither_heard_nor_served(engine: Engine, silent: str) -> None:
    """A slow one and a flood at each leg, with RTP and with reports."""
    async with (
        registered(engine, "bob") as bob,
        caller(engine) as alice,
        Stranger() as slow_at_a,
        Stranger() as fast_at_a,
        Stranger() as slow_at_b,
        Stranger() as fast_at_b,
    ):
        call = await converse(engine, alice, bob, offer=["PCMU"])
        for phone in (alice, bob):
            phone.rtp.forget()
        ends = [(call.a, CALLER_HZ, "caller"), (call.b, CALLEE_HZ, "callee")]
        await asyncio.gather(
            *(
                end.phone.rtp.send_tone(
                    end.rtp_target, codec="PCMU", payload_type=0, hz=hz, seconds=1.5
                )
                for end, hz, name in ends
                if name != silent
            ),
            slow_at_a.attack(call.a.rtp_target, codec="PCMU"),
            slow_at_b.attack(call.b.rtp_target, codec="PCMU"),
            fast_at_a.attack(call.a.rtp_target, codec="PCMU", packets_a_frame=FLOOD),
            fast_at_b.attack(call.b.rtp_target, codec="PCMU", packets_a_frame=FLOOD),
        )
        for phone in (alice, bob):
            await phone.rtp.catches_up()
        for stranger in (slow_at_a, fast_at_a, slow_at_b, fast_at_b):
            assert stranger.rtp.packets == []
            assert stranger.rtcp.received == []
        hears = {"caller": (alice, CALLEE_HZ), "callee": (bob, CALLER_HZ)}
        speaks = {"caller": "callee", "callee": "caller"}
        for name, (phone, hz) in hears.items():
            assert len(phone.rtp.packets) > 50, f"the {name} lost its stream"
            assert level_at(phone.rtp, STRANGER_HZ) == 0.0
            expected = speaks[name] != silent
            assert (level_at(phone.rtp, hz) > 0.9) is expected, name
        await call.end()


async def test_who_sends_before_the_call_gets_nothing_of_it(engine: Engine) -> None:
    """What waits in a socket as its call begins would be taken for a silent peer's."""
    async with registered(engine, "bob") as bob, caller(engine) as alice, Stranger() as stranger:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        host, port = call.a.rtp_target
        await call.end()
        first = port - (port - engine.rtp_ports[0]) % RTP_PORTS_PER_PROCESS
        ports = [(host, first + n) for n in range(0, RTP_PORTS_PER_PROCESS, 2)]
        waiting = asyncio.create_task(stranger.lie_in_wait(ports))
        attacked = 0
        for _ in range(12):
            call = await converse(engine, alice, bob, offer=["PCMU"])
            attacked += call.a.rtp_target in ports  # else another process was free sooner
            await call.b.audio(send_hz=CALLEE_HZ, codec="PCMU", seconds=0.4)
            await call.a.hang_up()
            if attacked == 4:
                break
        waiting.cancel()
        assert attacked == 4
        assert stranger.rtp.packets == []


async def test_reports_go_to_the_peer_alone(engine: Engine) -> None:
    """RTCP comes every few seconds, so this one takes its time."""
    async with registered(engine, "bob") as bob, caller(engine) as alice, Stranger() as stranger:
        loop = asyncio.get_running_loop()
        opened, reports = await loop.create_datagram_endpoint(Reports, local_addr=("127.0.0.1", 0))
        port = opened.get_extra_info("sockname")[1]
        offer = alice.sdp(["PCMU"], extra_media=f"a=rtcp:{port} IN IP4 127.0.0.1")
        call = await converse(engine, alice, bob, offer=offer)
        sending = asyncio.create_task(stranger.attack(call.a.rtp_target, codec="PCMU", seconds=6.0))
        await asyncio.wait_for(reports.arrived.wait(), 15)
        await asyncio.sleep(0.5)
        sending.cancel()
        opened.close()
        assert stranger.rtcp.received == []
        await call.end()


async def test_a_phone_behind_nat_is_found_where_it_signals_from(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as alice, Stranger() as stranger:
        offer = alice.sdp(["PCMU"], address="192.0.2.55", port=40000)
        call = await converse(engine, alice, bob, offer=offer)
        await asyncio.gather(
            stranger.attack(call.a.rtp_target, codec="PCMU", packets_a_frame=FLOOD),
            call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.6),
        )
        assert stranger.rtp.packets == []
        await call.end()


async def test_a_callee_behind_nat_is_found_where_it_signals_from(engine: Engine) -> None:
    async with registered(engine, "bob", host="127.0.0.9") as bob, caller(engine) as alice:
        a = await alice.invite("bob", alice.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.answer(bob.sdp(["PCMU"], address="192.0.2.56", port=40000))
        await a.answered()
        heard_a, heard_b = await asyncio.gather(
            a.audio(send_hz=CALLER_HZ, codec="PCMU"), b.audio(send_hz=CALLEE_HZ, codec="PCMU")
        )
        assert heard_b.near(CALLER_HZ)
        assert heard_a.near(CALLEE_HZ)
        await a.hang_up()


async def _stream(phone: Phone, to: tuple[str, int], ear: RtpTone, hz: float) -> None:
    """Send the phone's own stream (its SSRC, its numbers) from another socket."""
    ear._source, ear._sequence = phone.rtp._source, phone.rtp._sequence
    ear._timestamp = phone.rtp._timestamp
    await ear.send_tone(to, codec="PCMU", payload_type=0, hz=hz, seconds=1.6)


async def test_a_nat_that_rebinds_is_followed(engine: Engine) -> None:
    """Same host, same stream, another port: at once; another stream from there is not heard."""
    async with (
        registered(engine, "bob") as bob,
        caller(engine) as alice,
        Stranger("127.0.0.1") as neighbour,
    ):
        call = await converse(engine, alice, bob, offer=["PCMU"])
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.0)
        bob.rtp.forget()
        await asyncio.gather(
            neighbour.attack(call.a.rtp_target, codec="PCMU", packets_a_frame=4),
            call.a.audio(send_hz=CALLER_HZ, codec="PCMU"),
        )
        assert neighbour.rtp.packets == []
        assert level_at(bob.rtp, CALLER_HZ) > 0.9
        rebound = await RtpTone.open()
        bob.rtp.forget()
        await _stream(alice, call.a.rtp_target, rebound, 700)
        assert level_at(bob.rtp, 700) > 0.9
        await until(lambda: len(rebound.packets) > 40, "what the caller hears did not follow")
        rebound.close()
        await call.end()


async def test_a_phone_that_changes_networks_is_followed_after_a_silence(engine: Engine) -> None:
    """From Wi-Fi to LTE: the stream it had, from an address nobody named, after 2 s of nothing."""
    async with registered(engine, "bob") as bob, caller(engine) as alice, Stranger() as stranger:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        await call.a.audio(send_hz=CALLER_HZ, codec="PCMU", seconds=0.6)
        moved = await RtpTone.open("127.0.0.77")
        await stranger.attack(call.a.rtp_target, codec="PCMU", seconds=3.2)
        bob.rtp.forget()
        await _stream(alice, call.a.rtp_target, moved, 700)
        assert level_at(bob.rtp, 700) > 0.9
        await until(lambda: len(moved.packets) > 40, "what the caller hears did not follow")
        assert stranger.rtp.packets == []
        moved.close()
        await call.end()


async def test_a_new_description_moves_the_media_at_once(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as alice:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=0.8)
        for version, describe in enumerate((call.a.reinvite, call.a.update), 2):
            host = f"127.0.0.{70 + version}"
            moved = await RtpTone.open(host)
            sdp = descriptions.sdp(["PCMU"], port=moved.port, address=host, version=version)
            assert (await describe(sdp)).code == 200
            bob.rtp.forget()
            await moved.send_tone(
                call.a.rtp_target, codec="PCMU", payload_type=0, hz=700, seconds=0.8
            )
            assert level_at(bob.rtp, 700) > 0.7
            await until(lambda: len(moved.packets) > 30, "we are not sent a stream")  # noqa: B023
            moved.close()
        await call.end()


async def test_hold_and_resume_keep_the_media(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as alice:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=0.8)
        held = alice.sdp(["PCMU"], direction="sendonly", version=2)
        assert (await call.a.reinvite(held)).code == 200
        await asyncio.sleep(0.3)
        assert (await call.a.reinvite(alice.sdp(["PCMU"], version=3))).code == 200
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.2)
        await call.end()


async def test_early_media_comes_from_its_peer_alone(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        caller(engine, "alice") as alice,
        Stranger() as stranger,
    ):
        # What the edge tells a call process, no peer can tell it.
        headers = {"X-Heard-From": ELSEWHERE}
        a = await alice.invite("bob", alice.sdp(["PCMU"]), headers=headers)
        b = await bob.wait_call()
        await b.early_media(bob.sdp(["PCMU"]))
        await a.wait_provisional(183)
        alice.rtp.forget()
        await asyncio.gather(
            stranger.attack(b.rtp_target, codec="PCMU", packets_a_frame=FLOOD),
            stranger.attack(descriptions.rtp_address(a.responses[-1].body.decode()), codec="PCMU"),
            b.audio(send_hz=CALLEE_HZ, codec="PCMU"),
        )
        assert level_at(alice.rtp, CALLEE_HZ) > 0.9
        assert stranger.rtp.packets == []
        await b.answer(b.local_sdp)
        await a.answered()
        await a.hang_up()


async def _heard_from_elsewhere(call: Call, other: Phone, where: str) -> bool:
    """Send a call's audio from another host; return whether the other party hears it."""
    async with Stranger(where) as media:
        other.rtp.forget()
        await media.rtp.send_tone(
            call.rtp_target, codec="PCMU", payload_type=0, hz=700, seconds=0.8
        )
        return level_at(other.rtp, 700) > 0.7


async def test_a_carriers_media_also_comes_from_where_its_trunk_says(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        Phone("carrier", host=CARRIER, port=GATEWAY_PORT, server=engine.server) as carrier,
    ):
        a = await carrier.invite("+12025550100", carrier.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        assert not await _heard_from_elsewhere(a, bob, ELSEWHERE)
        assert await _heard_from_elsewhere(a, bob, CARRIERS_MEDIA)
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)
        async with caller(engine, "bob") as phone:
            a = await phone.invite("+44123", phone.sdp(["PCMU"]))
            b = await carrier.wait_call()
            await b.answer_in("PCMU")
            await a.answered()
            assert not await _heard_from_elsewhere(b, phone, ELSEWHERE)
            assert await _heard_from_elsewhere(b, phone, CARRIERS_MEDIA)
            await a.hang_up()


async def test_an_engine_may_take_media_from_a_network_for_every_leg(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as alice:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        assert not await _heard_from_elsewhere(call.a, bob, CARRIERS_MEDIA)
        assert await _heard_from_elsewhere(call.a, bob, EVERYBODYS_MEDIA)
        await call.end()


async def test_what_was_dropped_is_on_the_timeline_with_count_and_address(engine: Engine) -> None:
    operator = Operator(engine)
    async with registered(engine, "bob") as bob, caller(engine) as alice, Stranger() as stranger:
        call = await converse(engine, alice, bob, offer=["PCMU"])
        attacking = asyncio.create_task(
            stranger.attack(call.a.rtp_target, codec="PCMU", packets_a_frame=4, seconds=4.0)
        )
        path = await operator.live_call()
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=3.4)
        attacking.cancel()
        seen = f"the last seen from {ELSEWHERE}:{stranger.rtp.port}"
        await operator.reads(path, "A media dropped", seen)
        await call.end()
        await operator.ended(path)
    lines = [line for line in operator.timeline(path) if "media dropped" in line]
    counts = [int(re.findall(r"at least (\d+) packets", line)[0]) for line in lines]
    assert counts == sorted(counts, reverse=True)  # the newest line stands first
    assert counts[-1] >= 25
    assert counts[0] <= 4 * 50 * 4
    assert stranger.rtp.packets == []
