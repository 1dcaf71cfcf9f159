import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Accepted, TrunkAccess
from tests.callengine.edge.fakes import FakeEngine, Phone, UdpPeer, anchor, edge_settings
from tests.callengine.edge.scene import Address, Scene


@pytest.fixture
async def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.add_user("alice", "correct horse")
    engine.add_user("bob", "battery staple")
    return engine


@pytest.fixture
async def edge(engine: FakeEngine) -> AsyncIterator[Edge]:
    """The edge on 127.0.0.2, so that any 127.0.0.1 a peer sees is a leak."""
    settings = edge_settings(listen=(("udp", "127.0.0.2", 0), ("tcp", "127.0.0.2", 0)))
    edge = Edge(engine, settings)
    await edge.start()
    yield edge
    await edge.stop()


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    errors = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert not errors, errors[0].getMessage()


@pytest.fixture
def sip(edge: Edge) -> tuple[str, int]:
    """The public UDP address."""
    _, host, port = edge.listening[0]
    return host, port


@pytest.fixture
async def worker() -> AsyncIterator[UdpPeer]:
    peer = await UdpPeer.open("127.0.0.1")
    yield peer
    await peer.close()


@pytest.fixture
async def scene(
    edge: Edge, engine: FakeEngine, sip: Address, peer: UdpPeer, callee: UdpPeer, worker: UdpPeer
) -> AsyncIterator[Scene]:
    engine.trunks["127.0.0.3"] = TrunkAccess("carrier", True, "")
    host, port = callee.address
    engine.outcome = lambda _: Accepted(
        anchor("A", "TOKENA", worker.address, hosts=(callee.address[0],)),
        [
            anchor(
                "B",
                "TOKENB",
                worker.address,
                request_uri=f"sip:bob@{host}:{port}",
                flow=f"udp:{host}:{port}",
                max_forwards=42,
            )
        ],
    )
    yield Scene(edge, engine, sip, peer, callee, worker, Phone(*peer.address, edge=sip))
    leaks = (f"127.0.0.1:{worker.address[1]}", edge.internal_address, "127.0.0.1:", "pjsua")
    for data in (*peer.raw, *callee.raw):
        head = data.partition(b"\r\n\r\n")[0].decode()
        assert not [leak for leak in leaks if leak in head], head
