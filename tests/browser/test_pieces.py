"""Pages that come in pieces, as over a slow line: they are shown whole or not at all."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import shifts
from tests.browser.chromium import LiveServer
from tests.browser.piecemeal import piecemeal
from tests.browser.settling import arrive
from tests.browser.test_site import PAGES, signed_in
from tests.browser.windows import browser

__all__ = ["browser"]
CROWDED = ["overview", "audit-log", "call-agent"]
"Pages whose first parts have the more room the less has come of what stands beside them."
AN_ICON_BY_A_PIXEL = 0.001
"On a busy machine a drawing moved by 0.00005 once in 14 times; parts without their place, by 0.08."


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        server.do("rows")
        server.do("node")
        yield server


@pytest.fixture(scope="module")
def page(browser: Browser, server: LiveServer) -> Iterator[Page]:
    with piecemeal(server.url) as url:
        context = signed_in(browser, url, viewport={"width": 1280, "height": 900})
        context.add_init_script(shifts.FROM_THE_START)
        yield context.new_page()
        context.close()


@pytest.mark.parametrize("name", CROWDED)
def test_nothing_is_painted_where_it_will_not_stay(page: Page, name: str) -> None:
    arrive(page, PAGES[name])
    assert shifts.shifted(page) < AN_ICON_BY_A_PIXEL, shifts.moved(page)


def test_a_part_of_a_call_that_a_link_names_is_painted_where_it_stays(page: Page) -> None:
    arrive(page, f"{PAGES['call-agent']}#details-part")
    expect(page.locator("#details-part")).to_be_visible()
    assert shifts.shifted(page) < AN_ICON_BY_A_PIXEL, shifts.moved(page)
