"""TCP connections counted while they live, and closed in bounded time whatever a peer does."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from callengine.edge.flow import Flow
from callengine.edge.frontdoor import Edge, EdgeSettings
from callengine.edge.transport.layer import Transports
from callengine.edge.transport.upcalls import Upcalls
from tests.callengine.edge.fakes import PATIENCE_S, FakeEngine, Phone, edge_settings

pytestmark = pytest.mark.thorough

PER_HOST = 3
STUCK_BYTES = 12 * 1024 * 1024
"More than the system keeps for a peer that does not read."
NEIGHBOUR = "127.0.0.3"


class Wire:
    """The sockets of an edge, and what they bring."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
        self.unreachable: asyncio.Queue[Flow] = asyncio.Queue()
        self.transports = Transports(
            edge_settings(
                listen=(("tcp", "127.0.0.2", 0),),
                max_tcp_connections_per_host=PER_HOST,
                max_tcp_connections=2 * PER_HOST,
            ),
            Upcalls(
                on_message=lambda data, flow: self.heard.put_nowait((data, flow)),
                on_broken=lambda *_: None,
                on_unreachable=lambda flow, _: self.unreachable.put_nowait(flow),
            ),
        )

    async def connect(self) -> tuple[asyncio.StreamWriter, Flow]:
        """Open a connection, say something on it, and return its flow as the edge names it."""
        _, host, port = self.transports.tcp[0]
        _, writer = await asyncio.open_connection(host, port, local_addr=(NEIGHBOUR, 0))
        writer.write(options())
        async with asyncio.timeout(PATIENCE_S):
            data, flow = await self.heard.get()
        assert data == options()
        return writer, flow


def options() -> bytes:
    text = Phone(NEIGHBOUR, 5062, transport="TCP", call_id="one", tag="one")
    return text.request("OPTIONS", 1, branch="z9hG4bKone").encode()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    await wire.transports.start()
    yield wire
    await wire.transports.stop()


async def test_a_host_is_not_shut_out_by_connections_that_were_sent_to_while_they_closed(
    wire: Wire,
) -> None:
    for _ in range(3 * PER_HOST):
        writer, flow = await wire.connect()
        wire.transports.send(flow, bytes(STUCK_BYTES))
        wire.transports.send(flow, b"cuts off a peer that does not read")
        wire.transports.send(flow, b"goes over a connection that is closing")
        writer.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await wire.unreachable.get() == flow
    (await wire.connect())[0].close()


async def test_so_many_connections_of_a_host_that_live_are_still_all_it_may_have(
    wire: Wire,
) -> None:
    writers = [(await wire.connect())[0] for _ in range(PER_HOST)]
    _, host, port = wire.transports.tcp[0]
    reader, refused = await asyncio.open_connection(host, port, local_addr=(NEIGHBOUR, 0))
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    refused.close()
    writers.pop().close()
    await asyncio.sleep(0.1)
    writers.append((await wire.connect())[0])
    for writer in writers:
        writer.close()


async def test_a_peer_that_stops_sending_and_does_not_read_is_cut_off(wire: Wire) -> None:
    writer, flow = await wire.connect()
    wire.transports.send(flow, bytes(STUCK_BYTES))
    writer.write_eof()
    raw: socket.socket = writer.get_extra_info("socket")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    assert not is_reset(raw)
    for _ in range(200):
        await asyncio.sleep(0.1)
        if is_reset(raw):
            break
    assert is_reset(raw)
    writer.transport.abort()


def is_reset(raw: socket.socket) -> bool:
    """Tell whether the other side has cut the connection off: its state is TCP_CLOSE."""
    return raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO) & 0xFF == 7


async def test_the_edge_stops_in_bounded_time_though_peers_do_not_read(engine: FakeEngine) -> None:
    edge = Edge(engine, wide_settings())
    await edge.start()
    shown: asyncio.Queue[str] = asyncio.Queue()
    edge.observer = lambda _, way, __, ___: shown.put_nowait(way)
    peers = [await deaf_peer(edge) for _ in range(2)]
    async with asyncio.timeout(4 * PATIENCE_S):
        assert [await shown.get() for _ in range(2 * len(peers))].count("out") == len(peers)
    began = time.monotonic()
    await edge.stop()
    assert time.monotonic() - began < 20.0
    for peer in peers:
        peer.transport.abort()


def wide_settings() -> EdgeSettings:
    """So wide that one response is more than the system keeps for a peer."""
    return edge_settings(
        listen=(("tcp", "127.0.0.2", 0),), max_message_bytes=2**25, max_line_bytes=2**20
    )


async def deaf_peer(edge: Edge) -> asyncio.StreamWriter:
    """Connect and send an OPTIONS with a large response, of which nothing is read."""
    _, host, port = edge.listening[0]
    _, writer = await asyncio.open_connection(host, port, local_addr=(NEIGHBOUR, 0))
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    via = f"Via: SIP/2.0/TCP h;branch=z9hG4bKold;padding={'x' * (STUCK_BYTES // 60)}\r\n"
    start, rest = options().split(b"\r\nFrom:", 1)
    writer.write(start + b"\r\n" + via.encode() * 60 + b"From:" + rest)
    await writer.drain()
    return writer
