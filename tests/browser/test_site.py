"""Every page in a real browser: within its budget, without errors, usable by everybody."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import PASSWORD, PATIENCE_MS, LiveServer
from tests.browser.windows import browser
from tests.dashboard.addresses import ALL
from tests.dashboard.rows import AGENT_CALL

__all__ = ["browser"]
NOT_PAGES = {
    *("engine", "codec-meaning", "call-quality", "rejections-each"),
    *("capture-file", "lab-hear-audio"),
}
"Addresses that answer with a part of a page, or with a file."
PARTS = ("-fragment", "-export", "-data", "-state", "-options", "-usage", "-standing")
"What is no page but part of one, or a file."
PAGES = {
    address.name: address.path
    for address in ALL
    if address.access
    and address.access.get
    and address.name not in NOT_PAGES
    and not address.name.endswith(PARTS)
}
PAGES["call-agent"] = f"/calls/{AGENT_CALL}/"
FIRST_PAGE_BYTES = 300_000
LAYOUT_SHIFT = 0.02
"Cumulative layout shift; up to 0.1 counts as good elsewhere."
SERIOUS = ("serious", "critical")

WATCH_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        server.do("rows")
        yield server


def signed_in(browser: Browser, url: str, **options: Any) -> BrowserContext:
    context = browser.new_context(base_url=url, **options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", PASSWORD)
    page.click("button.primary")
    # Closed on its way to another address, a page of Chromium's may never say that it is.
    page.wait_for_url(f"{url}/")
    page.close()
    return context


@pytest.fixture(scope="module")
def narrow(browser: Browser, server: LiveServer) -> Iterator[BrowserContext]:
    size = {"width": 390, "height": 844}
    context = signed_in(browser, server.url, viewport=size, color_scheme="dark", bypass_csp=True)
    yield context
    context.close()


@pytest.fixture(scope="module")
def wide(browser: Browser, server: LiveServer) -> Iterator[BrowserContext]:
    """Return a browser that keeps to the Content-Security-Policy."""
    size = {"width": 1280, "height": 900}
    context = signed_in(browser, server.url, viewport=size, color_scheme="light")
    context.add_init_script(WATCH_SHIFTS)
    yield context
    context.close()


def test_the_pages_of_the_rail_are_looked_at() -> None:
    assert {"calls", "call", "settings", "users"} <= PAGES.keys()


def complaints(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{found['id']} ({found['impact']}): {found['nodes'][0]['html'][:200]}"
        for found in violations
        if found["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_a_phone_has_no_serious_barrier_and_fits(
    narrow: BrowserContext, server: LiveServer, name: str
) -> None:
    page = narrow.new_page()
    server.do("node")
    page.goto(PAGES[name])
    assert complaints(page) == []
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert over <= 0, f"{name} is {over} px wider than a phone"
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_wide_page_has_no_error_stays_at_home_does_not_move_and_has_no_serious_barrier(
    wide: BrowserContext, server: LiveServer, name: str
) -> None:
    page = wide.new_page()
    server.do("node")
    errors: list[str] = []
    foreign: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request",
        lambda r: None if r.url.startswith((server.url, "data:")) else foreign.append(r.url),
    )
    page.goto(PAGES[name])
    page.wait_for_load_state("networkidle")
    assert errors == []
    assert foreign == []
    assert page.evaluate("window.shifts") <= LAYOUT_SHIFT
    assert page.locator("h1").count() == 1
    assert complaints(page) == []
    page.close()


def test_the_first_page_is_light(browser: Browser, server: LiveServer) -> None:
    context = signed_in(browser, server.url)
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    received: list[float] = []
    wire.on("Network.loadingFinished", lambda e: received.append(e["encodedDataLength"]))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert len(received) > 5
    assert sum(received) < FIRST_PAGE_BYTES
    context.close()
