"""Who aims, types or has marked something on a page that changes by itself is not led astray."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.chromium import LiveServer
from tests.browser.crossing import FAR, comes
from tests.browser.windows import NewPage, browser, cookies, row, visit
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "visit"]
RINGS = {"is": "rings", "name": "Alice", "caller": "alice", "call": ""}
GAVE_UP = {"is": "state", "state": "ended", "code": 487}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has trunks and connections."""
    with LiveServer() as running:
        running.do("rows")
        yield running


class Exchange:
    """The other end of the browser phone's websocket: what the page said, and what it hears."""

    def __init__(self, page: Page) -> None:
        self.said: list[Any] = []
        page.route_web_socket("/ws/phone/", self._take)

    def _take(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(lambda text: self.said.append(json.loads(text)))

    def tell(self, what: Any) -> None:
        self._socket.send(json.dumps(what))


@pytest.fixture
def phone(visit: NewPage) -> tuple[Page, Exchange]:
    """Open the browser phone with a clock that stands."""
    ends: list[Exchange] = []

    def before(page: Page) -> None:
        page.clock.install()
        ends.append(Exchange(page))

    page = visit("/phone/", live=False, before=before)
    expect(page.locator("#phone-server")).to_have_text("connected")
    page.clock.pause_at(timezone.now() + dt.timedelta(hours=1))
    return page, ends[0]


def test_a_call_that_comes_while_one_types_is_not_answered_by_the_next_key(
    phone: tuple[Page, Exchange],
) -> None:
    page, exchange = phone
    to = page.get_by_role("combobox", name="To", exact=True)
    to.press_sequentially("+1 202")
    exchange.tell(RINGS)
    expect(page.locator("#phone-state")).to_have_text("Somebody calls")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#phone-answer")).to_be_focused()
    assert exchange.said == []
    exchange.tell(GAVE_UP)
    expect(page.locator("#phone-again")).to_be_focused()
    page.keyboard.press("Enter")
    expect(to).to_be_focused()
    expect(to).to_have_value("+1 202")


def test_who_aims_at_answer_as_the_caller_gives_up_still_reads_why(
    phone: tuple[Page, Exchange],
) -> None:
    page, exchange = phone
    exchange.tell(RINGS)
    expect(page.locator("#phone-state")).to_have_text("Somebody calls")
    page.clock.run_for(1000)
    box = page.locator("#phone-answer").bounding_box()
    assert box is not None
    exchange.tell(GAVE_UP)
    done = page.locator("#phone-again")
    expect(done).to_be_visible()
    where = done.bounding_box()
    assert where is not None
    page.mouse.click(where["x"] + 8, where["y"] + 8)
    expect(page.locator("#phone-state")).to_have_text("Ended")
    expect(page.locator("#phone-said")).to_have_text("Hung up.")
    page.clock.run_for(1000)
    done.click()
    expect(page.locator("#phone-form")).to_be_visible()


def silent_call() -> Any:
    since = timezone.now() - dt.timedelta(seconds=7)
    quiet = demo.leg("A", quality=demo.silent(since, last=since))
    return demo.call(legs=[quiet, demo.leg("B", quality=demo.quality())])


def falls_silent(server: LiveServer) -> Any:
    call = silent_call()
    server.do("store", call=call)
    server.do("changed", call=call)
    server.do("publish", call=call)
    return call


def ends(server: LiveServer, call: Any) -> None:
    over = demo.ended(call, demo.HUNG_UP)
    server.do("end", call=over)
    server.do("publish", call=over)


@pytest.fixture
def trunk_is_down(server: LiveServer) -> None:
    server.do("node", seen=FAR)
    server.do("gateway heard", trunk=1, is_up=False, said="no answer")


def test_a_sentence_keeps_the_focus_of_its_button_as_another_comes_above_it(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    server.do("set up", certificate="/no/such/file", disk_full_percent=0.0)
    page = visit("/", live=False)
    button = page.locator(".concern", has_text="The disk of").get_by_role("link")
    button.focus()
    call = falls_silent(server)
    silent = page.locator(".concern", has_text="No audio arrives")
    expect(silent).to_be_visible()
    expect(button).to_be_focused()
    ends(server, call)
    expect(silent).to_have_count(0)
    expect(button).to_be_focused()


def test_a_sentence_does_not_come_between_a_button_and_who_moves_the_pointer_to_it(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    server.do("set up", certificate="/no/such/file", disk_full_percent=0.0)
    answers: list[str] = []

    def before(page: Page) -> None:
        page.clock.install()
        page.on("response", lambda answer: answers.append(answer.url))

    page = visit("/", live=False, before=before)
    page.clock.pause_at(timezone.now() + dt.timedelta(hours=1))
    button = page.locator(".concern", has_text="The disk of").get_by_role("link")
    button.hover()
    answers.clear()
    call = falls_silent(server)
    comes(page, lambda: any(url == f"{server.url}/" for url in answers), "the overview anew")
    silent = page.locator(".concern", has_text="No audio arrives")
    expect(silent).to_have_count(0)
    page.clock.run_for(1500)
    expect(silent).to_be_visible()
    ends(server, call)


def test_the_time_cursor_and_the_focus_stay_while_the_call_changes(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    call = demo.call()
    server.do("store", call=call)
    server.do("history", call=call["id"], histories={"A": demo.history(20), "B": demo.history(20)})
    sockets: list[WebSocketRoute] = []

    def before(page: Page) -> None:
        def keep(socket: WebSocketRoute) -> None:
            sockets.append(socket)
            socket.connect_to_server()

        page.route_web_socket("/ws/calls/**", keep)

    page = visit(f"/calls/{call['id']}/", before=before)
    line = page.locator("#timeline li").nth(1)
    line.click()
    marked = page.locator("#timeline .at-cursor")
    expect(marked).to_have_id(str(line.get_attribute("id")))
    size = page.locator("#plot-size-A")
    size.focus()
    server.do("publish", call={**call, "state": "held"})
    expect(page.locator("#call-head")).to_contain_text("On hold")
    expect(marked).to_have_id(str(line.get_attribute("id")))
    expect(size).to_be_focused()
    other = {**call, "taken_by": "connection:bob"}
    server.do("changed", call=other)
    sockets[0].close(code=1001)
    expect(page.locator("#call-facts")).to_contain_text("Taken by")
    expect(marked).to_have_id(str(line.get_attribute("id")))
    expect(size).to_be_focused()


def test_rows_in_order_of_their_sound_stay_while_somebody_points_at_them(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/")
    page.get_by_label("Order").select_option("mos")
    calls = [demo.call() for _ in range(2)]
    for call in calls:
        server.do("publish", call=call)
        expect(row(page, call)).to_be_visible()
    rows = page.locator("#live-calls tr")

    def measured(worse: Any, better: Any) -> None:
        figures = {worse["id"]: {"A": [2.1, 9.0]}, better["id"]: {"A": [4.3, 0.1]}}
        server.do("measured", calls=figures)
        expect(row(page, worse)).to_contain_text("2.1")
        expect(row(page, better)).to_contain_text("4.3")

    measured(calls[0], calls[1])
    first, second = (f"live-{call['id'].replace('-', '')}" for call in calls)
    expect(rows.first).to_have_id(first)
    rows.last.hover()
    measured(calls[1], calls[0])
    expect(rows.first).to_have_id(first)
    page.mouse.move(1, 1)
    expect(rows.first).to_have_id(second)


def test_a_row_that_a_filter_no_longer_fits_stays_while_it_has_the_focus(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/")
    page.get_by_label("State").select_option("Ringing")
    call = demo.ringing()
    server.do("publish", call=call)
    link = row(page, call).get_by_role("link")
    link.focus()
    server.do("publish", call={**call, "state": "held"})
    expect(row(page, call)).to_contain_text("On hold")
    expect(link).to_be_focused()
    expect(link).to_be_visible()
    page.get_by_label("State").focus()
    server.do("publish", call={**call, "state": "answered"})
    expect(row(page, call)).to_be_hidden()
