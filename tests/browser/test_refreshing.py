"""Parts of pages that are read anew by themselves while a person filters, types or is there."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Page, Route, WebSocketRoute, expect

from callengine.core.lab import LabCase
from tests.browser.chromium import LiveServer
from tests.browser.crossing import FAR, Held, comes
from tests.browser.settling import settle
from tests.browser.windows import NewPage, browser, comes_true, cookies, visit, without_websocket
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "visit"]
LISTS = {"/trunks/": "carrier-one", "/connections/": "alice"}
"Lists that are asked for by themselves, and what one row alone of each has."
TOLD = "fetch(location.href, { method: 'HEAD' }).then(() => 0)"
"Over once the scripts of the page have been told of what came before."


MOVE_NOT = """
for (const kind of [Element, Document, DocumentFragment]) delete kind.prototype.moveBefore;
"""
COUNT_STRIPS = """() => {
  window.strips = [];
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    if (target.id === "lab-strip") strips.push(document.querySelectorAll("#lab-strip").length);
  });
}"""
NOTE_SWAPS = """() => {
  window.swapped = false;
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    window.swapped ||= target.id !== "engine";
  });
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has trunks and connections."""
    with LiveServer() as running:
        running.do("rows")
        yield running


class Slow:
    """Filtered lists: read at once, given to the page when the test says so."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        "What was asked for besides."
        self._held: list[tuple[Route, APIResponse]] = []
        self._holds = True
        page.route(re.compile(r"/(trunks|connections)/(\?.*)?$"), self._take)

    def _take(self, route: Route) -> None:
        if "hx-request" not in route.request.headers:
            route.continue_()
        elif self._holds and "q=" in route.request.url:
            self._held.append((route, route.fetch()))
        else:
            # As if something had changed; answered before whatever the page asks for later.
            asked = {**route.request.headers, "shown": ""}
            route.fulfill(response=route.fetch(headers=asked))
            self.asked.append(route.request.url)

    @property
    def holds(self) -> bool:
        return bool(self._held)

    def arrive(self) -> None:
        self._holds = False
        for route, answer in self._held:
            route.fulfill(response=answer)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_not_read_anew_under_an_answer_that_somebody_waits_for(
    visit: NewPage, path: str
) -> None:
    """Of trunks as the websocket comes back, of connections every few seconds."""
    slow: list[Slow] = []
    sockets: list[WebSocketRoute] = []

    def keep(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    def before(page: Page) -> None:
        page.clock.install()
        page.route_web_socket("/ws/**", keep)
        slow.append(Slow(page))

    page = visit(path, live=path == "/trunks/", before=before)
    page.locator("form.filters input[name=q]").fill(LISTS[path])
    page.clock.run_for(400)
    comes(page, lambda: slow[0].holds, "the filtered list")
    if path == "/trunks/":
        sockets[0].close(code=1001)
        comes(page, lambda: len(sockets) > 1, "another websocket")
        page.locator("#live-state[data-state=open]").wait_for()
    page.clock.run_for(6000)
    page.evaluate(TOLD)
    slow[0].arrive()
    rows = page.locator("#listing tbody tr")
    expect(rows).to_have_count(1)
    page.clock.run_for(6000)
    comes(page, lambda: bool(slow[0].asked) and "q=" in slow[0].asked[-1], "the list, by itself")
    settle(page)
    expect(rows).to_have_count(1)
    expect(page.locator("[data-refresh-state], #live-state").first).not_to_contain_text("since")


def _is_read_anew(page: Page, what: str) -> None:
    page.evaluate(NOTE_SWAPS)
    comes(page, lambda: bool(page.evaluate("swapped")), what)


def test_a_link_keeps_the_focus_while_its_list_is_read_anew(visit: NewPage) -> None:
    page = visit("/trunks/", live=False, before=without_websocket)
    link = page.get_by_role("link", name="carrier-one")
    link.focus()
    _is_read_anew(page, "the list")
    expect(link).to_be_focused()
    sort = page.get_by_role("link", name="Gateways")
    sort.focus()
    _is_read_anew(page, "the list")
    expect(sort).to_be_focused()


def test_what_is_typed_in_a_form_of_a_live_call_survives_a_lost_connection(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    call = demo.call()
    server.do("store", call=call)
    sockets: list[WebSocketRoute] = []

    def before(page: Page) -> None:
        def keep(socket: WebSocketRoute) -> None:
            sockets.append(socket)
            socket.connect_to_server()

        page.route_web_socket(re.compile("/ws/calls/"), keep)

    page = visit(f"/calls/{call['id']}/", before=before)
    page.locator("#packets-tab").click()
    minutes, whole = page.get_by_label("At most minutes"), page.get_by_label("Record what is said")
    minutes.fill("7")
    whole.check()
    sockets[0].close(code=1001)
    _is_read_anew(page, "the call")
    expect(minutes).to_have_value("7")
    expect(whole).to_be_checked()


@pytest.mark.parametrize("browsers", ["that move", "that do not"])
def test_what_a_script_has_made_of_a_field_works_once_its_call_is_read_anew(
    server: LiveServer, visit: NewPage, browsers: str
) -> None:
    """Some have no `moveBefore`: htmx keeps by another way what is to stay."""

    def before(page: Page) -> None:
        without_websocket(page)
        if browsers == "that do not":
            page.add_init_script(MOVE_NOT)

    server.do("node", seen=FAR)
    call = demo.call()
    server.do("store", call=call)
    page = visit(f"/calls/{call['id']}/", live=False, before=before)
    page.locator("#transfer-summary").click()
    _is_read_anew(page, "the call")
    field = page.locator("#transfer").get_by_role("combobox")
    field.press_sequentially("a")
    names = page.get_by_role("option")
    expect(names.nth(1)).to_be_visible()
    # Made of it twice, it would go two further.
    field.press("ArrowDown")
    expect(names.first).to_have_attribute("aria-selected", "true")


def _lab_page(server: LiveServer, visit: NewPage) -> tuple[Page, dict[str, Any], WebSocketRoute]:
    """Open the page of a lab call that rings: it asks each second how the call went."""
    server.do("node", seen=FAR)
    call: Any = demo.call(source="lab:unknown", state="ringing", answered=None, legs=[])
    predicted = {"codec_a": None, "codec_b": None, "code": 488, "reason": "no-common-codec-caller"}
    case = LabCase("unknown", "free", ("OPUS",), ("PCMU",)).to_dict()
    plan = {"lab": {"case": case, "predicted": predicted, "by": "olga"}}
    server.do("store", call=call, plan=plan)
    sockets: list[WebSocketRoute] = []

    def keep(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    def before(page: Page) -> None:
        page.route_web_socket(re.compile("/ws/calls/"), keep)

    page = visit(f"/calls/{call['id']}/", before=before)
    expect(page.locator("#lab-strip")).to_contain_text("Waiting for the phones")
    return page, call, sockets[0]


def _ends(server: LiveServer, call: dict[str, Any], socket: WebSocketRoute, page: Page) -> None:
    """End a call, and have its page read anew as its websocket is gone."""
    end = demo.end("engine", "no-common-codec-caller", 488, "Add OPUS.")
    server.do("end", call=demo.ended(call, end))
    socket.close(code=1001)
    expect(page.locator("#lab-strip")).to_contain_text("As predicted")


def test_a_part_that_stops_asking_as_its_page_is_read_anew_is_there_once(
    server: LiveServer, visit: NewPage
) -> None:
    """It had asked, and its page was read anew, before the answer came."""
    page, call, socket = _lab_page(server, visit)
    # From now on: a page that waits for an answer is not at rest.
    outcome = Held(page, "/lab/calls/")
    outcome.is_read()
    _ends(server, call, socket, page)
    page.evaluate(COUNT_STRIPS)
    outcome.arrive()
    comes_true(page, "strips.length")
    assert page.evaluate("strips[0]") == 1


def test_what_no_longer_asks_asks_no_more_before_its_page_is_settled(
    server: LiveServer, visit: NewPage
) -> None:
    """Its answer had taken the place of the whole page: where it goes is said no more either."""
    page, call, socket = _lab_page(server, visit)
    page.evaluate("htmx.config.defaultSettleDelay = 2500")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    _ends(server, call, socket, page)
    asked.clear()
    page.wait_for_timeout(2000)
    assert not [url for url in asked if "/lab/calls/" in url]
    expect(page.locator("#call-legs")).to_have_count(1)
