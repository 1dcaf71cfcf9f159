"""Windows of a real Chromium on a real server: the fixtures of tests that look at pages.

A module imports `server`, `browser` and `cookies`, or has a `server` of its own.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import PASSWORD, PATIENCE_MS, LiveServer
from tests.browser.lending import Lender
from tests.browser.settling import arrive, settle

Cookies = Callable[[str], Any]
NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as running:
        yield running


@pytest.fixture(scope="module")
def browser(lender: Lender) -> Iterator[Browser]:
    with lender.lend() as running:
        yield running


@pytest.fixture(scope="module")
def cookies(server: LiveServer) -> Cookies:
    """Sign each user in once, past the form: that takes a window and three pages."""
    known: dict[str, Any] = {}

    def of(user: str) -> Any:
        if user not in known:
            key = server.do("session", user=user)
            known[user] = [{"name": "sessionid", "value": key, "url": server.url}]
        return known[user]

    return of


def sign_in(page: Page, user: str) -> None:
    """Fill in and send the form that the page shows."""
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@contextmanager
def windows(
    server: LiveServer, browser: Browser, cookies: Cookies, *, user: str
) -> Iterator[NewPage]:
    """Yield what opens a window as somebody, `user` if nobody else is named.

    What its console said is in `page.said`, what it fetched in `page.asked`.
    """
    contexts: list[BrowserContext] = []
    usual = user

    def open_page(
        path: str, *, user: str = usual, live: bool = True, rests: bool = True, **options: Any
    ) -> Page:
        before = options.pop("before", None)
        context = browser.new_context(base_url=server.url, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        if user:
            context.add_cookies(cookies(user))
        page = context.new_page()
        if before:
            before(page)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"thrown: {error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.said, page.asked = said, asked  # type: ignore[attr-defined]
        arrive(page, path, rests=rests and not live)
        if live:
            page.locator("#live-state[data-state=open]").wait_for()
            settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def visit(server: LiveServer, browser: Browser, cookies: Cookies) -> Iterator[NewPage]:
    """Open windows on a server that knows of no call and no engine yet."""
    server.do("clear")
    with windows(server, browser, cookies, user="admin") as open_page:
        yield open_page


def row(page: Page, call: Any) -> Any:
    return page.locator(f"#live-{call['id'].replace('-', '')}")


def without_websocket(page: Page) -> None:
    """Refuse the page its websocket."""
    page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=1008))


def comes_true(page: Page, script: str, argument: Any = None, *, timeout_s: float = 20.0) -> None:
    """Wait for a script of ours; `wait_for_function` evaluates text, which the pages forbid."""
    deadline = time.monotonic() + timeout_s
    while not page.evaluate(script, argument):
        assert time.monotonic() < deadline, f"did not come true: {script}"
        page.wait_for_timeout(50)
