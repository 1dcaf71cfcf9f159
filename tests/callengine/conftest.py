"""Who speaks SIP to an edge from outside: two hosts of their own."""

from collections.abc import AsyncIterator

import pytest

from tests.callengine.edge.fakes import UdpPeer


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
