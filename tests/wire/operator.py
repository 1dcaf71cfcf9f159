"""An operator at the pages of a running engine: signs in, reads, presses buttons, without JS."""

import asyncio
import html
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http.cookiejar import CookieJar

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from tests.peers import moments
from tests.peers.engine import Engine
from tests.wire.directory import PASSWORD

TIMEOUT_S = 200.0
SCRIPT = (
    "from django.contrib.auth.models import User\n"
    "from dashboard.accounts.roles import Role, set_role\n"
    "set_role(user=User.objects.create_user('{user}', password={password!r}), role=Role.{role})\n"
)


class Watched:
    """What a live page is sent."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def until(self, pattern: str, *, timeout_s: float) -> re.Match[str]:
        """Return the first match in what comes from now on."""
        async with asyncio.timeout(timeout_s):
            while True:
                text = str(await self._socket.recv())
                await self._socket.send("shown")
                if found := re.search(pattern, text, re.DOTALL):
                    return found


class Operator:
    """A browser in which olga is signed in."""

    def __init__(
        self,
        engine: Engine,
        *,
        role: str = "OPERATOR",
        user: str = "olga",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.timeout_s = timeout_s
        self._engine = engine
        self.base = f"http://{engine.host}:{engine.http_port}"
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )
        engine.shell(SCRIPT.format(user=user, password=PASSWORD, role=role))
        self.get("/accounts/login/")
        self.post("/accounts/login/", username=user, password=PASSWORD)

    @property
    def cookies(self) -> CookieJar:
        """What its browser keeps."""
        return self._cookies

    def get(self, path: str) -> str:
        """Return a page."""
        return self._open(urllib.request.Request(self.base + path))[1]

    def bytes(self, path: str) -> bytes:
        """Return a file; raises HTTPError for what one may not have."""
        with self._opener.open(self.base + path, timeout=self.timeout_s) as response:
            return bytes(response.read())

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form and return the code and the page it led to."""
        token = next(cookie.value for cookie in self._cookies if cookie.name == "csrftoken") or ""
        data = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        headers = {"Referer": self.base + path}
        return self._open(urllib.request.Request(self.base + path, data, headers))

    @asynccontextmanager
    async def watching(self, path: str) -> AsyncIterator["Watched"]:
        """Watch the live page at a path by its websocket, as its script does."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)
        url = f"{self.base.replace('http', 'ws', 1)}/ws{path}"
        async with connect(
            url,
            origin=Origin(self.base),
            additional_headers={"Cookie": cookies},
            proxy=None,
        ) as socket:
            yield Watched(socket)

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=self.timeout_s) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    # Calls

    async def live_call(self) -> str:
        """Return the path of the page of the one call that is up of those this test has made."""
        since = datetime.fromtimestamp(moments.began(), UTC).isoformat()
        for _ in range(200):
            calls = await asyncio.to_thread(self._engine.calls)
            found = [call["id"] for call in calls if not call["ended"] and call["started"] >= since]
            if len(found) == 1:
                return f"/calls/{uuid.UUID(found[0])}/"
            await asyncio.sleep(0.05)
        raise AssertionError(f"not one call is up: {found}")

    async def transfer(self, to: str, path: str = "") -> str:
        """Transfer a call, by default the one that is up; return the path of its page."""
        path = path or await self.live_call()
        code, page = await asyncio.to_thread(self.post, f"{path}transfer/", to=to)
        assert code == 200, page
        assert "the timeline shows how it goes" in page
        return path

    async def reads(self, path: str, *words: str, timeout_s: float = 20.0) -> str:
        """Wait until one line of a call's timeline holds all these words; return it."""
        lines: list[str] = []
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    lines = await asyncio.to_thread(self.timeline, path)
                    for line in lines:
                        if all(word in line for word in words):
                            return line
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"no line holds {words}:\n" + "\n".join(lines)) from None

    async def ended(self, path: str, *, timeout_s: float = 20.0) -> str:
        """Wait until a call has ended; return the text of its page without markup."""
        async with asyncio.timeout(timeout_s):
            while True:
                page = await asyncio.to_thread(self.get, path)
                if 'id="hang-up-button"' not in page:
                    return text_of(page)
                await asyncio.sleep(0.05)

    def timeline(self, path: str) -> list[str]:
        """Return the lines of a call's timeline: leg, kind and text."""
        items = re.findall(r'<li id="event-.*?</li>', self.get(path), re.DOTALL)
        return [text_of(item) for item in items]


def text_of(markup: str) -> str:
    """Return the text of a page or a part of one."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())
