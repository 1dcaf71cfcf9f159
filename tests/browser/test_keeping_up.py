"""Live pages whose websocket is late, lost, refused or taken away, in a real Chromium."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, Response, Route, WebSocketRoute, expect

from dashboard.live.feed import TICK_S, TRY_AGAIN_LATER
from dashboard.live.outbox import PATIENCE_S
from dashboard.live.places import TOO_MANY
from tests.browser.chromium import LiveServer
from tests.browser.settling import arrive, settle
from tests.browser.windows import (
    NewPage,
    browser,
    comes_true,
    cookies,
    row,
    server,
    sign_in,
    visit,
    without_websocket,
)
from tests.dashboard.live import demo

NOTE_STATES = """() => {
  const state = document.getElementById("live-state");
  window.states = [];
  const note = () => window.states.push(state.textContent);
  new MutationObserver(note).observe(state, { childList: true });
}"""
"Each state is kept, also one that is over before somebody looks."
NO_PAGE = "/static/css/tokens.css"
"Text of the same server, which has no websocket of its own."
READ_ANEW = """([gone, comes]) => {
  const list = document.getElementById("live-calls");
  const fresh = list.cloneNode(true);
  fresh.append(...Array.from(fresh.children).reverse());
  const row = fresh.querySelector("#" + gone);
  if (comes) fresh.prepend(Object.assign(row.cloneNode(true), { id: comes }));
  row.remove();
  anew.fill(list, fresh);
}"""
"The list is read as the server tells it, newest first, without one call and with another."
__all__ = ["browser", "cookies", "server", "visit"]


def test_what_happened_before_the_websocket_opened_is_not_lost(
    server: LiveServer, visit: NewPage
) -> None:
    """The call is stored after the page was rendered and published before its socket is open."""
    call = demo.call()

    def hold(page: Page) -> None:
        def route(socket: WebSocketRoute) -> None:
            server.do("store", call=call)
            server.do("publish", call=call)
            socket.connect_to_server()

        page.route_web_socket(re.compile("/ws/"), route)

    page = visit("/calls/", before=hold)
    expect(row(page, call)).to_contain_text("Answered")


def test_without_a_websocket_the_page_asks_and_says_so(server: LiveServer, visit: NewPage) -> None:
    page = visit("/calls/", live=False, before=without_websocket)
    expect(page.locator("#live-state")).to_contain_text("asking every 2 seconds")
    call = demo.call()
    server.do("store", call=call)
    expect(row(page, call)).to_contain_text("Answered")
    server.do("end", call=demo.ended(call, demo.HUNG_UP))
    expect(row(page, call)).to_contain_text("Completed")


def test_a_list_that_is_read_anew_moves_none_of_its_rows(
    server: LiveServer, visit: NewPage
) -> None:
    """The server tells the newest first; on the page each call keeps the place it has."""
    page = visit("/calls/", live=False, before=without_websocket)
    calls = [demo.call() for _ in range(3)]
    for call in calls[:2]:
        server.do("store", call=call)
        expect(row(page, call)).to_contain_text("Answered")
    first, middle, last = (row(page, call) for call in calls)
    before = [first.bounding_box(), middle.bounding_box()]
    server.do("store", call=calls[2])
    expect(last).to_contain_text("Answered")
    assert [first.bounding_box(), middle.bounding_box()] == before
    expect(page.locator("#live-calls > tr").last).to_have_id(last.get_attribute("id"))
    assert page.said == []  # type: ignore[attr-defined]


def test_a_place_that_is_free_once_all_is_read_anew_is_taken_by_a_new_call(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/")
    calls = [demo.call() for _ in range(3)]
    for call in calls:
        server.do("publish", call=call)
        expect(row(page, call)).to_contain_text("Answered")
    first, middle, last = (row(page, call) for call in calls)
    before = [first.bounding_box(), middle.bounding_box(), last.bounding_box()]
    page.evaluate(READ_ANEW, [middle.get_attribute("id"), "live-newcomer"])
    expect(middle).to_have_count(0)
    newcomer = page.locator("#live-newcomer")
    assert [first.bounding_box(), newcomer.bounding_box(), last.bounding_box()] == before
    first.hover()
    page.evaluate(READ_ANEW, [last.get_attribute("id"), ""])
    expect(last).to_have_attribute("data-leaving", "")  # somebody points at the list
    page.mouse.move(1, 1)
    expect(last).to_have_count(0)
    assert [first.bounding_box(), newcomer.bounding_box()] == before[:2]
    assert page.said == []  # type: ignore[attr-defined]


def test_when_the_websocket_comes_back_the_page_is_live_again(visit: NewPage) -> None:
    sockets: list[WebSocketRoute] = []

    def route(page: Page) -> None:
        def keep(socket: WebSocketRoute) -> None:
            sockets.append(socket)
            socket.connect_to_server()

        page.route_web_socket(re.compile("/ws/"), keep)

    page = visit("/calls/", before=route)
    sockets[0].close(code=1001)
    expect(page.locator("#live-state")).to_contain_text("asking every 2 seconds")
    expect(page.locator("#live-state")).to_have_text("live")
    assert len(sockets) == 2


def test_a_page_for_which_there_is_no_place_asks_and_says_why(visit: NewPage) -> None:
    sockets: list[WebSocketRoute] = []

    def route(page: Page) -> None:
        page.clock.install()
        page.route_web_socket(re.compile("/ws/"), lambda socket: sockets.append(socket))

    page = visit("/calls/", before=route)
    sockets[0].close(code=TOO_MANY)
    state = page.locator("#live-state")
    expect(state).to_have_text(
        "too many live pages are open, close some and reload: asking every 2 seconds"
    )
    page.clock.fast_forward(60_000)
    settle(page)
    assert len(sockets) == 1, "it does not come back by itself"


def test_signing_out_ends_the_live_pages_of_other_windows_too(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/", user="", live=False)
    sign_in(page, "viewer")
    page.locator("#live-state[data-state=open]").wait_for()
    other = page.context.new_page()
    arrive(other, "/calls/")
    other.locator("#live-state[data-state=open]").wait_for()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title(re.compile("Sign"))
    expect(other).to_have_title(re.compile("Sign in"))


def test_who_is_deactivated_is_shown_the_door_at_once(server: LiveServer, visit: NewPage) -> None:
    page = visit("/calls/", user="leaver")
    server.do("deactivate", user="leaver")
    expect(page).to_have_title(re.compile("Sign in"))


def test_who_loses_the_permission_is_told_and_left_alone(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/", user="demoted", before=lambda page: page.clock.install())
    server.do("demote", user="demoted")
    expect(page.locator("#live-state")).to_contain_text("you may not watch this any more")
    server.do("publish", call=demo.call())
    before = asked_for_calls(page)
    page.clock.fast_forward(60_000)
    settle(page)
    assert asked_for_calls(page) == before
    expect(page.locator("#live-calls tr")).to_have_count(0)


def asked_for_calls(page: Page) -> list[str]:
    """Return what a page asked for, but for the engine's state, which all pages ask for."""
    return [url for url in page.asked if not url.endswith("/engine/")]  # type: ignore[attr-defined]


