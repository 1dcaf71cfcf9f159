"""Live on a phone: rows of every call equally high, and a lost connection that moves nothing."""

import re

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.chromium import LiveServer
from tests.browser.windows import NewPage, browser, cookies, row, server, visit
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "server", "visit"]
NOT_ALLOWED = 4403
PHONE = {"width": 390, "height": 844}
IS_TOO_WIDE = "element => element.scrollWidth > element.clientWidth"
TOP = "element => element.getBoundingClientRect().top"


def test_calls_of_every_kind_are_equally_high(server: LiveServer, visit: NewPage) -> None:
    page = visit("/calls/", viewport=PHONE)
    calls = [demo.ringing(), demo.call(), demo.ended(demo.ringing(), demo.NO_CODEC)]
    for call in calls:
        server.do("publish", call=call)
        expect(row(page, call)).to_be_visible()
    # Without its border, which the last of them has not.
    heights = {row(page, call).evaluate("row => row.clientHeight") for call in calls}
    assert len(heights) == 1, heights


def test_when_a_call_of_another_day_began_keeps_to_its_column(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/")
    call = demo.call(ago_s=48 * 3600.0)
    server.do("publish", call=call)
    began = row(page, call).locator("td.c-time:last-child")
    expect(began).to_be_visible()
    for width in (1080, 1279, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert not began.evaluate(IS_TOO_WIDE), width


@pytest.mark.parametrize("place", ["/calls/", "/trunks/", "a call"])
def test_what_is_said_of_a_lost_connection_moves_nothing(
    server: LiveServer, visit: NewPage, place: str
) -> None:
    sockets: list[WebSocketRoute] = []

    def keep(page: Page) -> None:
        page.route_web_socket(re.compile("/ws/"), lambda socket: sockets.append(socket))

    is_call = place == "a call"
    path = f"/calls/{server.do('store', call=demo.call())}/" if is_call else place
    page = visit(path, viewport=PHONE, before=keep)
    below = page.locator("#call-page" if is_call else "#live")
    before = below.evaluate(TOP)
    # As if one may not watch any more: it does not come back while it is looked at.
    sockets[0].close(code=NOT_ALLOWED)
    expect(page.locator("#live-state")).to_contain_text("live connection lost: asking every")
    assert below.evaluate(TOP) == before


def test_an_open_transfer_moves_no_button(server: LiveServer, visit: NewPage) -> None:
    """Where "Transfer" was pressed, "Hang up" would be pressed with the second tap."""
    page = visit(f"/calls/{server.do('store', call=demo.call())}/", viewport=PHONE)
    hang_up = page.get_by_role("button", name="Hang up")
    before = hang_up.bounding_box()
    page.locator("#transfer-summary").click()
    expect(page.locator("#transfer-button")).to_be_visible()
    assert hang_up.bounding_box() == before
