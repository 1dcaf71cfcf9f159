import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from callengine.edge.frontdoor import Edge, EdgeSettings
from tests.callengine.edge.fakes import FakeEngine, UdpPeer


@pytest.fixture
async def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.add_user("alice", "correct horse")
    engine.add_user("bob", "battery staple")
    return engine


@pytest.fixture
async def edge(engine: FakeEngine) -> AsyncIterator[Edge]:
    """The edge on 127.0.0.2, so that any 127.0.0.1 a peer sees is a leak."""
    settings = EdgeSettings(listen=(("udp", "127.0.0.2", 0), ("tcp", "127.0.0.2", 0)))
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
async def peer() -> AsyncIterator[UdpPeer]:
    peer = await UdpPeer.open("127.0.0.3")
    yield peer
    await peer.close()


@pytest.fixture
async def callee() -> AsyncIterator[UdpPeer]:
    peer = await UdpPeer.open("127.0.0.4")
    yield peer
    await peer.close()


@pytest.fixture
async def worker() -> AsyncIterator[UdpPeer]:
    peer = await UdpPeer.open("127.0.0.1")
    yield peer
    await peer.close()
