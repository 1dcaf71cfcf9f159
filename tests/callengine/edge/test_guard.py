"""How much of each source is read: the rule as tables, then on real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Accepted, TrunkAccess
from callengine.edge.settings import GuardSettings
from callengine.edge.sources import source_key
from callengine.edge.strangers.guard import Guard
from callengine.edge.strangers.meters import Allowance, SharedBuckets
from tests.callengine.edge.fakes import (
    SDP,
    FakeEngine,
    Phone,
    UdpPeer,
    anchor,
    edge_settings,
    reply_as,
)
from tests.callengine.edge.test_registering import register

pytestmark = pytest.mark.thorough

SETTINGS = GuardSettings(
    stranger_rate=10, stranger_invite_rate=2, strangers_rate=1000, phone_rate=20, trunk_rate=50
)
REGISTER, INVITE = b"REGISTER sip:x SIP/2.0\r\n", b"INVITE sip:x SIP/2.0\r\n"
Address = tuple[str, int]


def read(
    guard: Guard, data: bytes = REGISTER, *, of: int, host: str = "192.0.2.1", now: float = 100.0
) -> int:
    """Return how many of so many messages within one moment are read."""
    flow = f"udp:{host}:5060"
    return sum(not guard.wait_s(data, flow, host, now) for _ in range(of))


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_source_is_an_ipv4_address_or_an_ipv6_network(host: str, source: str) -> None:
    assert source_key(host) == source


def test_a_stranger_gets_a_burst_and_then_its_rate() -> None:
    guard = Guard(SETTINGS)
    assert read(guard, of=500) == 100
    assert read(guard, of=500, now=101.0) == 10
    assert read(guard, of=500, now=131.0) == 100
    assert read(guard, of=500, host="192.0.2.2", now=131.0) == 100


@pytest.mark.parametrize("start", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_a_strangers_invites_are_fewer(start: bytes) -> None:
    guard = Guard(SETTINGS)
    assert read(guard, start + INVITE, of=60) == 20
    assert read(guard, of=60) == 40, "what they cost is gone from its messages too"


def test_one_ipv6_network_is_one_source() -> None:
    guard = Guard(SETTINGS)
    assert sum(read(guard, of=1, host=f"2001:db8::{n:x}") for n in range(1, 500)) == 100


def test_known_sources_draw_from_tokens_of_their_own() -> None:
    guard = Guard(SETTINGS)
    assert read(guard, of=500) == 100
    guard.welcome_phone("udp:192.0.2.1:5060", "alice", 100.0, 60.0)
    assert read(guard, of=500) == 200
    guard.welcome_trunk("192.0.2.9", 100.0)
    assert read(guard, of=500, host="192.0.2.9") == 150
    assert read(guard, of=500, now=159.0) == 200
    assert read(guard, of=500, now=161.0) == 100, "its registration is over"


def test_spoofed_sources_without_number_leave_known_ones_alone() -> None:
    guard = Guard(GuardSettings(strangers_rate=100))
    guard.welcome_phone("udp:198.51.100.7:5060", "alice", 100.0, 60.0)
    spoofed = sum(
        read(guard, of=1, host=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(50_000)
    )
    assert spoofed == 200
    assert read(guard, of=20, host="198.51.100.7") == 20
    (line,) = guard.sweep(101.0)
    assert (line.source_address, line.rule) == ("many sources", "crowded-out")


def test_a_spoofed_flood_hardly_touches_another_strangers_tokens() -> None:
    buckets = SharedBuckets(Allowance(10, 100))
    for number in range(200_000):
        buckets.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 100.0)
    assert sum(buckets.take("192.0.2.1", 100.0) for _ in range(100)) > 50


def test_a_carrier_at_sixty_calls_a_second_is_never_limited() -> None:
    guard = Guard(GuardSettings())
    assert read(guard, INVITE, of=60, host="192.0.2.9") == 60, "before it is known"
    guard.welcome_trunk("192.0.2.9", 100.0)
    for tenth in range(600):
        now = 100.0 + tenth / 10
        # INVITE, ACK, BYE, and as many again: retransmissions, and responses to our own requests.
        assert read(guard, INVITE, of=12, host="192.0.2.9", now=now) == 12
        assert read(guard, of=28, host="192.0.2.9", now=now) == 28


def test_two_hundred_phones_behind_one_address_register_after_a_power_cut() -> None:
    guard, unread = Guard(GuardSettings()), 0
    for number in range(200):
        flow, now = f"udp:192.0.2.1:{20000 + number}", 100.0 + number / 40
        tries = [guard.wait_s(REGISTER, flow, "192.0.2.1", now) for _ in range(3)]
        unread += sum(wait_s > 0 for wait_s in tries)
        guard.welcome_phone(flow, str(number), now, 600.0)
        assert not guard.wait_s(REGISTER, flow, "192.0.2.1", now)
    assert not unread


def test_networks_of_our_own_proxies_are_not_limited() -> None:
    guard = Guard(GuardSettings(exempt=("192.0.2.0/24", "2001:db8::/32")))
    assert read(guard, of=5000) == 5000
    assert read(guard, of=5000, host="2001:db8::1") == 5000
    assert read(guard, of=5000, host="198.51.100.1") == 600


def test_invites_of_all_strangers_together_are_fewer() -> None:
    guard = Guard(GuardSettings(strangers_invite_rate=30))
    assert sum(read(guard, INVITE, of=1, host=f"10.0.0.{n}") for n in range(200)) == 60
    assert read(guard, of=100, host="192.0.2.1") == 100


def test_a_call_in_progress_never_starves() -> None:
    guard = Guard(SETTINGS, name_ours=lambda data: data.partition(b"secret")[2][:3].decode())
    assert read(guard, of=500) == 100
    assert read(guard, b"BYE sip:secret001@x SIP/2.0\r\n", of=5) == 5
    assert read(guard, b"BYE sip:guessed@x SIP/2.0\r\n", of=5) == 0
    assert read(guard, b"BYE sip:secret001@x SIP/2.0\r\n", of=5000) == 195, "it may not flood"


def test_whoever_has_many_calls_may_not_flood_with_all_of_them() -> None:
    guard = Guard(SETTINGS, name_ours=lambda data: data.partition(b"secret")[2][:3].decode())
    messages = (b"BYE sip:secret%03d@x SIP/2.0\r\n" % number for number in range(100))
    assert sum(read(guard, data, of=100) for data in messages) <= 200 + 100


def test_one_user_is_one_phone_however_many_ports_it_sends_from() -> None:
    guard = Guard(SETTINGS)
    flows = [f"udp:192.0.2.1:{port}" for port in range(1024, 1524)]
    for flow in flows:
        guard.welcome_phone(flow, "alice", 100.0, 60.0)
    assert sum(not guard.wait_s(REGISTER, flow, "192.0.2.1", 100.0) for flow in flows) == 200
    guard.welcome_phone("udp:192.0.2.1:5", "bob", 100.0, 60.0)
    assert not guard.wait_s(REGISTER, "udp:192.0.2.1:5", "192.0.2.1", 100.0)


def test_what_was_held_back_is_told_at_once_and_then_once_a_minute() -> None:
    guard = Guard(SETTINGS)
    read(guard, of=150)
    read(guard, INVITE, of=5)
    (line,) = guard.sweep(101.0)
    assert (line.source_address, line.rule, line.code) == ("192.0.2.1", "flooding", 0)
    assert "55 messages, 5 of them INVITEs, from 192.0.2.1" in line.advice
    read(guard, of=30, now=102.0)
    assert not list(guard.sweep(103.0))
    (line,) = guard.sweep(161.5)
    assert "10 messages" in line.advice
    assert not list(guard.sweep(300.0))


def test_lines_are_bounded_however_many_sources_flood() -> None:
    guard = Guard(GuardSettings(stranger_rate=1, burst_s=1, strangers_rate=100_000))
    for number in range(2000):
        read(guard, of=3, host=f"10.0.{number >> 8}.{number & 255}")
    lines = list(guard.sweep(100.0))
    assert len(lines) == 501
    assert sum("many sources" in line.source_address for line in lines) == 1


@pytest.fixture
async def edge(engine: FakeEngine) -> AsyncIterator[Edge]:
    listen = (("udp", "127.0.0.2", 0), ("tcp", "127.0.0.2", 0))
    edge = Edge(engine, edge_settings(listen=listen, guard=GuardSettings(stranger_rate=10)))  # type: ignore[arg-type]
    await edge.start()
    yield edge
    await edge.stop()


async def flood(peer: UdpPeer, sip: Address, *, data: str | bytes, count: int) -> None:
    for _ in range(count // 50):
        for _ in range(50):
            peer.send(data, sip)
        await asyncio.sleep(0)


async def test_a_flood_is_dropped_cheaply_and_stands_on_record_once(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, callee: UdpPeer, sip: Address
) -> None:
    began = time.thread_time()
    await flood(peer, sip, data=Phone(*peer.address, edge=sip).request("OPTIONS", 1), count=5000)
    phone = Phone(*callee.address, edge=sip)
    assert (await register(callee, sip, phone)).code == 200
    assert time.thread_time() - began < 2.0, "sending them is part of it"
    line = await engine.rejection("flooding")
    assert (line.source_address, line.code) == ("127.0.0.3", 0)
    assert sum(r.rule == "flooding" for r in engine.rejections) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKvn0\r\n\r\n",
        b"\xff" * 300,
        b"\r\n\r\n",
    ],
    ids=["stun", "responses", "junk", "nothing"],
)
async def test_floods_of_other_things_are_held_back_too(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address, data: bytes
) -> None:
    await flood(peer, sip, data=data, count=300)
    assert (await engine.rejection("flooding")).source_address == "127.0.0.3"


async def test_a_registered_phone_is_read_beside_a_flood_from_its_own_address(
    edge: Edge, peer: UdpPeer, sip: Address
) -> None:
    phone = Phone(*peer.address, edge=sip)
    assert (await register(peer, sip, phone)).code == 200
    flooder = await UdpPeer.open("127.0.0.3")
    await flood(flooder, sip, data=phone.request("OPTIONS", 1), count=500)
    for cseq in (5, 7, 9):
        assert (await register(peer, sip, phone, cseq=cseq)).code == 200
    await flooder.close()


async def test_calls_end_in_the_midst_of_a_flood_from_their_own_address(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, callee: UdpPeer, worker: UdpPeer, sip: Address
) -> None:
    """A carrier that sends from other ports, too: the BYE names its call by our token."""
    engine.trunks["127.0.0.3"] = TrunkAccess("carrier", True, "")
    token = "a" * 24
    engine.outcome = lambda _: Accepted(anchor("A", token, worker.address), ())
    phone = Phone(*peer.address, edge=sip)
    peer.send(phone.request("INVITE", 1, body=SDP), sip)
    inward = await worker.expect("INVITE")
    worker.send(reply_as(inward, 200, "OK", f"Contact: <sip:{token}@x>", tag="w"), edge_of(edge))
    answer = await peer.expect(200)
    to, target = answer.get("to"), answer.get("contact").strip("<>")
    peer.send(phone.request("ACK", 1, uri=target, to=to), sip)
    await worker.expect("ACK")
    engine.trunks.clear()
    edge._parts.guard.forget("127.0.0.3")
    other = await UdpPeer.open("127.0.0.3")
    await flood(other, sip, data=phone.request("OPTIONS", 1), count=500)
    other.send(phone.request("BYE", 2, uri=target, to=to), sip)
    worker.send(reply_as(await worker.expect("BYE"), 200, "OK", tag="w"), edge_of(edge))
    await other.expect(200)
    await other.close()


def edge_of(edge: Edge) -> Address:
    host, _, port = edge.internal_address.rpartition(":")
    return host, int(port)


async def test_over_tcp_a_flood_is_made_to_wait_and_nothing_of_it_is_lost(
    edge: Edge, engine: FakeEngine
) -> None:
    _, host, port = edge.listening[1]
    reader, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.3", 0))
    phone = Phone("127.0.0.3", 5062, edge=(host, port), transport="TCP")
    began = time.monotonic()
    for number in range(115):
        writer.write(phone.request("OPTIONS", number + 1).encode())
    for number in range(115):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert f"CSeq: {number + 1} OPTIONS" in head
    assert time.monotonic() - began > 1.0, "a hundred at once, then ten a second"
    assert (await engine.rejection("flooding")).source_address == "127.0.0.3"
    writer.close()
    await writer.wait_closed()
