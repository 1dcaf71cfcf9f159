"""Where the sound of browsers comes in: a TCP address of this engine, and tokens good once.

A web process connects for a page, shows the token, and the socket goes to the call's process: so
sound touches neither the engine's event loop nor the channel layer.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from dataclasses import dataclass

from callengine.core.control.browsers import BrowserSocket, ListenerSocket
from callengine.engine.calls.book import CallBook
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import ProcessState
from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

TOKEN_DIGITS = 64
TOKEN_HOLDS_S = 15.0
TOKEN_COMES_WITHIN_S = 5.0
MAX_TOKENS = 200
MAX_UNKNOWN = 64
"Connections at once that have not shown a token yet."
BACKLOG = 64


@dataclass(frozen=True, slots=True)
class _ExpectedPage:
    call: str
    leg: str
    until: float
    listener: str
    "Name of the user who is to listen; empty: it is the leg's own."


@dataclass(frozen=True, slots=True)
class SoundAddress:
    """Where one page's sound is to go."""

    host: str
    port: int
    token: str


class BrowserSockets:
    """Takes the sockets of pages and hands them to call processes."""

    def __init__(self, listen: tuple[str, int], *, book: CallBook, pool: Pool) -> None:
        self._listen = listen
        self._book, self._pool = book, pool
        self._awaited: dict[str, _ExpectedPage] = {}
        self._socket: socket.socket | None = None
        self._tasks = BackgroundTasks("browsers' sound")

    async def start(self) -> None:
        """Listen. Raises OSError naming the address."""
        host, port = self._listen
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            text = f"VOIPNUMBER_SOUND_LISTEN {host}:{port} cannot be listened at: {why}. "
            text += "Choose an address of this machine and a port that is free, or 0 for any."
            raise OSError(text) from error
        self._socket.setblocking(False)
        self._tasks.start(self._accept(self._socket))

    async def stop(self) -> None:
        """Take no more."""
        await self._tasks.stop()
        if self._socket is not None:
            self._socket.close()
        self._awaited.clear()

    def expect(self, call: str, leg: str, *, listener: str = "") -> SoundAddress:
        """Return where the page of a leg, or of a listener, is to connect within TOKEN_HOLDS_S.

        A leg has one token, the last: its process may ask again and again.
        """
        assert self._socket is not None
        now, whose = time.monotonic(), (call, leg)
        for token, one in list(self._awaited.items()):
            if one.until < now or ((one.call, one.leg) == whose and not listener):
                del self._awaited[token]
        while len(self._awaited) >= MAX_TOKENS:
            del self._awaited[next(iter(self._awaited))]
        token = secrets.token_hex(TOKEN_DIGITS // 2)
        self._awaited[token] = _ExpectedPage(call, leg, now + TOKEN_HOLDS_S, listener)
        return SoundAddress(self._listen[0], self._socket.getsockname()[1], token)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listening)
            except OSError:
                logger.warning("a browser's sound could not be let in", exc_info=True)
                await asyncio.sleep(0.1)
                continue
            sock.setblocking(False)
            if len(self._tasks) > MAX_UNKNOWN:
                sock.close()
            else:
                self._tasks.start(self._take(sock))

    async def _take(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(TOKEN_COMES_WITHIN_S):
                token = await _token(sock)
            self._hand_over(sock, token)

    def _hand_over(self, sock: socket.socket, token: str) -> None:
        awaited = self._awaited.pop(token, None)
        if awaited is None or awaited.until < time.monotonic():
            logger.warning("a connection for a browser's sound showed no token that is known here")
            return
        call = self._book.calls.get(awaited.call)
        process = call.process if call is not None else None
        if call is None or call.ended or process is None or process.state is ProcessState.DEAD:
            return
        if process.call == awaited.call:
            message = (
                ListenerSocket(awaited.call, awaited.listener)
                if awaited.listener
                else BrowserSocket(awaited.call, awaited.leg)
            )
            self._pool.send(process, message, descriptors=(sock.fileno(),))


async def _token(sock: socket.socket) -> str:
    """Return the first bytes that come, and no more than are a token."""
    loop, token = asyncio.get_running_loop(), b""
    while len(token) < TOKEN_DIGITS:
        part = await loop.sock_recv(sock, TOKEN_DIGITS - len(token))
        if not part:
            break
        token += part
    return token.decode("ascii", "replace")
