"""A page that a test has come to is at rest."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, WebSocketRoute, expect

from tests.browser import settling
from tests.browser.chromium import LiveServer
from tests.browser.scene import MARKS, browser
from tests.browser.settling import arrive_again_async, arrive_async, settle_async
from tests.browser.windows import server
from tests.dashboard.live import demo

__all__ = ["browser", "server"]
pytestmark = MARKS
SLOW_S = 0.3
OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="module")
async def new_page(server: LiveServer, browser: Browser) -> AsyncIterator[OpenPage]:
    """Open empty windows of somebody who is signed in."""
    contexts = []

    async def open_page(**options: Any) -> Page:
        context = await browser.new_context(base_url=server.url, **options)
        contexts.append(context)
        key = server.do("session", user="admin")
        await context.add_cookies([{"name": "sessionid", "value": key, "url": server.url}])
        return await context.new_page()

    yield open_page
    for context in contexts:
        await context.close()


async def slow(page: Page) -> None:
    """Have its websockets open late, and what it asks for be answered late."""

    async def connect(socket: WebSocketRoute) -> None:
        await asyncio.sleep(SLOW_S)
        socket.connect_to_server()

    async def answer(route: Route) -> None:
        if route.request.headers.get("hx-request") == "true":
            await asyncio.sleep(SLOW_S)
        await route.continue_()

    await page.route_web_socket(re.compile("/ws/"), connect)
    await page.route("**/*", answer)


async def test_what_a_slow_page_reads_anew_is_in_place_when_one_has_come_to_it(
    server: LiveServer, new_page: OpenPage
) -> None:
    call = demo.call()
    server.do("store", call=call)
    page = await new_page()
    await slow(page)
    for again in (False, True):
        if again:
            await arrive_again_async(page)
        else:
            await arrive_async(page, f"/calls/{call['id']}/")
        assert await page.evaluate("document.getElementById('live-state').dataset.state") == "open"
        await page.evaluate("() => { window.found = document.getElementById('call-legs') }")
        await asyncio.sleep(3 * SLOW_S)
        assert await page.evaluate("window.found.isConnected")
    await page.unroute_all(behavior="wait")


async def test_a_page_that_does_not_come_to_rest_is_told_of(
    new_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await new_page()
    await arrive_async(page, "/calls/")
    monkeypatch.setattr(settling, "SETTLED_WITHIN_S", 0.3)
    await page.evaluate("document.getElementById('main').classList.add('htmx-request')")
    with pytest.raises(AssertionError, match='still waits for htmx in <main id="main"'):
        await settle_async(page)


async def test_without_javascript_a_page_is_at_rest_once_it_is_loaded(new_page: OpenPage) -> None:
    page = await new_page(java_script_enabled=False)
    await arrive_async(page, "/calls/")
    await expect(page.locator("h1")).to_be_visible()
