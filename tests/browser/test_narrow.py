"""Room: tabs beyond the edge of a phone, numbers in columns, pages that ask on wide screens."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import LiveServer
from tests.browser.settling import arrive
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

BROKEN = """all => all.filter((who) => {
  const style = getComputedStyle(who);
  const lines = who.getBoundingClientRect().height / parseFloat(style.lineHeight);
  return lines > 1.5 || style.overflow == "hidden" && who.scrollWidth > who.clientWidth + 1;
}).map((who) => who.textContent)"""
"Names that take two lines, or of which the end is cut off."


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as running:
        store_all(running)
        yield running


@pytest.fixture(scope="module")
def context(browser: Browser, server: LiveServer) -> Iterator[BrowserContext]:
    context = signed_in(browser, server.url, viewport={"width": 390, "height": 844})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


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
    arrive(page, path)
    tab = page.locator(".tabs a[aria-current]")
    expect(tab).to_have_count(1)
    assert tab.evaluate(IN_SIGHT)


def test_a_tab_that_is_chosen_comes_in_sight_whole_and_the_page_stays(page: Page) -> None:
    arrive(page, PAGES["call"])
    for name in ("Share", "Details", "Timeline"):
        tab = page.locator("#call-tabs").get_by_role("link", name=name)
        tab.focus()
        page.keyboard.press("Enter")
        expect(tab).to_have_attribute("aria-current", "true")
        assert tab.evaluate(IN_SIGHT), name


def test_an_empty_strip_waits_for_no_audio_that_has_figures(page: Page) -> None:
    arrive(page, PAGES["call"])
    expect(page.locator("#quality-A dl")).to_be_visible()
    assert page.locator("#plots-A").evaluate(SAID) == '"Nothing drawn yet"'


@pytest.mark.parametrize("path", ["/calls/", "/history/", "/trunks/1/"])
def test_a_number_is_read_whole_on_one_line(page: Page, path: str) -> None:
    arrive(page, path)
    names = page.locator(".calls .who:visible")
    expect(names.first).to_be_visible()
    expect(names.filter(has_text=re.compile(r"^\s*\+12025550100\s*$")).first).to_be_visible()
    for width in (390, 960, 1080, 1279, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert names.evaluate_all(BROKEN) == [], width


@pytest.mark.parametrize(
    "name", [name for name in PAGES if name.endswith("-delete") and name != "agent-delete"]
)
def test_pages_that_ask_before_they_delete_are_alike(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    arrive(page, PAGES[name])
    actions = page.locator("main .form-actions")
    expect(actions).to_be_visible()
    told = page.locator("main .form").first.bounding_box()
    assert told is not None
    assert told["width"] <= 640
    words = [text.strip() for text in actions.locator(".button").all_inner_texts()]
    if len(words) == 2:
        assert words[1] == "Keep it"
        assert words[0].startswith("Delete ")
    else:
        assert words[0].startswith("Back to ")
    assert " ." not in page.locator("main").evaluate("main => main.innerText")