def test_a_window_that_shows_nothing_is_let_go_and_told_so(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit(NO_PAGE, live=False)
    server.do("patience", seconds=0.5, tick=0.2)
    try:
        page.evaluate(
            """() => {
                const socket = new WebSocket(`ws://${location.host}/ws/calls/`);
                socket.onclose = (event) => { window.ended = event.code; };
            }"""
        )
        for _ in range(100):
            # Whenever it opens, something is told that it shows nothing of.
            server.do("publish", call=demo.call())
            if page.evaluate("window.ended"):
                break
            page.wait_for_timeout(200)
        assert page.evaluate("window.ended") == TRY_AGAIN_LATER
    finally:
        server.do("patience", seconds=PATIENCE_S, tick=TICK_S)


def test_what_comes_while_the_page_is_being_read_anew_is_put_on_top_of_it(
    server: LiveServer, visit: NewPage
) -> None:
    call = server.do("everything")["transcoding"]
    answers: list[Route] = []
    hold, frames = held_back(answers), list[str]()

    def before(page: Page) -> None:
        page.route("**/calls/", hold)
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda text: frames.append(str(text))),
        )

    page = visit("/calls/", live=False, rests=False, before=before)
    page.locator("#live-state[data-state=open]").wait_for()
    page.locator("#live-region.htmx-request").wait_for()
    server.do("publish", call={**call, "state": "held"})
    while not any("On hold" in frame for frame in frames):
        page.wait_for_timeout(50)
    expect(row(page, call)).to_contain_text("Answered")
    other = demo.call()
    server.do("store", call=other)
    for answer in answers:
        answer.continue_()
    expect(row(page, other)).to_contain_text("Answered")
    expect(row(page, call)).to_contain_text("On hold")


def held_back(answers: list[Route]) -> Callable[[Route], None]:
    """Let the page through and hold what it then asks for."""

    def route(request: Route) -> None:
        if request.request.headers.get("hx-request") == "true":
            answers.append(request)
        else:
            request.continue_()

    return route


def test_polling_is_cheap_while_nothing_changes(server: LiveServer, visit: NewPage) -> None:
    answers: list[int] = []

    def heard(answer: Response) -> None:
        if answer.url.endswith("/calls/"):
            answers.append(answer.status)

    def block(page: Page) -> None:
        without_websocket(page)
        page.on("response", heard)

    page = visit("/calls/", live=False, before=block)
    page.wait_for_event("response", lambda answer: answer.status == 304)
    call = demo.call()
    server.do("store", call=call)
    expect(row(page, call)).to_contain_text("Answered")
    page.wait_for_event("response", lambda answer: answer.status == 304)
    assert answers[0] == 200
    assert answers[1] == 304


def test_a_server_that_does_not_answer_is_asked_ever_more_seldom(visit: NewPage) -> None:
    page = visit("/calls/", live=False, before=without_websocket)
    page.evaluate(NOTE_STATES)
    page.route("**/calls/", lambda route: route.abort())
    state = page.locator("#live-state")
    calmer = "/nothing heard since [0-9:]{8}: asking every 4 s$/"
    comes_true(page, f"() => states.some((state) => {calmer}.test(state))")
    page.unroute("**/calls/")
    expect(state).to_contain_text("asking every 2 seconds")
