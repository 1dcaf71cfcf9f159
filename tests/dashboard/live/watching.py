"""Websockets as a page opens them, signed in."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User

from callengine.core.snapshot import CallSnapshot
from dashboard.accounts.roles import Role
from dashboard.live.consumers import ACKNOWLEDGED
from tests.dashboard.people import person, signed_in
from voipnumber.asgi import application


def account(name: str, role: Role = Role.VIEWER) -> User:
    """Return a new user, a viewer if not told otherwise."""
    return person(role, name)


TELLS_AT_ONCE = re.compile(r"/ws/(engine|overview|calls|trunks)/")
"The websockets of pages, which say how all stands before they say what changes."


HEARD_S = 60.0


class Watcher(WebsocketCommunicator):  # type: ignore[misc]
    """A page's websocket; says that it has shown each message it is given."""

    acknowledges = True
    first = ""
    "What it was told as it came, if it is a page's."

    # Its base waits a second for each, which a busy machine may need.

    async def connect(self, timeout: float = 20) -> tuple[bool, Any]:  # noqa: ASYNC109 - as its base
        told: tuple[bool, Any] = await super().connect(timeout)
        return told

    async def disconnect(
        self,
        code: int = 1000,
        timeout: float = 20,  # noqa: ASYNC109 - as its base
    ) -> None:
        await super().disconnect(code, timeout)

    async def receive_from(self, timeout: float = 20) -> str:  # noqa: ASYNC109 - as its base
        text: str = await super().receive_from(timeout)
        if self.acknowledges:
            await self.send_to(text_data=ACKNOWLEDGED)
        return text

    async def closed(self) -> int:
        """Wait until the server closes it, whatever it says before; return the code."""
        while True:
            message = await self.receive_output(timeout=20)
            if message["type"] == "websocket.close":
                return int(message["code"])


def sign_in(name: str) -> str:
    """Return the session key of a new login."""
    return signed_in(User.objects.get(username=name))


async def watcher(path: str, name: str = "viewer", session: str = "") -> Watcher:
    """Return a websocket that is not connected yet."""
    key = session or await sync_to_async(sign_in)(name)
    headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
    return Watcher(application, path, headers=[*headers, (b"cookie", f"sessionid={key}".encode())])


@asynccontextmanager
async def opened(path: str, name: str = "viewer", session: str = "") -> AsyncIterator[Watcher]:
    """Open a websocket as somebody who is signed in."""
    socket = await watcher(path, name, session)
    connected, code = await socket.connect()
    assert connected, code
    if TELLS_AT_ONCE.match(path):
        socket.first = await socket.receive_from()
    try:
        yield socket
    finally:
        await socket.disconnect()


async def heard(socket: Watcher, *words: str) -> str:
    """Receive until all words have come, and return everything; beats come for ever."""
    text = ""
    async with asyncio.timeout(HEARD_S):
        while not all(word in text for word in words):
            text += await socket.receive_from()
    return text


def members(group: str) -> int:
    """Return how many of this process are in a group of the channel layer."""
    layer: Any = get_channel_layer()
    return len(layer.groups.get(group, ()))


def key(call: CallSnapshot) -> str:
    """Return how elements of a page name a call."""
    return call["id"].replace("-", "")
