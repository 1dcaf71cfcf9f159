"""A server that is gone without a word: no page goes on saying what it does not know any more."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboard.live.feed import BEAT_EVERY_S
from dashboard.live.outbox import BEAT, BEAT_S
from tests.browser import shifts
from tests.browser.chromium import LiveServer
from tests.browser.crossing import FAR, comes
from tests.browser.windows import NewPage, browser, cookies, row, server, visit
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "server", "visit"]
SILENT_MS = 15_000
"As in hearing.js; the page looks once a second."
SINCE = re.compile(r"^nothing heard since \d\d:\d\d:\d\d")


@pytest.fixture
def call(server: LiveServer) -> Any:
    return demo.call()


def clocked(page: Page) -> None:
    page.clock.install()


def grows_silent(page: Page) -> None:
    """Let so much time pass that a server that is there would have said something."""
    page.clock.run_for(SILENT_MS + 2000)


@pytest.mark.parametrize("width", [1280, 390])
def test_live_says_since_when_it_has_heard_nothing_and_when_it_hears_again(
    server: LiveServer, visit: NewPage, call: Any, width: int
) -> None:
    server.do("node", seen=FAR)
    server.do("store", call=call)
    size = {"width": width, "height": 800}
    page = visit("/calls/", before=clocked, viewport=size)
    state, pill, live = (page.locator(one) for one in ("#live-state", "#engine-pill", "#live"))
    expect(row(page, call)).to_contain_text("Answered")
    page.evaluate(shifts.FROM_NOW)
    with server.stopped():
        grows_silent(page)
        expect(state).to_have_text(SINCE)
        expect(state).to_have_attribute("data-state", "polling")
        expect(live).to_have_attribute("data-old", "")
        expect(pill).to_contain_text("nothing heard since")
        expect(pill).to_have_class(re.compile("pill-wait"))
        duration = row(page, call).locator("[data-since]")
        before = duration.inner_text()
        page.clock.run_for(5000)
        # Nobody knows whether the call goes on.
        expect(duration).to_have_text(before)
    page.clock.run_for(5000)
    expect(state).to_have_text("live")
    expect(live).not_to_have_attribute("data-old", "")
    expect(pill).to_contain_text("engine up, 1 call")
    expect(page.locator("body")).not_to_have_attribute("data-old", "")
    page.clock.run_for(2000)
    expect(duration).not_to_have_text(before)
    assert shifts.shifted(page) < 0.02


@pytest.mark.parametrize("path", ["/", "/settings/"])
def test_a_page_with_a_pill_alone_says_it_there(
    server: LiveServer, visit: NewPage, call: Any, path: str
) -> None:
    server.do("node", seen=FAR)
    server.do("store", call=call)
    page = visit(path, live=False, before=clocked)
    pill, body = page.locator("#engine-pill"), page.locator("body")
    expect(pill).to_contain_text("engine up, 1 call")
    with server.stopped():
        grows_silent(page)
        expect(pill).to_contain_text("nothing heard since")
        expect(body).to_have_attribute("data-old", "")
    page.clock.run_for(5000)
    expect(pill).to_contain_text("engine up, 1 call")
    expect(body).not_to_have_attribute("data-old", "")


def test_a_browser_phone_whose_server_is_silent_is_not_connected(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/phone/", live=False, before=clocked)
    state = page.locator("#phone-server")
    expect(state).to_have_text("connected")
    with server.stopped():
        grows_silent(page)
        expect(state).to_have_text("nothing heard from the server, trying again")
        expect(page.get_by_role("button", name="Call", exact=True)).to_be_disabled()
    page.clock.run_for(2000)
    expect(state).to_have_text("connected")


@pytest.mark.parametrize("path", ["/calls/", "/settings/"])
def test_a_page_that_was_hidden_says_so_as_soon_as_it_is_looked_at(
    server: LiveServer, visit: NewPage, call: Any, path: str
) -> None:
    server.do("node", seen=FAR)
    server.do("store", call=call)
    page = visit(path, live=path == "/calls/", before=clocked)
    pill = page.locator("#engine-pill")
    expect(pill).to_contain_text("engine up, 1 call")
    with server.stopped():
        for _ in range(3):
            # Of a page that nobody sees a browser lets each timer run once a minute.
            page.clock.fast_forward(60_000)
        page.clock.run_for(2000)
        expect(pill).to_contain_text("nothing heard since")


@pytest.fixture
def often(server: LiveServer) -> Iterator[None]:
    """Have whoever is told nothing hear a beat at once."""
    server.do("beats", every=0.1, after=0.0)
    yield
    server.do("beats", every=BEAT_EVERY_S, after=BEAT_S)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("path", ["/calls/", "/settings/", "/phone/"])
def test_a_server_that_has_nothing_to_say_is_heard_all_the_same(
    server: LiveServer, visit: NewPage, path: str
) -> None:
    beats: list[str] = []
    sockets: list[str] = []

    def before(page: Page) -> None:
        clocked(page)

        def opened(socket: Any) -> None:
            sockets.append(socket.url)
            socket.on("framereceived", take)

        def take(text: str | bytes) -> None:
            if BEAT in str(text) or '"beat"' in str(text):
                beats.append(str(text))

        page.on("websocket", opened)

    page = visit(path, live=False, before=before)
    comes(page, lambda: len(beats) >= len(sockets), "a beat")
    known = list(sockets)
    for _ in range(6):
        page.clock.run_for(4000)
        many = len(beats) + 2 * len(known)
        comes(page, lambda many=many: len(beats) >= many, "more beats")  # type: ignore[misc]
    assert sockets == known, "a page came back that had heard its server"
    expect(page.locator("#engine-pill")).not_to_contain_text("nothing heard")
