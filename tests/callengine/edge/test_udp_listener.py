"""What a UDP socket takes of memory while it is read."""

import asyncio
import tracemalloc

from callengine.edge.flow import UDP, Flow
from callengine.edge.transport.listeners import bind
from callengine.edge.transport.udp import MAX_DATAGRAM_BYTES, UdpListener
from tests.callengine.edge.fakes import PATIENCE_S, UdpPeer

COUNT = 20


async def test_a_datagram_takes_no_more_memory_than_it_is_long() -> None:
    """What is made as large as one may be, then cut to what came, leaves a gap in the heap."""
    heard: asyncio.Queue[tuple[bytes, Flow]] = asyncio.Queue()
    listener = UdpListener(
        bind(UDP, "127.0.0.1", 0), lambda data, flow, _: heard.put_nowait((data, flow))
    )
    peer = await UdpPeer.open("127.0.0.1")
    tracemalloc.start()
    try:
        for number in range(COUNT):
            peer.send(b"%03d" % number, (listener.host, listener.port))
        async with asyncio.timeout(PATIENCE_S):
            came = [await heard.get() for _ in range(COUNT)]
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        listener.close()
        await peer.close()
    assert came == [(b"%03d" % number, Flow(UDP, *peer.address)) for number in range(COUNT)]
    assert most_bytes < MAX_DATAGRAM_BYTES
