"""What stands on every page is told, not asked for: the engine pill, and how trunks stand."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from callengine.core.limits import NODE_SILENCE_S
from tests.browser.chromium import LiveServer
from tests.browser.crossing import FAR, Told
from tests.browser.windows import NewPage, browser, cookies, visit, without_websocket
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "visit"]
NAMES_A_TRUNK = {
    "/routes/": 1,
    "/routes/1/": 1,
    "/numbers/?q=177": 1,
    "/search/?q=carrier-one": 1,
    "/trunks/1/in/": 1,
}
"Page -> how often it says there how carrier-one stands."


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has trunks, routes and numbers."""
    with LiveServer() as running:
        running.do("rows")
        yield running


def test_every_page_that_names_a_trunk_is_told_how_it_stands(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("gateway heard", trunk=1, is_up=True, said="200 OK")
    pages = [(visit(path, live=False), count) for path, count in NAMES_A_TRUNK.items()]
    for is_up, word in ((False, "Some gateways down"), (True, "Ready")):
        server.do("gateway heard", trunk=1, is_up=is_up, said="heard")
        for page, count in pages:
            state = page.locator("[data-trunk-state='1']")
            expect(state).to_have_text([word] * count)
    for page, _ in pages:
        assert page.said == []  # type: ignore[attr-defined]


def test_without_a_websocket_a_page_asks_how_trunks_stand(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("gateway heard", trunk=1, is_up=True, said="200 OK")

    def before(page: Page) -> None:
        page.clock.install()
        without_websocket(page)

    page = visit("/numbers/?q=177", live=False, before=before)
    state = page.locator("[data-trunk-state='1']")
    expect(state).to_have_text("Ready")
    server.do("gateway heard", trunk=1, is_up=False, said="no answer")
    page.clock.fast_forward(16_000)
    expect(state).to_have_text("Some gateways down")


def test_the_pill_of_every_page_is_told_and_says_what_to_do(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    told: list[Told] = []
    page = visit("/settings/", live=False, before=lambda page: told.append(Told(page)))
    told[0].hears("engine up")
    pill = page.locator("#engine-pill")
    expect(pill).to_contain_text("engine up, 0 calls")
    call = demo.call()
    server.do("publish", call=call)
    expect(pill).to_contain_text("engine up, 1 call")
    page.keyboard.press("Tab")
    pill.focus()
    server.do("nodes", nodes=[_silent_node()])
    expect(pill).to_contain_text("engine not reachable since")
    expect(pill).to_have_class(re.compile("pill-wait"))
    expect(pill).to_be_focused()
    pill.press("Enter")
    expect(page.locator("#engine .notice")).to_contain_text("Start it again with manage.py serve")
    assert page.said == []  # type: ignore[attr-defined]


def _silent_node() -> dict[str, Any]:
    seen = (timezone.now() - dt.timedelta(seconds=NODE_SILENCE_S + 60)).isoformat()
    lists: dict[str, Any] = {"listening": [], "codecs": [], "unconfined": [], "shortages": []}
    known = {"name": "engine-1", "started": seen, "seen": seen, "unavailable_codecs": {}}
    return {**lists, **known, "calls": 0, "max_calls": 100}


@pytest.mark.parametrize("path", ["/settings/", "/calls/"])
def test_a_page_whose_server_is_gone_says_so_in_place_of_what_it_knew(
    server: LiveServer, visit: NewPage, path: str
) -> None:
    server.do("node")

    def before(page: Page) -> None:
        page.clock.install()
        without_websocket(page)

    page = visit(path, live=False, before=before)
    pill = page.locator("#engine-pill")
    expect(pill).to_contain_text("engine up")
    page.route("**/*", lambda route: route.abort())
    page.clock.fast_forward(16_000)
    expect(pill).to_contain_text("nothing heard since")
    expect(pill).to_have_class(re.compile("pill-wait"))
    pill.click()
    expect(page.locator("#engine .pill-panel")).to_contain_text("asks again every 15 seconds")
    page.unroute("**/*")
    page.clock.fast_forward(31_000)
    expect(pill).to_contain_text("engine up")


def test_on_a_phone_five_places_are_in_the_bar_and_the_rest_behind_more(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/settings/", live=False, viewport={"width": 320, "height": 640})
    places = page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(places).to_have_text(["Overview", "Live", "Calls", "Rejected", "Phone"])
    more = page.get_by_role("button", name="More")
    for name in ("Overview", "Phone"):
        expect(places.filter(has_text=name)).to_be_in_viewport(ratio=1)
    expect(more).to_be_in_viewport(ratio=1)
    more.press("Enter")
    expect(places).to_have_count(12)
    expect(places.last).to_have_attribute("aria-current", "page")
    expect(places.last).to_be_in_viewport(ratio=1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Connections")).to_be_focused()
    page.keyboard.press("Escape")
    expect(places).to_have_count(5)
    expect(more).to_be_focused()
    more.click()
    page.locator("h1").click()
    expect(places).to_have_count(5)
    more.click()
    page.get_by_role("link", name="Trunks").click()
    expect(page.locator("h1")).to_have_text("Trunks")
