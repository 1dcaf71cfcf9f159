"""What has no room on a phone: tabs beyond the edge, and what stands in place of a strip."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import LiveServer
from tests.browser.states import store_all
from tests.browser.test_site import PAGES, signed_in
from tests.browser.windows import browser

__all__ = ["browser"]
IN_SIGHT = """tab => {
  const at = tab.getBoundingClientRect();
  const row = tab.parentElement.getBoundingClientRect();
  return at.left > row.left - 1 && at.right < Math.min(row.right, window.innerWidth) + 1;
}"""
SAID = "box => getComputedStyle(box.querySelector('.plot-canvas'), '::before').content"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as running:
        store_all(running)
        yield running


@pytest.fixture
def page(browser: Browser, server: LiveServer) -> Iterator[Page]:
    context = signed_in(browser, server.url, viewport={"width": 390, "height": 844})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    "path",
    [
        PAGES["call"] + "#details-part",
        "/connections/1/?tab=calls",
        "/connections/1/?tab=outbound",
        PAGES["trunk-permissions"],
        PAGES["agent-calls"],
    ],
)
def test_the_chosen_tab_is_in_sight(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    tab = page.locator(".tabs a[aria-current]")
    expect(tab).to_have_count(1)
    assert tab.evaluate(IN_SIGHT)


def test_a_tab_that_is_chosen_comes_in_sight_whole_and_the_page_stays(page: Page) -> None:
    page.goto(PAGES["call"])
    for name in ("Share", "Details", "Timeline"):
        tab = page.locator("#call-tabs").get_by_role("link", name=name)
        tab.focus()
        page.keyboard.press("Enter")
        expect(tab).to_have_attribute("aria-current", "true")
        assert tab.evaluate(IN_SIGHT), name


def test_an_empty_strip_waits_for_no_audio_that_has_figures(page: Page) -> None:
    page.goto(PAGES["call"])
    expect(page.locator("#quality-A dl")).to_be_visible()
    assert page.locator("#plots-A").evaluate(SAID) == '"Nothing drawn yet"'
