"""The call page: ladder, plots and record, in a real Chromium."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from dashboard.calls.ladder import offset_text, present_ladder, present_message
from dashboard.calls.plots import present_history
from dashboard.calls.presenters import present_call
from dashboard.templatetags.pages import party, way_in
from tests.browser.chromium import LiveServer
from tests.browser.windows import (
    Cookies,
    NewPage,
    browser,
    comes_true,
    cookies,
    server,
    windows,
)
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "server"]
MARKUP = '<script>document.title="owned"</script><img src=x onerror="alert(1)">'
DRAWN_IN = """(colour) => {
  const canvas = document.querySelector("#plots-A canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 250 && colour.every((part, i) => Math.abs(data[at + i] - part) < 6)) found++;
  }
  return found > 50;
}"""


# What is said of it


def test_a_message_is_read_out_as_one_sentence() -> None:
    told = [present_message(message).sentence for message in demo.ladder()]
    assert told[0] == "00:00.000 caller to us: INVITE, offers OPUS G722 PCMA"
    assert told[1] == "00:00.250 us to caller: 401 Unauthorized"
    assert told[6] == "00:01.500 us to callee B: INVITE, sent again"
    assert told[9] == "00:02.250 callee B to us: 200 OK, with G722"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("connection:alice", 'Connection <a href="/connections/?q=alice"><bdi>alice</bdi></a>'),
        ("trunk:a&b", 'Trunk <a href="/trunks/?q=a%26b"><bdi>a&amp;b</bdi></a>'),
        ("external:203.0.113.7", "Unknown, at <bdi>203.0.113.7</bdi>"),
        ("browser:admin", "Browser of <bdi>admin</bdi>"),
        ("", "-"),
    ],
)
def test_details_name_a_party_and_lead_to_it(label: str, words: str) -> None:
    assert party(label) == words
    assert "<a" not in party(label, unlinked=True)


def test_a_row_says_once_that_somebody_calls_from_a_browser() -> None:
    """Under "Browser of admin" it said `browser:admin`."""
    assert way_in("browser:admin", "admin") == ""


def test_an_arrow_runs_between_us_and_whoever_it_is() -> None:
    arrows = [(view.reach, view.to_right) for view in map(present_message, demo.ladder())]
    assert arrows[:3] == [(0, True), (0, False), (0, True)]
    assert arrows[5] == (2, True)
    assert arrows[7] == (2, False)
    assert present_message(demo.message(1, "B3", "in", "180 Ringing")).reach == 4
    assert present_message(demo.message(1, "B99", "in", "180 Ringing")).reach == 8


def test_there_is_a_column_for_everybody_rung() -> None:
    call = present_call(demo.ringing(), now=dt.datetime.now(dt.UTC))
    more = [*demo.ladder(), demo.message(14, "B3", "out", "INVITE sip:x")]
    assert [lane.title for lane in present_ladder(call, more).lanes] == [
        "Bob", "us", "Alice", "Alice", "callee",
    ]  # fmt: skip
    declined = present_call(demo.declined(), now=dt.datetime.now(dt.UTC))
    lanes = present_ladder(declined, demo.ladder()[:2]).lanes
    assert [lane.detail for lane in lanes] == ["leg A, caller", "voipnumber", "not rung"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00.000"), (1.25, "00:01.250"), (59.9996, "01:00.000"), (3661.5, "1:01:01.500")],
)
def test_times_count_from_the_first_message(seconds: float, text: str) -> None:
    assert offset_text(seconds) == text


def test_a_leg_without_audio_has_no_figures() -> None:
    assert {measure.best for measure in present_history(None)} == {"-"}
    shown = {m.key: (m.best, m.worst, m.average) for m in present_history(demo.history())}
    assert shown["mos"] == ("4.3", "3.1", "4.2")
    assert shown["jitter_ms"] == ("4", "36", "7")


# What is seen of it


@pytest.fixture
def visit(server: LiveServer, browser: Browser, cookies: Cookies) -> Iterator[NewPage]:
    with windows(server, browser, cookies, user="viewer") as open_window:

        def open_page(path: str, **options: Any) -> Page:
            return open_window(path, before=dismiss_dialogs, **options)

        yield open_page


def dismiss_dialogs(page: Page) -> None:
    def dismiss(dialog: Dialog) -> None:
        page.said.append("dialog")  # type: ignore[attr-defined]
        dialog.dismiss()

    page.on("dialog", dismiss)


def path(call: Any, part: str = "") -> str:
    return f"/calls/{call['id']}/" + (f"#{part}-part" if part else "")


def test_the_ladder_and_the_plots_live_and_stay_as_the_record(
    server: LiveServer, visit: NewPage
) -> None:
    call, messages = demo.call(ago_s=5), demo.ladder()
    server.do("store", call=call)
    page = visit(path(call, "ladder"))
    expect(page.get_by_text("appear here, drawn as they pass")).to_be_visible()
    expect(page.locator("#plots-A canvas")).to_have_count(0)

    server.do("messages", call=call["id"], messages=messages[:4])
    arrows = page.locator("#ladder > li")
    expect(arrows).to_have_count(4)
    page.locator("#message-1 summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#message-1 pre")).to_be_visible()
    for mos in (4.2, 2.5, 3.9):
        server.do(
            "quality", call=call["id"], quality={"A": demo.quality(mos), "B": demo.quality(mos)}
        )
        expect(page.locator("#quality-A")).to_contain_text(f"{mos}")
    expect(page.locator("#plots-A canvas")).to_have_count(1)
    expect(page.locator("#plots-B figcaption").first).to_contain_text(
        "best 4.2, worst 2.5, average 3.5"
    )

    server.do("messages", call=call["id"], messages=messages[4:])
    server.do("publish", call=call)
    expect(arrows).to_have_count(len(messages))
    expect(page.locator("#message-1 pre")).to_be_visible()
    expect(page.locator("#plots-A canvas")).to_have_count(1)
    histories = {"A": demo.history(60), "B": demo.history(60, mos=4.0)}
    server.do("history", call=call["id"], histories=histories)
    over = demo.ended(call, demo.HUNG_UP)
    server.do("end", call=over)
    server.do("publish", call=over)
    expect(page.locator("#call-end")).to_contain_text("Ended by the caller")
    expect(page.locator("#plots-B figcaption").first).to_contain_text("best 4.0")

    record = visit(path(call, "ladder"), live=False)
    for seen in (page, record):
        expect(seen.locator("#ladder > li")).to_have_count(len(messages))
        expect(seen.locator("#plots-B canvas")).to_have_count(1)
        expect(seen.locator("#plots-B figcaption").first).to_contain_text("best 4.0")
        assert seen.said == []  # type: ignore[attr-defined]


def test_what_was_sent_again_is_faded_and_says_so(server: LiveServer, visit: NewPage) -> None:
    call = demo.call()
    server.do("store", call=call)
    server.do("messages", call=call["id"], messages=demo.ladder())
    page = visit(path(call, "ladder"))
    again, once = page.locator("#message-7"), page.locator("#message-6")
    expect(again).to_contain_text("sent again")
    expect(once).not_to_contain_text("sent again")

    def opacity(message: Any) -> float:
        return float(message.locator(".message-arrow").evaluate("e => getComputedStyle(e).opacity"))

    assert opacity(again) < opacity(once) == 1


def test_the_ladder_is_a_sequence_diagram_at_every_width(
    server: LiveServer, visit: NewPage
) -> None:
    call = demo.call()
    server.do("store", call=call)
    server.do("messages", call=call["id"], messages=demo.ladder())
    for width in (390, 1280):
        page = visit(path(call, "ladder"), viewport={"width": width, "height": 800})
        boxes = page.locator(".message-arrow").evaluate_all(
            "all => all.map((e) => e.getBoundingClientRect()).map((b) => [b.left, b.right])"
        )
        caller, us, callee = boxes[0][0], boxes[0][1], boxes[5][1]
        assert caller < us < callee <= width
        for box, message in zip(boxes, demo.ladder(), strict=True):
            ends = (caller, us) if message["leg"] == "A" else (us, callee)
            assert box == pytest.approx(ends, abs=1.5)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_screen_reader_hears_the_ladder_as_an_ordered_list(
    server: LiveServer, visit: NewPage
) -> None:
    call = demo.call()
    server.do("store", call=call)
    server.do("messages", call=call["id"], messages=demo.ladder())
    page = visit(path(call, "ladder"))
    tree = page.locator("#ladder-part").aria_snapshot()
    assert "00:00.000 caller to us: INVITE, offers OPUS G722 PCMA" in tree
    assert "00:01.500 us to callee B: INVITE, sent again" in tree


def test_parts_are_tabs_with_javascript_and_sections_without(
    server: LiveServer, visit: NewPage
) -> None:
    call = demo.call()
    server.do("store", call=call)
    server.do("messages", call=call["id"], messages=demo.ladder())
    page = visit(path(call))
    expect(page.locator("#timeline-part")).to_be_visible()
    expect(page.locator("#ladder-part")).to_be_hidden()
    page.get_by_role("link", name="SIP ladder").press("Enter")
    expect(page.locator("#ladder-part")).to_be_visible()
    expect(page.locator("#timeline-part")).to_be_hidden()
    page.reload()
    expect(page.locator("#ladder-part")).to_be_visible()

    plain = visit(path(call), live=False, java_script_enabled=False)
    for part in ("timeline", "ladder", "details"):
        expect(plain.locator(f"#{part}-part")).to_be_visible()
    plain.locator("#message-1 summary").click()
    expect(plain.locator("#message-1 pre")).to_contain_text("INVITE sip:alice")
    expect(plain.locator("#details-part")).to_contain_text(call["id"])


def test_markup_in_any_message_is_text(server: LiveServer, visit: NewPage) -> None:
    call = demo.hostile()
    server.do("store", call=call)
    wild = [
        demo.message(n, "B", "in", MARKUP, peer=MARKUP[:90], text=MARKUP, codecs=[MARKUP])
        for n in (1, 2)
    ]
    server.do("messages", call=call["id"], messages=wild[:1])
    page = visit(path(call, "ladder"))
    server.do("messages", call=call["id"], messages=wild[1:])
    expect(page.locator("#ladder > li")).to_have_count(2)
    for number in (1, 2):
        page.locator(f"#message-{number} summary").click()
        expect(page.locator(f"#message-{number} pre")).to_have_text(MARKUP)
    assert page.title() != "owned"
    assert page.locator("#main script, #main img").count() == 0
    assert "dialog" not in page.said  # type: ignore[attr-defined]


def test_plots_follow_the_theme_and_the_width(server: LiveServer, visit: NewPage) -> None:
    call = demo.call(ago_s=200)
    server.do("store", call=call)
    server.do("history", call=call["id"], histories={"A": demo.history(180)})
    page = visit(path(call), color_scheme="light", viewport={"width": 1280, "height": 800})
    canvas = page.locator("#plots-A canvas").first
    expect(canvas).to_be_visible()
    # OPUS has its own violet in each theme.
    comes_true(page, DRAWN_IN, [0x5B, 0x21, 0xB6])
    page.emulate_media(color_scheme="dark")
    comes_true(page, DRAWN_IN, [0xCD, 0xB5, 0xFF])
    page.set_viewport_size({"width": 390, "height": 800})
    expect(canvas).to_be_visible()
    comes_true(
        page,
        "document.querySelector('#plots-A canvas').getBoundingClientRect().right <= innerWidth",
    )


def test_without_a_websocket_the_ladder_grows_and_what_was_opened_stays_open(
    server: LiveServer, visit: NewPage
) -> None:
    call = demo.call()
    server.do("store", call=call)
    server.do("messages", call=call["id"], messages=demo.ladder()[:3])
    server.do("history", call=call["id"], histories={"A": demo.history(60)})
    page = visit("/calls/", live=False)
    page.route_web_socket("**", lambda socket: socket.close())
    page.goto(path(call, "ladder"))
    page.locator("#live-state[data-state=polling]").wait_for()
    page.locator("#message-2 summary").press("Enter")
    server.do("messages", call=call["id"], messages=demo.ladder()[3:])
    expect(page.locator("#ladder > li")).to_have_count(13)
    expect(page.locator("#ladder-part")).to_be_visible()
    expect(page.locator("#message-2 pre")).to_be_visible()
    expect(page.locator("#message-2 summary")).to_be_focused()
    expect(page.locator("#plots-A canvas")).to_have_count(1)


@pytest.mark.parametrize("over", [False, True])
def test_what_happened_is_in_sight_without_scrolling(
    server: LiveServer, visit: NewPage, over: bool
) -> None:
    call = demo.call(ago_s=20)
    server.do("store", call=demo.ended(call, demo.HUNG_UP) if over else call)
    server.do("history", call=call["id"], histories={"A": demo.history(20), "B": demo.history(20)})
    page = visit(path(call), live=not over, viewport={"width": 1280, "height": 900})
    expect(page.locator("#plots-B canvas")).to_be_visible()
    newest = page.locator("#timeline li").first.bounding_box()
    assert newest is not None
    assert newest["y"] + newest["height"] <= 900, newest


def test_one_time_cursor_goes_through_strips_timeline_and_ladder(
    server: LiveServer, visit: NewPage
) -> None:
    call = demo.call(ago_s=60)
    server.do("store", call=call)
    server.do("messages", call=call["id"], messages=demo.ladder())
    server.do("history", call=call["id"], histories={"A": demo.history(60), "B": demo.history(60)})
    page = visit(path(call), viewport={"width": 1280, "height": 700})
    expect(page.locator("#ladder > li")).to_have_count(len(demo.ladder()))
    canvas = page.locator("#plots-A .u-over")
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": box["width"] / 2, "y": 20})
    places = [page.locator("#plots-A .plot"), page.locator("#plots-B .plot")]
    middle = float(places[0].get_attribute("data-cursor") or "nan")
    assert 25 < middle < 35
    expect(places[1]).to_have_attribute("data-cursor", f"{middle:.1f}")
    for way in ("timeline", "ladder"):
        expect(page.locator(f"#{way} > .at-cursor")).to_have_count(1)
    page.locator("#ladder-tab").click()
    expect(page.locator("#ladder > .at-cursor")).to_be_in_viewport()
    page.locator("#message-1 summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#message-1")).to_have_class(re.compile("at-cursor"))
    for place in places:
        expect(place).not_to_have_attribute("data-cursor", f"{middle:.1f}")
    expect(page.locator("#plots-B [data-here]")).to_contain_text("MOS")
    expect(page.locator("#timeline > .at-cursor")).to_have_count(1)
    assert page.said == []  # type: ignore[attr-defined]
