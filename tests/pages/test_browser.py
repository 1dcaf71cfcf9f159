"""The live pages in a real Chromium, against a real ASGI server in a process of its own."""

import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Dialog,
    Page,
    Response,
    Route,
    WebSocketRoute,
    expect,
)

from dashboard.live.feed import TICK_S, TRY_AGAIN_LATER
from dashboard.live.listed import LIVE_SHOWN
from dashboard.live.outbox import PATIENCE_S
from tests.pages import demo
from tests.pages.browser import PASSWORD, LiveServer, chromium

WITHIN_MS = 1000
NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def cookies(server: LiveServer, browser: Browser) -> Callable[[str], Any]:
    """Sign each user in once, through the form."""
    known: dict[str, Any] = {}

    def of(user: str) -> Any:
        if user not in known:
            context = browser.new_context(base_url=server.url)
            page = context.new_page()
            page.goto("/calls/")
            page.get_by_label("User name").fill(user)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            expect(page).to_have_title(re.compile("Live calls"))
            known[user] = context.cookies()
            context.close()
        return known[user]

    return of


@pytest.fixture
def visit(server: LiveServer, browser: Browser, cookies: Callable[[str], Any]) -> Iterator[NewPage]:
    """Open a window; what its console said is in `page.said`, what it fetched in `page.asked`."""
    contexts: list[BrowserContext] = []
    server.do("clear")

    def open_page(path: str, *, user: str = "admin", live: bool = True, **options: Any) -> Page:
        before = options.pop("before", None)
        context = browser.new_context(base_url=server.url, **options)
        contexts.append(context)
        context.set_default_timeout(5000)
        if user:
            context.add_cookies(cookies(user))
        page = context.new_page()
        if before:
            before(page)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"thrown: {error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.said, page.asked = said, asked  # type: ignore[attr-defined]
        page.goto(path)
        if live:
            page.locator("#live-state[data-state=open]").wait_for()
            page.wait_for_load_state("networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()


def row(page: Page, call: Any, kind: str = "live") -> Any:
    return page.locator(f"#{kind}-{call['id'].replace('-', '')}")


def test_two_windows_show_a_call_within_a_second_and_a_stranger_nothing(
    server: LiveServer, visit: NewPage
) -> None:
    first, second = visit("/calls/"), visit("/calls/", user="viewer")
    stranger = visit("/calls/", user="", live=False)
    refused = stranger.evaluate(
        """() => new Promise((done) => {
            const socket = new WebSocket(`ws://${location.host}/ws/calls/`);
            const heard = [];
            socket.onmessage = (event) => heard.push(event.data);
            socket.onopen = () => heard.push("open");
            socket.onclose = (event) => done({ code: event.code, heard });
        })"""
    )
    expect(first.get_by_text("No call right now")).to_be_visible()
    call = demo.ringing()
    started = time.monotonic()
    server.do("publish", call=call)
    for page in (first, second):
        expect(row(page, call)).to_contain_text("Ringing", timeout=WITHIN_MS)
        expect(page.get_by_text("No call right now")).to_be_hidden()
        expect(page.locator("#live-count")).to_have_text("1")
    assert time.monotonic() - started < 2 * WITHIN_MS / 1000
    assert refused == {"code": 1006, "heard": []}
    assert "/accounts/login/" in stranger.url
    assert "bob" not in stranger.content()


def test_a_call_changes_and_ends_on_the_list(server: LiveServer, visit: NewPage) -> None:
    page = visit("/calls/")
    call = demo.call()
    server.do("publish", call={**call, "state": "ringing"})
    expect(row(page, call)).to_contain_text("Ringing", timeout=WITHIN_MS)
    server.do("publish", call=call)
    expect(row(page, call)).to_contain_text("Answered", timeout=WITHIN_MS)
    server.do("publish", call=demo.ended(call, demo.HUNG_UP))
    expect(row(page, call, "ended")).to_contain_text("Completed", timeout=WITHIN_MS)
    expect(row(page, call)).to_have_count(0)
    expect(page.locator("#live-count")).to_have_text("0")
    expect(page.get_by_text("No call right now")).to_be_visible()
    assert page.said == []  # type: ignore[attr-defined]


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
    expect(row(page, call)).to_contain_text("Answered", timeout=WITHIN_MS)


def test_the_call_page_lives(server: LiveServer, visit: NewPage) -> None:
    call = server.do("everything")["ringing"]
    page = visit(f"/calls/{call['id']}/")
    expect(page.locator("#call-head")).to_contain_text("Ringing")
    answered: Any = {
        **call,
        "state": "answered",
        "answered": timezone.now().isoformat(),
        "transcoded": True,
        "legs": [demo.leg("A"), demo.leg("B2", label="Alice mobile")],
    }
    server.do("publish", call=answered)
    expect(page.locator("#call-head")).to_contain_text("Transcoding OPUS", timeout=WITHIN_MS)
    expect(page.locator("#call-legs")).to_contain_text("Alice mobile")
    for mos in (4.2, 2.5):
        server.do(
            "quality", call=call["id"], quality={"A": demo.quality(mos), "B9": demo.quality()}
        )
        expect(page.locator("#quality-A")).to_contain_text(f"{mos}", timeout=WITHIN_MS)
    expect(page.locator("#plots-A canvas")).to_have_count(3)
    before = page.locator("#timeline li").count()
    event = demo.event(timezone.now(), "A", "dtmf", "Bob pressed 5.")
    for _ in range(2):  # It comes as an event, and again with the call.
        server.do("event", call=call["id"], event=event)
    server.do("publish", call={**answered, "events": [*answered["events"], event]})
    expect(page.locator("#timeline li").last).to_contain_text("Bob pressed 5.", timeout=WITHIN_MS)
    expect(page.locator("#timeline li")).to_have_count(before + 1)
    clock = page.locator("#call-head .duration")
    shown = clock.inner_text()
    expect(clock).not_to_have_text(shown, timeout=2500)
    server.do("publish", call=demo.ended(answered, demo.HUNG_UP))
    expect(page.locator("#call-end")).to_contain_text("Ended by the caller", timeout=WITHIN_MS)
    expect(page.locator("#hang-up-button")).to_have_count(0)
    assert page.said == []  # type: ignore[attr-defined]


def test_hanging_up_reaches_the_engine(server: LiveServer, visit: NewPage) -> None:
    call = server.do("everything")["transcoding"]
    page = visit(f"/calls/{call['id']}/")
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    page.get_by_role("button", name="Hang up").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#hang-up")).to_contain_text("Hanging up")
    assert asked == ["End this call for both sides?"]
    assert server.do("commands")[-1] == {
        "type": "engine.command",
        "command": "hangup",
        "call": call["id"],
        "by": "admin",
    }


def test_a_button_keeps_its_focus_while_the_call_changes(
    server: LiveServer, visit: NewPage
) -> None:
    call = server.do("everything")["transcoding"]
    page = visit("/calls/")
    link = row(page, call).get_by_role("link")
    link.focus()
    server.do("publish", call={**call, "state": "held"})
    expect(row(page, call)).to_contain_text("On hold", timeout=WITHIN_MS)
    expect(link).to_be_focused()


def test_without_a_websocket_the_page_asks_and_says_so(server: LiveServer, visit: NewPage) -> None:
    def block(page: Page) -> None:
        page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=1008))

    page = visit("/calls/", live=False, before=block)
    expect(page.locator("#live-state")).to_contain_text("asking every 2 seconds")
    call = demo.call()
    server.do("store", call=call)
    expect(row(page, call)).to_contain_text("Answered", timeout=4000)
    server.do("end", call=demo.ended(call, demo.HUNG_UP))
    expect(row(page, call, "ended")).to_contain_text("Completed", timeout=4000)


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
    expect(page.locator("#live-state")).to_have_text("live", timeout=6000)
    assert len(sockets) == 2


