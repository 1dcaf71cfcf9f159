"""Which address a peer is shown: an interface's own, one that is set, or one that STUN tells."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from callengine.edge.flow import TLS, UDP, Flow
from callengine.edge.frontdoor import Edge, EdgeSettings
from callengine.edge.transport import stun
from callengine.edge.transport.learning import AddressLearner
from tests.callengine.edge.fakes import FakeEngine, edge_settings
from tests.spent import cpu_s

AFAR, NEAR = str(Flow(UDP, "198.18.0.1", 5060)), str(Flow(UDP, "127.0.0.9", 5060))
NOT_PRIVATE = str(Flow(UDP, "8.8.8.8", 5060))


class StunServer(asyncio.DatagramProtocol):
    """Tells everybody that they are at one address; the first questions may get lost."""

    def __init__(self, address: str, *, loses: int = 0) -> None:
        self.address, self.loses = address, loses
        self.asked = 0
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.asked > self.loses:
            stranger = data[:8] + bytes(12)  # of a transaction that nobody began
            for request, host in ((stranger, "203.0.113.66"), (data, self.address)):
                answer = stun.binding_response(request, host, 7)
                assert answer is not None
                self.transport.sendto(answer, addr)


@asynccontextmanager
async def started(settings: EdgeSettings) -> AsyncIterator[Edge]:
    edge = Edge(FakeEngine(), settings)
    await edge.start()
    try:
        yield edge
    finally:
        await edge.stop()


async def test_a_stun_server_tells_the_address_that_peers_elsewhere_are_shown() -> None:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: StunServer("203.0.113.7", loses=1), local_addr=("127.0.0.3", 0)
    )
    at = transport.get_extra_info("sockname")
    settings = edge_settings(listen=(("udp", "127.0.0.2", 0),), stun_server=at)
    async with started(settings) as edge:
        assert server.asked == 2
        assert edge.public_address_for(NOT_PRIVATE)[0] == "203.0.113.7"
        assert edge.media_address_for(NOT_PRIVATE) == "203.0.113.7"
        assert edge.public_address_for(NEAR)[0] == "127.0.0.2"
        assert edge.is_local_host("203.0.113.7", None)
        assert not edge.is_local_host("203.0.113.66", None)
    transport.close()


async def test_an_edge_starts_without_an_answer_of_its_stun_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("callengine.edge.transport.learning.WAITS_S", (0.01, 0.01))
    settings = edge_settings(listen=(("udp", "127.0.0.2", 0),), stun_server=("127.0.0.3", 9))
    async with started(settings) as edge:
        assert edge.public_address_for(NOT_PRIVATE)[0] == "127.0.0.2"
    assert "the STUN server 127.0.0.3:9 gave no answer" in caplog.text


async def test_each_interface_may_have_a_public_address_of_its_own() -> None:
    settings = edge_settings(
        listen=(("udp", "127.0.0.2", 0), ("udp", "::1", 0)),
        public_address="203.0.113.1",
        public_addresses=(("127.0.0.2", "203.0.113.2"), ("::1", "2001:db8::2")),
    )
    async with started(settings) as edge:
        assert edge.public_address_for(AFAR)[0] == "203.0.113.2"
        over_ipv6 = str(Flow(UDP, "2001:db8::9", 5060))
        assert edge.public_address_for(over_ipv6)[0] == "2001:db8::2"
        assert edge.media_address_for(over_ipv6) == "203.0.113.1"
        assert edge.is_local_host("203.0.113.2", None)


async def test_audio_over_ipv6_is_shown_the_address_that_leads_there() -> None:
    settings = edge_settings(
        listen=(("udp", "127.0.0.2", 0), ("udp", "::1", 0)),
        public_address="2001:db8::1",
        public_addresses=(("127.0.0.2", "203.0.113.2"),),
    )
    async with started(settings) as edge:
        find = edge._parts.addresses.ipv6_for_audio
        for flow in (Flow(UDP, "127.0.0.9", 5060), Flow(UDP, "::1", 5060)):
            assert find(flow, "::1") == "2001:db8::1"
            assert find(flow, "fe80::1") == ""
        assert edge.offers_ipv6(str(Flow(UDP, "::1", 5060)))
        assert not edge.offers_ipv6(NEAR)
    settings = edge_settings(listen=(("udp", "127.0.0.2", 0),), public_address="203.0.113.1")
    async with started(settings) as edge:
        assert edge._parts.addresses.ipv6_for_audio(Flow(UDP, "127.0.0.9", 5060), "::1") == "::1"


async def test_a_public_address_is_shown_to_peers_of_its_own_family_alone() -> None:
    settings = edge_settings(
        listen=(("udp", "127.0.0.2", 0), ("udp", "::1", 0)), public_address="203.0.113.1"
    )
    async with started(settings) as edge:
        assert edge.public_address_for(AFAR)[0] == "203.0.113.1"
        assert edge.public_address_for(str(Flow(UDP, "2001:db8::9", 5060)))[0] == "::1"


async def test_the_name_in_the_certificate_is_shown_over_tls_alone() -> None:
    settings = edge_settings(listen=(("udp", "127.0.0.2", 0),), tls_name="sip.example")
    async with started(settings) as edge:
        over_tls = str(Flow(TLS, "198.18.0.1", 5061, "carrier.example"))
        assert edge.public_address_for(over_tls) == ("sip.example", 5061)
        assert edge.media_address_for(over_tls)[:1].isdigit()
        assert edge.public_address_for(AFAR)[0] == "127.0.0.2"
        assert edge.is_local_host("SIP.example", None)


@pytest.mark.parametrize(
    "datagram",
    [
        struct.pack("!HHI12s", 0x0101, 0, 0x2112A442, b"t" * 12),
        struct.pack("!HHI12s", 0x0101, 8, 0x2112A442, b"t" * 12) + b"\x00\x20\x00\x08",
        struct.pack("!HHI12sHH", 0x0101, 4, 0x2112A442, b"t" * 12, 0x20, 400),
        struct.pack("!HHI12sHHBBH4s", 0x0101, 12, 0x2112A442, b"t" * 12, 0x20, 8, 0, 2, 1, b"addr"),
        struct.pack(
            "!HHI12sHHBBH4s", 0x0101, 12, 0x2112A442, b"t" * 12, 0x8022, 8, 0, 1, 1, b"addr"
        ),
    ],
)
def test_an_answer_without_an_ipv4_address_tells_none(datagram: bytes) -> None:
    assert stun.is_stun(datagram)
    assert stun.mapped_address(datagram) == ""


def test_what_a_server_answers_is_what_it_saw() -> None:
    request, transaction = stun.binding_request()
    answer = stun.binding_response(request, "198.51.100.77", 4711)
    assert answer is not None
    assert stun.is_answer(answer)
    assert stun.transaction_of(answer) == transaction
    assert stun.mapped_address(answer) == "198.51.100.77"


def test_answers_that_nobody_waits_for_cost_nothing() -> None:
    """Of 64 kB and thousands of attributes, sixty a second stood the engine still."""
    nothing: Any = SimpleNamespace()
    learner = AddressLearner(nothing, nothing, ("192.0.2.1", 3478))
    large = struct.pack("!HHI12s", 0x0101, 64_000, 0x2112A442, b"t" * 12) + bytes(64_000)

    def sixty() -> None:
        for _ in range(60):
            learner._take(large, "198.51.100.9")

    assert cpu_s(sixty) < 0.05
