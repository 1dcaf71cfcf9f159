"""What somebody has selected, as to copy it, stays selected while the page reads itself anew."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chromium import LiveServer
from tests.browser.crossing import FAR, comes
from tests.browser.windows import NewPage, browser, cookies, row, visit, without_websocket
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "visit"]
SELECT = """
(element) => {
  const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
  // From its end: which way somebody drew it is kept, too.
  getSelection().setBaseAndExtent(text, text.length, text, 1);
  return String(getSelection());
}
"""
SELECTED = "String(getSelection())"
BODY = '<tbody role="rowgroup">'
NEWCOMER = f'{BODY}<tr role="row" id="row-999"><td role="cell">A newcomer</td></tr>'
TURNED = """
() => {
  const list = document.querySelector("#listing tbody");
  const other = list.cloneNode(true);
  other.append(...Array.from(other.children).reverse());
  anew.fill(list, other);
  return list.lastElementChild.textContent;
}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has trunks and connections."""
    with LiveServer() as running:
        running.do("rows")
        yield running


class Changing:
    """The lists that a page asks for by itself: from `begin` on one text of them is another."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, old
        self._then = new

    def __call__(self, page: Page) -> None:
        self._page = page
        page.clock.install()
        without_websocket(page)
        page.route(lambda url: not url.endswith((".js", "/engine/")), self._answer)

    def _answer(self, route: Route) -> None:
        if "hx-request" not in route.request.headers:
            route.continue_()
            return
        asked = {**route.request.headers, "shown": "", "if-none-match": ""}
        answer = route.fetch(headers=asked)
        route.fulfill(response=answer, body=answer.text().replace(self._old, self._new))

    def begin(self) -> None:
        """Let time go by until the page shows it."""
        expect(self._page.get_by_text("A newcomer")).to_have_count(0)
        self._new = self._then
        comes(self._page, self._is_shown, self._then)

    def _is_shown(self) -> bool:
        self._page.clock.run_for(500)
        return self._page.get_by_text("A newcomer").first.is_visible()


@pytest.mark.parametrize(
    ("path", "what", "old", "new"),
    [
        ("/trunks/", "#listing tbody tr:last-child .address", BODY, NEWCOMER),
        ("/trunks/", "#listing tbody tr:last-child .badge", BODY, NEWCOMER),
        ("/connections/", "#listing tbody tr:last-child a.main", BODY, NEWCOMER),
        ("/connections/", "#row-1 time", BODY, NEWCOMER),
        (
            "/connections/1/?tab=registrations",
            "#registrations tbody .mono",
            "Contact",
            "A newcomer",
        ),
        ("/", "#overview .why >> nth=-1", "Answer rate", "A newcomer"),
        ("/", "#overview time >> nth=-1", "Answer rate", "A newcomer"),
    ],
    ids=["address", "state", "name", "time", "registration", "reason", "when"],
)
def test_selected_text_stays_selected_while_something_else_changes(
    visit: NewPage, path: str, what: str, old: str, new: str
) -> None:
    changing = Changing(old, new)
    page = visit(path, live=False, before=changing)
    before = page.locator(what).first.evaluate(SELECT)
    assert before
    changing.begin()
    assert page.evaluate(SELECTED) == before


def test_what_no_longer_says_what_was_selected_is_not_selected(visit: NewPage) -> None:
    changing = Changing("carrier-one", "A newcomer")
    page = visit("/trunks/", live=False, before=changing)
    assert page.locator("#listing").get_by_text("carrier-one").evaluate(SELECT) == "arrier-one"
    changing.begin()
    assert page.evaluate(SELECTED) == ""


def test_selected_text_goes_where_its_row_goes(visit: NewPage) -> None:
    page = visit("/trunks/", live=False, before=without_websocket)
    for name in ("carrier-one", "carrier-two"):
        before = page.locator("#listing").get_by_text(name).evaluate(SELECT)
        first = page.locator("#listing tbody tr").first.text_content()
        assert page.evaluate(TURNED) == first
        assert page.evaluate(SELECTED) == before


def test_selected_text_of_a_live_call_stays_selected_while_another_comes(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    call, other = demo.call(), demo.call()
    server.do("store", call=call)
    page = visit("/calls/", live=False, before=without_websocket)
    before = row(page, call).locator(".who").first.evaluate(SELECT)
    server.do("store", call=other)
    expect(row(page, other)).to_contain_text("Answered")
    assert page.evaluate(SELECTED) == before


def test_selected_text_of_a_leg_stays_selected_while_the_leg_changes(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node", seen=FAR)
    call = demo.call()
    server.do("store", call=call)
    page = visit(f"/calls/{call['id']}/")
    before = page.locator("#leg-A bdi").first.evaluate(SELECT)
    server.do("publish", call={**call, "state": "held"})
    expect(page.locator("#call-head")).to_contain_text("On hold")
    assert page.evaluate(SELECTED) == before