def test_without_javascript_the_call_is_read_and_hung_up(
    server: LiveServer, visit: NewPage
) -> None:
    call = server.do("everything")["held"]
    page = visit(f"/calls/{call['id']}/", live=False, java_script_enabled=False)
    expect(page.get_by_text("Without JavaScript")).to_be_visible()
    expect(page.locator("#call-head")).to_contain_text("On hold")
    expect(page.get_by_role("button", name="Theme")).to_have_count(0)
    page.get_by_role("button", name="Hang up").click()
    expect(page.get_by_role("status").first).to_contain_text("Hanging up: the engine was told.")
    assert server.do("commands")[-1]["call"] == call["id"]


def test_markup_from_a_peer_never_runs(server: LiveServer, visit: NewPage) -> None:
    call = demo.hostile()
    server.do("store", call=call)
    for path in ("/calls/", f"/calls/{call['id']}/"):
        page = visit(path)
        server.do("publish", call={**call, "state": "held"})
        expect(page.get_by_text("On hold").first).to_be_visible()
        title = page.title()
        assert title not in ("owned", "1")
        assert page.locator("#live script, #live img").count() == 0
        assert page.said == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_no_page_errs_leaves_the_origin_or_scrolls_sideways(
    server: LiveServer, visit: NewPage, width: int
) -> None:
    calls = server.do("everything")
    paths = ["/calls/", *(f"/calls/{call['id']}/" for call in calls.values())]
    page = visit(paths[0], viewport={"width": width, "height": 844})
    for path in paths:
        page.goto(path, wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    said, asked = page.said, page.asked  # type: ignore[attr-defined]
    assert said == []
    origin = re.compile(rf"(http|ws){server.url.removeprefix('http')}/")
    assert all(origin.match(url) for url in asked), asked


def test_the_first_page_is_light(server: LiveServer, visit: NewPage) -> None:
    server.do("everything")
    page = visit("/calls/")
    page.wait_for_load_state("networkidle")
    sizes = page.evaluate(
        """() => [...performance.getEntriesByType("navigation"),
                  ...performance.getEntriesByType("resource")]
            .map((entry) => [entry.name, entry.transferSize])"""
    )
    assert len(sizes) >= 8
    assert sum(size for _, size in sizes) < 300_000, sizes


def test_the_theme_follows_the_system_until_chosen_and_is_kept(visit: NewPage) -> None:
    page = visit("/calls/", color_scheme="dark")

    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    dark = ground()
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").wait_for()
    light = ground()
    assert light != dark
    page.reload()
    assert ground() == light
    page.get_by_role("button", name="Theme: light").click()
    page.get_by_role("button", name="Theme: dark").click()
    page.get_by_role("button", name="Theme: system").wait_for()
    assert ground() == dark


def test_a_refused_codec_tells_its_reason_to_the_keyboard(
    server: LiveServer, visit: NewPage
) -> None:
    call = server.do("everything")["transcoding"]
    page = visit(f"/calls/{call['id']}/")
    line = page.locator(".line-refused").first
    reason = line.get_by_text("AMR-WB is on our list; the peer does not have it.")
    expect(reason).to_be_hidden()
    line.focus()
    expect(reason).to_be_visible()
    page.keyboard.press("Escape")
    expect(reason).to_be_hidden()


def test_the_engine_panel_opens_by_keyboard_and_stays_open(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("node")
    page = visit("/calls/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # Skip to content.
    page.locator("#engine-pill").focus()
    page.keyboard.press("Enter")
    reason = page.get_by_text("libvo-amrwbenc.so.0 is not installed")
    expect(reason).to_be_visible()
    server.do("nodes", nodes=[])
    expect(page.get_by_text("No engine has reported yet.")).to_be_visible()
    expect(page.locator("#engine-pill")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_text("No engine has reported yet.")).to_be_hidden()


def test_signing_out_ends_the_live_pages_of_other_windows_too(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/", user="", live=False)
    page.get_by_label("User name").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#live-state[data-state=open]").wait_for()
    other = page.context.new_page()
    other.goto("/calls/")
    other.locator("#live-state[data-state=open]").wait_for()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title(re.compile("Sign"))
    expect(other).to_have_title(re.compile("Sign in"), timeout=4000)


def test_who_is_deactivated_is_shown_the_door_at_once(server: LiveServer, visit: NewPage) -> None:
    page = visit("/calls/", user="leaver")
    server.do("deactivate", user="leaver")
    expect(page).to_have_title(re.compile("Sign in"), timeout=4000)


def test_who_loses_the_permission_is_told_and_left_alone(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/", user="demoted")
    server.do("demote", user="demoted")
    expect(page.locator("#live-state")).to_contain_text("you may not watch calls any more")
    server.do("publish", call=demo.call())
    before = len(page.asked)  # type: ignore[attr-defined]
    page.wait_for_timeout(3000)  # That nothing comes has no event to wait for.
    assert len(page.asked) == before  # type: ignore[attr-defined]
    expect(page.locator("#live-calls tr")).to_have_count(0)


def test_a_window_that_shows_nothing_is_let_go_and_told_so(
    server: LiveServer, visit: NewPage
) -> None:
    server.do("patience", seconds=0.5, tick=0.2)
    try:
        page = visit("/calls/")
        page.evaluate(
            """() => {
                const socket = new WebSocket(`ws://${location.host}/ws/calls/`);
                window.ended = new Promise((done) => {
                    socket.onclose = (event) => done(event.code);
                });
                return new Promise((done) => { socket.onopen = done; });
            }"""
        )
        server.do("publish", call=demo.call())
        assert page.evaluate("window.ended") == TRY_AGAIN_LATER
    finally:
        server.do("patience", seconds=PATIENCE_S, tick=TICK_S)


def test_a_long_list_shows_the_newest_and_counts_the_rest(
    server: LiveServer, visit: NewPage
) -> None:
    page = visit("/calls/")
    now = timezone.now()
    calls = [
        demo.call(started=(now - dt.timedelta(seconds=n)).isoformat())
        for n in range(LIVE_SHOWN + 3)
    ]
    for call in reversed(calls[1:]):
        server.do("publish", call=call)
    expect(page.get_by_text("2 more are in progress.")).to_be_visible()
    server.do("publish", call=calls[0])
    expect(page.get_by_text("3 more are in progress.")).to_be_visible()
    expect(page.locator("#live-count")).to_have_text(str(LIVE_SHOWN + 3))
    rows = page.locator("#live-calls tr")
    expect(rows).to_have_count(LIVE_SHOWN)
    shown = rows.evaluate_all("rows => rows.map((row) => row.id)")
    assert shown == [f"live-{call['id'].replace('-', '')}" for call in calls[:LIVE_SHOWN]]
    server.do("publish", call=demo.ended(calls[1], demo.HUNG_UP))
    expect(row(page, calls[1])).to_have_count(0)
    expect(rows).to_have_count(LIVE_SHOWN)
    expect(rows.last).to_have_id(f"live-{calls[LIVE_SHOWN]['id'].replace('-', '')}")


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

    page = visit("/calls/", live=False, before=before)
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
        page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=1008))
        page.on("response", heard)

    page = visit("/calls/", live=False, before=block)
    page.wait_for_event("response", lambda answer: answer.status == 304, timeout=8000)
    call = demo.call()
    server.do("store", call=call)
    expect(row(page, call)).to_contain_text("Answered", timeout=8000)
    page.wait_for_event("response", lambda answer: answer.status == 304, timeout=8000)
    assert answers[0] == 200
    assert answers[1] == 304


def test_a_server_that_does_not_answer_is_asked_ever_more_seldom(visit: NewPage) -> None:
    def block(page: Page) -> None:
        page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=1008))

    page = visit("/calls/", live=False, before=block)
    page.route("**/calls/", lambda route: route.abort())
    state = page.locator("#live-state")
    expect(state).to_have_text("no answer: asking again every 4 seconds", timeout=8000)
    page.unroute("**/calls/")
    expect(state).to_contain_text("asking every 2 seconds", timeout=20000)
