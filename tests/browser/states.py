"""States of pages that an address alone does not show: what a person does until one is there."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.chromium import LiveServer
from tests.browser.pages import PAGES
from tests.browser.settling import arrive_again
from tests.dashboard.live import demo

Does = Callable[[Page], None]


@dataclass(frozen=True)
class State:
    """Where to begin, and what is done there."""

    path: str
    do: Does = lambda _: None
    stores: bool = False
    "Whether it changes something, so that it is done once, not at each size."


def _click(*names: str, role: str = "button") -> Does:
    def do(page: Page) -> None:
        for name in names:
            page.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]

    return do


def _opened(place: str) -> Does:
    return lambda page: page.locator(place).first.click()


def _larger_with_cursor(page: Page) -> None:
    page.locator("#plots-A .u-over").wait_for()
    page.locator("#plots-A .u-over").click(position={"x": 90, "y": 20})
    page.locator("#plot-size-B").click()


def _silent(page: Page) -> None:
    expect(page.locator("#quality-A .silence")).to_be_visible()


def _bulk(page: Page) -> None:
    for box in page.locator("#listing tbody input[type=checkbox]").all()[:2]:
        box.check()
    page.locator("#bulk-action").select_option(index=0)
    page.get_by_role("button", name="Go on").click()


def _file(text: str) -> Does:
    def do(page: Page) -> None:
        page.locator("main textarea").first.fill(text)
        page.get_by_role("button", name="Show what would change").click()

    return do


def _new_password(page: Page) -> None:
    page.get_by_role("button", name="Set a new password").click()
    page.locator("#password").wait_for()


def _dragged(page: Page) -> None:
    page.locator(".picker-grip").nth(1).focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")


def _saved(page: Page) -> None:
    page.get_by_role("button", name="HD only").first.click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. The next call uses this list.").first).to_be_visible()


def _history_of_list(page: Page) -> None:
    _saved(page)
    arrive_again(page)
    page.locator("details:has-text('Last changes') summary").first.click()


def _invalid(page: Page) -> None:
    page.locator("main form .primary").last.click()


def states(calls: Mapping[str, str]) -> dict[str, State]:
    """Return all of them by name; `calls` are addresses of calls by what became of them."""
    call = PAGES["call"]
    return {
        "live-wall": State("/calls/?wall"),
        "live-filtered": State(
            "/calls/", lambda page: page.get_by_label("Order").select_option("mos")
        ),
        "engine-panel": State("/settings/", _opened("#engine-pill")),
        "call-ladder": State(calls["transcoding"] + "#ladder-part"),
        "call-message": State(calls["transcoding"] + "#ladder-part", _opened("#message-1 summary")),
        "call-details": State(calls["transcoding"] + "#details-part"),
        "call-cursor": State(calls["completed"], _larger_with_cursor),
        "call-ended": State(calls["completed"]),
        "call-declined": State(calls["declined"]),
        "call-ringing": State(calls["ringing"]),
        "call-cut": State(calls["cut"]),
        "call-silent": State(calls["silent"], _silent),
        "call-transfer": State(call, _opened("#transfer summary")),
        "call-conversation": State(PAGES["call-agent"] + "#conversation-part"),
        "history-failed": State("/history/?outcome=all-failed"),
        "history-none": State("/history/?number=nobody"),
        "rejections-each": State("/rejections/", _opened(".each summary")),
        "why-asked": State("/rejections/why/?q=198.51.100.7"),
        "search-found": State("/search/?q=alice"),
        "search-nothing": State("/search/?q=nowhere"),
        "routes-way": State("/routes/?number=%2B441632960018"),
        "number-invalid": State("/numbers/add/", _invalid),
        "connection-invalid": State("/connections/add/", _invalid),
        "trunk-invalid": State("/trunks/add/", _invalid),
        "connections-bulk": State("/connections/", _bulk),
        "import-rehearsed": State("/connections/file/", _file(IMPORT)),
        "import-wrong": State(
            "/connections/file/", _file("connections:\n  - sip_user: sales team\n")
        ),
        "picker-lifted": State(PAGES["connection-codecs"], _dragged),
        "picker-changed": State(PAGES["connection-codecs"], _click("HD only")),
        "not-found": State("/no/such/page/"),
        "picker-saved": State(PAGES["connection-codecs"], _saved, stores=True),
        "picker-undo": State(PAGES["trunk-codecs"], _history_of_list, stores=True),
        "connection-phone": State("/connections/2/?tab=phone", _new_password, stores=True),
        "audit-some": State("/settings/audit/"),
    }


IMPORT = """\
connections:
  - name: Carol
    sip_user: carol
    inbound: {codecs: [G722, PCMU]}
  - name: Alice Meier
    sip_user: alice
"""


def store_all(server: LiveServer) -> dict[str, str]:
    """Store the rows of every page and state; return the addresses of calls by their kind."""
    calls = server.do("rows")
    since = timezone.now() - dt.timedelta(seconds=9)
    quiet = demo.leg("A", quality=demo.silent(since, last=since))
    calls["silent"] = server.do("store", call=demo.call(legs=[quiet, demo.leg("B")]))
    return {kind: f"/calls/{uuid}/" for kind, uuid in calls.items()}
