"""What comes to be said on a page has its place: nothing else moves as it comes."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser import shifts
from tests.browser.asking import SOONER
from tests.browser.chromium import LiveServer
from tests.browser.crossing import FAR
from tests.browser.windows import NewPage, browser, cookies, visit
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "visit"]
SIZES = [{"width": 1280, "height": 900}, {"width": 390, "height": 844}]
MOST_SHIFT = 0.02
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))"
DEVICES = ("Yealink SIP-T46U 108.86.0.20", "Linphone Desktop/5.2.4 (Debian) LinphoneCore/5.3.26")


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has trunks and connections."""
    with LiveServer() as running:
        running.do("rows")
        yield running


@pytest.fixture(params=SIZES, ids=["desk", "phone"])
def still(server: LiveServer, visit: NewPage, request: pytest.FixtureRequest) -> NewPage:
    """Open pages of one size on an engine that is up; what moves there is counted."""
    server.do("node", seen=FAR)
    server.do("gateway heard", trunk=1, is_up=True, said="200 OK")

    def open_page(path: str, *, live: bool = True) -> Page:
        options = {"before": _asks_sooner, "viewport": request.param}
        page = visit(path, live=live, **options)
        page.evaluate(DRAWN)
        page.evaluate(shifts.FROM_NOW)
        return page

    return open_page


def _asks_sooner(page: Page) -> None:
    page.add_init_script(SOONER)


def insist_on_stillness(page: Page, most: float = MOST_SHIFT) -> None:
    page.evaluate(DRAWN)
    assert shifts.shifted(page) < most, shifts.moved(page)


def test_a_call_is_answered_and_ends(server: LiveServer, still: NewPage) -> None:
    call = demo.ringing()
    call["legs"].pop()
    server.do("store", call=call)
    page = still(f"/calls/{call['id']}/")
    legs = [demo.leg("A"), demo.leg("B")]
    answered = {"state": "answered", "answered": timezone.now().isoformat(), "transcoded": True}
    up = {**call, **answered, "legs": legs}
    server.do("publish", call=up)
    expect(page.locator("#call-head")).to_contain_text("Answered")
    insist_on_stillness(page)
    server.do("publish", call=demo.ended(up, demo.HUNG_UP))
    expect(page.locator("#call-end section")).to_be_visible()
    insist_on_stillness(page, 2 * MOST_SHIFT)


def test_phones_register_and_are_lost(server: LiveServer, still: NewPage) -> None:
    server.do("unregister", connection=2)
    page = still("/connections/2/", live=False)
    state = page.locator("#connection-state")
    expect(state).to_contain_text("Not registered")
    for number, device in enumerate(DEVICES):
        contact = f"sip:bob@192.0.2.{number}"
        server.do("register", connection=2, contact=contact, device=device)
        expect(state).to_contain_text(("Yealink", "2 contacts")[number])
    server.do("unregister", connection=2)
    expect(state).to_contain_text("Not registered")
    insist_on_stillness(page)


@pytest.mark.parametrize("path", ["/trunks/", "/trunks/1/in/"])
def test_a_trunk_goes_down(server: LiveServer, still: NewPage, path: str) -> None:
    page = still(path, live=path == "/trunks/")
    state = page.locator("[data-trunk-state='1']")
    expect(state).to_have_text("Ready")
    server.do("gateway heard", trunk=1, is_up=False, said="no answer")
    expect(state).to_have_text("Some gateways down")
    insist_on_stillness(page, 0.001)


def test_somebody_falls_silent(server: LiveServer, still: NewPage) -> None:
    first = demo.call()
    server.do("store", call=first)
    server.do("end", call=demo.ended(first, demo.HUNG_UP))
    page = still("/", live=False)
    expect(page.get_by_text("Nothing asks for you")).to_be_visible(timeout=10_000)
    since = timezone.now()
    quiet = demo.leg("A", quality=demo.silent(since, last=since))
    call = demo.call(legs=[quiet, demo.leg("B", quality=demo.quality())])
    for told in ("store", "changed", "publish"):
        server.do(told, call=call)
    expect(page.locator(".concern")).to_have_count(1)
    insist_on_stillness(page, 0.002)
    over = demo.ended(call, demo.HUNG_UP)
    for told in ("end", "publish"):
        server.do(told, call=over)
    expect(page.locator(".concern")).to_have_count(0)
