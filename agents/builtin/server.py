"""The built-in agent's websockets, on asyncio."""

import asyncio
import contextlib
import http
import json
import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from agents.builtin import replies, voice
from agents.builtin.conversation import Cut, Out, ServedConversation, Shut
from agents.builtin.lobby import Lobby
from agents.builtin.place import PATH, builtin_url

logger = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.websockets")
_quiet.setLevel(logging.CRITICAL)  # a client that goes before it has asked is a traceback there

MOST_AT_ONCE = 60
"A flood holds some 13 MB for as long as nobody reads it."
LARGEST_MESSAGE = 1 << 20
FIRST_WITHIN_S = 20.0
"A websocket that says nothing, or that is never to be ready, is closed after this."
SENT_WITHIN_S = 30.0
"A client that does not read for so long is let go."


class BuiltinAgent:
    """A server of the built-in agent; an async context manager."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host, self._port = host, port
        self._lobby = Lobby(voice.manner())
        self._at_once = 0
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where it is reached, once it serves."""
        return builtin_url((self._host, self._port))

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            self._host,
            self._port,
            # Browsers name the page they run: no page has business here.
            origins=[None],
            process_request=self._admit,
            compression=None,
            max_size=LARGEST_MESSAGE,
            logger=_quiet,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.partition("?")[0] != PATH:
            return connection.respond(http.HTTPStatus.NOT_FOUND, f"Allowed: {PATH}\n")
        if self._at_once >= MOST_AT_ONCE:
            text = f"{MOST_AT_ONCE} conversations are up; no more are taken.\n"
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, text)
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self._at_once += 1
        try:
            await _Visit(connection, self._lobby).run()
        except (ConnectionClosed, TimeoutError):
            pass
        except Exception:
            logger.exception("a conversation fails")
        finally:
            self._at_once -= 1


class _Visit:
    """One websocket."""

    def __init__(self, connection: ServerConnection, lobby: Lobby) -> None:
        self._connection, self._lobby = connection, lobby

    async def run(self) -> None:
        """Talk until one side closes."""
        async with asyncio.timeout(FIRST_WITHIN_S):
            conversation = await self._begin()
        if conversation is None:
            return
        logger.info("session %s", conversation.session_id)
        try:
            await self._converse(conversation)
        finally:
            self._lobby.left(conversation, time.monotonic())

    async def _begin(self) -> ServedConversation | None:
        message = _read(await self._connection.recv()) or {}
        conversation, out = self._lobby.first(message, time.monotonic(), time.time())
        await self._carry_out(out)
        if conversation is None and not out:
            await self._connection.wait_closed()
        return conversation

    async def _converse(self, conversation: ServedConversation) -> None:
        while True:
            if (reply := conversation.wanted) is not None:
                told = conversation.told
                sound = (reply.sound, told.output, told.volume)
                audio = await asyncio.to_thread(replies.rendered, *sound)
                out = conversation.rendered(reply, audio, time.monotonic())
            elif (due_s := conversation.next_deadline() - time.monotonic()) <= 0:
                out = conversation.tick(time.monotonic())
            else:
                message = await self._next(due_s)
                out = conversation.received(message, time.monotonic()) if message else []
            if not await self._carry_out(out):
                return

    async def _next(self, within_s: float) -> Mapping[str, Any] | None:
        """Return the next message that can be read; None when there is none in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                return _read(await self._connection.recv())
        return None

    async def _carry_out(self, out: list[Out]) -> bool:
        """Send; return whether the conversation goes on over this websocket."""
        for item in out:
            match item:
                case Shut(code, reason):
                    await self._connection.close(code, reason)
                    return False
                case Cut():
                    self._connection.transport.abort()
                    return False
                case _:
                    async with asyncio.timeout(SENT_WITHIN_S):
                        await self._connection.send(item)
        return True


def _read(message: str | bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
