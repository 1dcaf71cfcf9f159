"""Answers that are held back, and what websockets bring meanwhile: to force which arrives first."""

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route

STEP_MS = 50
WITHIN_S = 60.0
FAR = "2100-01-01T00:00:00Z"
"When an engine was seen last that does not fall silent while a test waits."


def comes(page: Page, holds: Callable[[], bool], what: str) -> None:
    """Wait for what the page's routes and websockets bring."""
    until = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < until, f"did not come: {what}"
        page.wait_for_timeout(STEP_MS)


class Held:
    """Answers of one address: read at once, given to the page when the test says so."""

    def __init__(self, page: Page, address: str, method: str = "GET") -> None:
        self._page = page
        self._address = re.compile(address)
        self._method = method
        self._answers: list[tuple[Route, Any]] = []
        self._holds = True
        page.route(self._address, self._hold)

    def _hold(self, route: Route) -> None:
        is_asked = route.request.method == self._method and "hx-request" in route.request.headers
        if not self._holds or not is_asked:
            route.continue_()
            return
        self._answers.append((route, route.fetch()))

    def is_read(self) -> None:
        """Wait until the page has asked and the server has answered."""
        comes(self._page, lambda: bool(self._answers), self._address.pattern)

    def arrive(self) -> None:
        """Give the page what was held back, and wait until it has taken it."""
        self._holds = False
        for route, answer in self._answers:
            with self._page.expect_response(route.request.url) as response:
                route.fulfill(response=answer)
            response.value.finished()
        # Its scripts are told of an answer before ours is evaluated, whatever its clock is.
        self._page.evaluate("fetch(location.href, { method: 'HEAD' }).then(() => 0)")


class Told:
    """What the page's websockets have brought it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._texts: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._take))

    def _take(self, text: str | bytes) -> None:
        self._texts.append(str(text))

    def hears(self, word: str) -> None:
        """Wait until it was told something."""
        comes(self._page, lambda: any(word in text for text in self._texts), word)
