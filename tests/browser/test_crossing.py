"""An answer that was read before something happened and arrives after a page was told of it.

The answers are held back here, as a slow network or a busy server does: what a websocket has said
since stands.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.chromium import LiveServer
from tests.browser.crossing import FAR, Held, Told
from tests.browser.windows import NewPage, browser, cookies, visit
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "visit"]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has trunks, routes and numbers."""
    with LiveServer() as running:
        running.do("rows")
        yield running


@pytest.mark.parametrize("path", ["/settings/", "/", "/phone/", "/calls/", "/trunks/"])
def test_a_call_that_begins_while_a_page_comes_is_counted(
    server: LiveServer, visit: NewPage, path: str
) -> None:
    """After the page was made, before its websocket hears: it had said 0 until the next change."""
    server.do("node", seen=FAR)
    call = demo.call()

    def begins(socket: WebSocketRoute) -> None:
        if "/ws/phone/" not in socket.url:
            server.do("store", call=call)
            server.do("publish", call=call)
        socket.connect_to_server()

    page = visit(path, live=False, before=lambda page: page.route_web_socket("/ws/**", begins))
    expect(page.locator("#engine-pill")).to_contain_text("engine up, 1 call,")


@pytest.mark.parametrize("path", ["/settings/", "/", "/calls/"])
def test_no_answer_takes_back_the_count_of_calls(
    server: LiveServer, visit: NewPage, path: str
) -> None:
    server.do("node", seen=FAR)
    begun: dict[str, Any] = {}

    def before(page: Page) -> None:
        begun.update(pill=Held(page, "/engine/$"), told=Told(page))

    page = visit(path, live=False, before=before)
    begun["told"].hears("engine up, 0 calls")
    server.do("publish", call=demo.call())
    pill = page.locator("#engine-pill")
    expect(pill).to_contain_text("engine up, 1 call,")
    begun["pill"].arrive()
    expect(pill).to_contain_text("engine up, 1 call,")


def test_what_was_asked_without_a_websocket_arrives_when_there_is_one(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    server.do("gateway heard", trunk=1, is_up=True, said="200 OK")
    blocked, told = [True], []

    def way(socket: WebSocketRoute) -> None:
        if blocked[0]:
            socket.close(code=1008)
        else:
            socket.connect_to_server()

    def before(page: Page) -> None:
        page.clock.install()
        page.route_web_socket("/ws/**", way)
        told.append(Told(page))

    page = visit("/routes/1/", live=False, before=before)
    state, pill = page.locator("[data-trunk-state='1']"), page.locator("#engine-pill")
    expect(state).to_have_text("Ready")
    answers = [Held(page, "/engine/$"), Held(page, r"/trunks/states/\?")]
    page.clock.fast_forward(16_000)
    for answer in answers:
        answer.is_read()
    blocked[0] = False
    page.clock.fast_forward(31_000)
    told[0].hears("engine up, 0 calls")
    server.do("gateway heard", trunk=1, is_up=False, said="no answer")
    server.do("publish", call=demo.call())
    expect(state).to_have_text("Some gateways down")
    expect(pill).to_contain_text("engine up, 1 call,")
    for answer in answers:
        answer.arrive()
    expect(state).to_have_text("Some gateways down")
    expect(pill).to_contain_text("engine up, 1 call,")


@pytest.mark.parametrize("path", ["/trunks/", "/numbers/"])
def test_a_list_that_was_asked_for_before_shows_a_trunk_as_it_was_told_since(
    server: LiveServer, visit: NewPage, path: str
) -> None:
    server.do("node", seen=FAR)
    server.do("gateway heard", trunk=1, is_up=True, said="200 OK")
    told: list[Told] = []
    page = visit(path, live=path == "/trunks/", before=lambda page: told.append(Told(page)))
    told[0].hears("engine up")
    state = page.locator("[data-trunk-state='1']").first
    expect(state).to_have_text("Ready")
    listing = Held(page, r"\?.*q=")
    page.locator("form.filters input[name=q]").fill("1" if path == "/numbers/" else "carrier-one")
    listing.is_read()
    server.do("gateway heard", trunk=1, is_up=False, said="no answer")
    expect(state).to_have_text("Some gateways down")
    listing.arrive()
    expect(page.locator("#listing [data-trunk-state='1']").first).to_have_text("Some gateways down")


def test_the_overview_asked_before_a_call_counts_it(server: LiveServer, visit: NewPage) -> None:
    server.do("node", seen=FAR)
    held: list[Held] = []
    page = visit("/", live=False, rests=False, before=lambda page: held.append(Held(page, "/$")))
    held[0].is_read()
    server.do("publish", call=demo.call())
    count, engine = page.locator("#to-live"), page.locator("#node-calls-engine-1")
    expect(count).to_have_text("1")
    expect(engine).to_have_text("1 of at most 100")
    held[0].arrive()
    expect(count).to_have_text("1")
    expect(engine).to_have_text("1 of at most 100")


def test_a_call_that_is_over_is_not_being_hung_up(server: LiveServer, visit: NewPage) -> None:
    """The answer that the engine was told had come after the end."""
    call = demo.call()
    server.do("store", call=call)
    told: list[Told] = []
    page = visit(f"/calls/{call['id']}/", before=lambda page: told.append(Told(page)))
    page.on("dialog", lambda dialog: dialog.accept())
    answer = Held(page, "/hang-up/$", "POST")
    page.get_by_role("button", name="Hang up").click()
    answer.is_read()
    ended = demo.ended(call, demo.HUNG_UP)
    server.do("end", call=ended)
    server.do("publish", call=ended)
    told[0].hears("Ended by the caller")
    answer.arrive()
    expect(page.locator("#live-state")).to_have_text("ended")
    expect(page.locator("#hang-up")).to_be_empty()
