"""Whose sound is let in: a token good once, a socket that a call process is handed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from callengine.core.control.browsers import BrowserSocket, ListenerSocket
from callengine.core.control.calls import Taken
from callengine.engine.parties import browsersockets
from callengine.engine.parties.browsersockets import BrowserSockets, SoundAddress
from callengine.worker.process.control import Control, ReceivedOrder
from tests.callengine.edge.fakes import UdpPeer
from tests.callengine.engine import boards
from tests.callengine.engine.test_hostile_process import say, taken_over
from tests.peers.waiting import until

PATIENCE_S = 20


class Page:
    """What a web process has of a page's sound."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connects(cls, at: SoundAddress, token: str | None = None) -> "Page":
        page = cls(*await asyncio.open_connection(at.host, at.port))
        page._writer.write((at.token if token is None else token).encode())
        return page

    async def hears(self) -> bytes:
        """Return what comes next; nothing once it is closed."""
        return await asyncio.wait_for(self._reader.read(100), PATIENCE_S)

    async def leaves(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class Rig:
    """The sockets of an engine, and the end of the process that has its one call."""

    def __init__(self, sockets: BrowserSockets, call: str, control: socket.socket) -> None:
        self.sockets, self.call = sockets, call
        self._control = Control(control)

    async def given(self) -> tuple[BrowserSocket | ListenerSocket, socket.socket]:
        """Wait for a page's socket."""
        found: list[ReceivedOrder] = []

        def has_come() -> bool:
            found.extend(
                received
                for received in self._control.receive()
                if isinstance(received.message, BrowserSocket | ListenerSocket)
            )
            return bool(found)

        await until(has_come, "no socket is handed over")
        (received,) = found
        assert isinstance(received.message, BrowserSocket | ListenerSocket)
        assert received.descriptor is not None
        return received.message, socket.socket(fileno=received.descriptor)


@pytest.fixture
async def rig(peer: UdpPeer, callee: UdpPeer) -> AsyncIterator[Rig]:
    async with _call(peer, callee) as made:
        await made.sockets.start()
        try:
            yield made
        finally:
            await made.sockets.stop()


@asynccontextmanager
async def _call(peer: UdpPeer, callee: UdpPeer) -> AsyncIterator[Rig]:
    async with boards.opened(callee) as board, taken_over(board) as (process, control, _):
        boards.call(board, peer)
        await until(lambda: board.given_to() is process, "the call was not handed over")
        say(control, Taken())
        (call,) = board.calls
        yield Rig(board.browsers.sockets, call, control)


async def test_a_token_lets_one_page_in_once(rig: Rig) -> None:
    at = rig.sockets.expect(rig.call, "A")
    page = await Page.connects(at)
    message, sock = await rig.given()
    with sock:
        assert message == BrowserSocket(rig.call, "A")
        sock.send(b"a sound")
        assert await page.hears() == b"a sound"
        again = await Page.connects(at)
        assert await again.hears() == b""
    for one in (page, again):
        await one.leaves()


async def test_who_knows_no_token_or_shows_none_is_sent_away(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = rig.sockets.expect(rig.call, "", listener="olga")
    for guessed in ("0" * len(at.token), at.token[:-1] + "\n", "\xff" * 32):
        stranger = await Page.connects(at, guessed)
        assert await stranger.hears() == b""
        await stranger.leaves()
    monkeypatch.setattr(browsersockets, "TOKEN_COMES_WITHIN_S", 0.05)
    silent = await Page.connects(at, "")
    assert await silent.hears() == b""
    await silent.leaves()
    monkeypatch.undo()
    page = await Page.connects(at)
    message, sock = await rig.given()
    sock.close()
    assert message == ListenerSocket(rig.call, "olga")
    await page.leaves()


async def test_a_process_that_asks_again_and_again_takes_no_other_legs_token(rig: Rig) -> None:
    at = rig.sockets.expect(rig.call, "A")
    before = rig.sockets.expect(rig.call, "B")
    for _ in range(browsersockets.MAX_TOKENS):
        last = rig.sockets.expect(rig.call, "B")
    late = await Page.connects(before)
    assert await late.hears() == b""
    for address, leg in ((at, "A"), (last, "B")):
        page = await Page.connects(address)
        message, sock = await rig.given()
        sock.close()
        assert message == BrowserSocket(rig.call, leg)
        await page.leaves()
    await late.leaves()


async def test_a_token_is_of_no_use_once_its_time_is_over(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsersockets, "TOKEN_HOLDS_S", -1.0)
    late = await Page.connects(rig.sockets.expect(rig.call, "A"))
    assert await late.hears() == b""
    await late.leaves()
