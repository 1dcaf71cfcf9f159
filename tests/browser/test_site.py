"""Every page in a real browser: within its budget, without errors, usable by everybody."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import shifts
from tests.browser.chromium import PASSWORD, PATIENCE_MS, LiveServer
from tests.browser.pages import PAGES
from tests.browser.settling import arrive, settle
from tests.browser.windows import browser

__all__ = ["browser"]
NO_PAGE = "/static/css/tokens.css"
"Text of the same server: an empty page is no page of its, and costs a process."
FIRST_PAGE_BYTES = 300_000
LAYOUT_SHIFT = 0.02
"Cumulative layout shift; up to 0.1 counts as good elsewhere."
SERIOUS = ("serious", "critical")
VIOLATIONS = """
() => axe.run({resultTypes: ["violations"]}).then(({violations}) => violations.map(
  ({id, impact, nodes}) => [id, impact, nodes[0].html.slice(0, 200)]
))
"""
"What is looked at of what axe finds: all of it takes a third longer to tell than to find."


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        server.do("rows")
        yield server


def signed_in(browser: Browser, url: str, **options: Any) -> BrowserContext:
    context = browser.new_context(base_url=url, **options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    arrive(page, "/accounts/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", PASSWORD)
    page.click("button.primary")
    # Closed on its way to another address, a page of Chromium's may never say that it is.
    page.wait_for_url(f"{url}/")
    page.close()
    return context


@pytest.fixture(scope="module")
def narrow(browser: Browser, server: LiveServer) -> Iterator[Page]:
    """Return the one window that goes to page after page: to open one costs as much as a page."""
    size = {"width": 390, "height": 844}
    context = signed_in(browser, server.url, viewport=size, color_scheme="dark", bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def wide_window(browser: Browser, server: LiveServer) -> Iterator[Page]:
    """Return a window that keeps to the Content-Security-Policy."""
    size = {"width": 1280, "height": 900}
    context = signed_in(browser, server.url, viewport=size, color_scheme="light")
    context.add_init_script(shifts.FROM_THE_START)
    yield context.new_page()
    context.close()


@pytest.fixture
def wide(wide_window: Page) -> Iterator["Watched"]:
    """Return the wide window, empty; what the page of one test says is none of the next."""
    watched = Watched(wide_window)
    yield watched
    watched.leave()


class Watched:
    """A window, what its consoles complain of and what it asks of others than its server."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.asked: list[str] = []
        self._watches: dict[str, Any] = {
            "console": self._console,
            "pageerror": lambda error: self.errors.append(str(error)),
            "request": lambda request: self.asked.append(request.url),
        }
        for event, watch in self._watches.items():
            page.on(event, watch)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def foreign(self, home: str) -> list[str]:
        return [url for url in self.asked if not url.startswith((home, "data:"))]

    def leave(self) -> None:
        """Stop to watch, and leave the page."""
        for event, watch in self._watches.items():
            self.page.remove_listener(event, watch)
        arrive(self.page, NO_PAGE)


def complaints(page: Page) -> list[str]:
    settle(page)
    page.evaluate(AXE_SCRIPT)
    violations = page.evaluate(VIOLATIONS)
    return [f"{name} ({impact}): {html}" for name, impact, html in violations if impact in SERIOUS]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_a_phone_has_no_serious_barrier_and_fits(
    narrow: Page, server: LiveServer, name: str
) -> None:
    server.do("node")
    arrive(narrow, PAGES[name])
    assert complaints(narrow) == []
    over = narrow.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert over <= 0, f"{name} is {over} px wider than a phone"


@pytest.mark.parametrize("name", PAGES)
def test_a_wide_page_has_no_error_stays_at_home_does_not_move_and_has_no_serious_barrier(
    wide: Watched, server: LiveServer, name: str
) -> None:
    page = wide.page
    server.do("node")
    arrive(page, PAGES[name])
    assert wide.errors == []
    assert wide.foreign(server.url) == []
    assert shifts.shifted(page) <= LAYOUT_SHIFT
    expect(page.locator("h1")).to_have_count(1)
    assert complaints(page) == []


def test_the_first_page_is_light(browser: Browser, server: LiveServer) -> None:
    context = signed_in(browser, server.url)
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    received: list[float] = []
    wire.on("Network.loadingFinished", lambda e: received.append(e["encodedDataLength"]))
    arrive(page, "/")
    page.wait_for_load_state("networkidle")  # What is counted is told of by another process.
    assert len(received) > 5
    assert sum(received) < FIRST_PAGE_BYTES
    context.close()
