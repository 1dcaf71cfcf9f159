"""Pages in the reader's own colours: what is drawn by colour alone is still there."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import LiveServer
from tests.browser.settling import arrive
from tests.browser.states import store_all
from tests.browser.test_site import signed_in
from tests.browser.windows import browser

__all__ = ["browser"]
CLEAR = "rgba(0, 0, 0, 0)"
DRAWN = """lanes => {
    const arrow = lanes.querySelector(".message-arrow"), head = getComputedStyle(arrow, "::after");
    return {
        lines: getComputedStyle(lanes).backgroundImage,
        line: getComputedStyle(arrow, "::before").borderTopColor,
        edges: ["top", "right", "bottom", "left"].map(edge => head[`border-${edge}-color`]),
    };
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as running:
        yield running


def test_the_ladder_keeps_its_lifelines_and_the_heads_of_its_arrows(
    server: LiveServer, browser: Browser
) -> None:
    path = store_all(server)["transcoding"] + "#ladder-part"
    context = signed_in(browser, server.url, forced_colors="active")
    page = context.new_page()
    arrive(page, path)
    lanes = page.locator("#ladder-part .message-lanes").first
    expect(lanes).to_be_visible()
    drawn = lanes.evaluate(DRAWN)
    assert "linear-gradient" in drawn["lines"]
    assert drawn["line"] != CLEAR
    assert sorted(set(drawn["edges"])) == sorted({CLEAR, drawn["line"]})
    context.close()
