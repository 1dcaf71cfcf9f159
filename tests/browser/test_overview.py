"""The overview in a real Chromium: bars drawn, kept up to date, nothing moving; lists beside it."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import shifts
from tests.browser.asking import SOONER
from tests.browser.chromium import LiveServer
from tests.browser.settling import arrive
from tests.browser.windows import browser, comes_true, sign_in
from tests.dashboard.live import demo
from tests.peers.certificates import Authority

__all__ = ["browser"]
DRAWN = """plot => {
  const canvas = plot.querySelector("canvas");
  if (!canvas) return 0;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const rgb = getComputedStyle(plot).color.match(/\\d+/g).map(Number);
  let found = 0;
  for (let at = 0; at < pixels.length; at += 4)
    if (rgb.every((value, part) => Math.abs(pixels[at + part] - value) < 3)) found += 1;
  return found;
}"""
"How many pixels of a plot have the colour of its bars."


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as running:
        running.do("everything")
        yield running


@pytest.fixture(scope="module")
def cookies(server: LiveServer, browser: Browser) -> Any:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    arrive(page, "/accounts/login/")
    sign_in(page, "viewer")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    known = context.cookies()
    context.close()
    return known


def open_page(browser: Browser, server: LiveServer, cookies: Any, **options: Any) -> Page:
    context = browser.new_context(base_url=server.url, **options)
    context.add_cookies(cookies)
    return context.new_page()


def test_bars_are_drawn_in_their_colours_and_follow_what_happens(
    browser: Browser, server: LiveServer, cookies: Any
) -> None:
    page = open_page(browser, server, cookies)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.add_init_script(SOONER)
    arrive(page, "/")
    page.evaluate(shifts.FROM_THE_START)
    plot = page.locator("#plot-hour-failed")
    plot.locator("canvas").wait_for()
    before = plot.evaluate(DRAWN)
    assert before > 50
    answered, failed = (
        page.locator(f"figure:has(#plot-hour-{kind}) .figure") for kind in ("answered", "failed")
    )
    count = int(failed.inner_text())
    canvas = plot.locator("canvas").element_handle()
    page.locator("#table-hour summary").click()
    for _ in range(4):
        call = demo.declined()
        server.do("store", call={**call, "ended": None, "termination": None})
        server.do("end", call=call)
    # It asks by itself, and is content with figures five seconds old.
    expect(failed).to_have_text(str(count + 4))
    expect(answered).not_to_have_text("")
    assert canvas.evaluate("canvas => canvas.isConnected"), "charts are kept, not made anew"
    comes_true(
        page, f"before => ({DRAWN})(document.querySelector('#plot-hour-failed')) != before", before
    )
    expect(page.locator("#table-hour")).to_have_attribute("open", "")
    assert shifts.shifted(page) < 0.1
    assert [text for text in said if "getImageData" not in text] == []
    page.context.close()


def test_the_theme_changes_the_bars_too(browser: Browser, server: LiveServer, cookies: Any) -> None:
    page = open_page(browser, server, cookies, color_scheme="light")
    arrive(page, "/")
    plot = page.locator("#plot-hour-answered")
    plot.locator("canvas").wait_for()
    page.context.set_offline(True)  # It would bring itself up to date after ten seconds.
    page.emulate_media(color_scheme="dark")
    comes_true(page, f"() => ({DRAWN})(document.querySelector('#plot-hour-answered')) >= 50")
    page.context.close()


@pytest.mark.parametrize("path", ["/", "/history/", "/rejections/", "/search/?q=alice"])
def test_pages_work_without_javascript_and_at_phone_width(
    browser: Browser, server: LiveServer, cookies: Any, path: str
) -> None:
    options = {"viewport": {"width": 390, "height": 800}}
    plain = open_page(browser, server, cookies, java_script_enabled=False, **options)
    arrive(plain, path)
    expect(plain.locator("h1")).to_be_visible()
    if path == "/":
        plain.locator("#table-day summary").click()
        expect(plain.locator("#table-day tbody tr")).to_have_count(24)
    if path == "/history/":
        plain.get_by_label("Outcome").select_option("busy")
        plain.get_by_role("button", name="Show").click()
        expect(plain.locator("tbody tr")).to_have_count(1)
    plain.context.close()
    page = open_page(browser, server, cookies, **options)
    arrive(page, path)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.context.close()


def test_a_filter_swaps_the_list_as_one_types(
    browser: Browser, server: LiveServer, cookies: Any
) -> None:
    page = open_page(browser, server, cookies, timezone_id="Europe/Berlin")
    arrive(page, "/history/")
    page.get_by_label("Number or user").fill("mia")
    expect(page.locator("#listing tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("number=mia"))
    expect(page).to_have_url(re.compile("zone=Europe%2FBerlin"))
    export = page.get_by_role("link", name="Export CSV")
    expect(export).to_have_attribute("href", re.compile("number=mia"))
    with page.expect_download() as download:
        export.click()
    text = download.value.path().read_text()
    assert text.count("\n") == 2
    assert ",mia,Mia Obi,+12025550177," in text
    page.context.close()


def test_a_certificate_near_its_end_and_a_full_disk_are_told_until_they_are_mended(
    browser: Browser, server: LiveServer, tmp_path: Path
) -> None:
    """The certificate's key is in a file of its own, which the pages need not read."""
    authority = Authority(tmp_path)
    ending = authority.issue("sip.example", ends_in=dt.timedelta(days=2), file="old")
    later = authority.issue("sip.example", ends_in=dt.timedelta(days=300), file="new")
    server.do("set up", certificate=str(ending.certificate), disk_full_percent=0.0)
    context = browser.new_context(base_url=server.url)
    key = server.do("session", user="admin")
    context.add_cookies([{"name": "sessionid", "value": key, "url": server.url}])
    page = context.new_page()
    page.add_init_script(SOONER)
    arrive(page, "/")
    told = page.locator(".concerns .concern")
    certificate = told.filter(has_text="The certificate of SIP over TLS expires in ")
    disk = told.filter(has_text="The disk of the data folder is ")
    for concern in (certificate, disk):
        expect(concern.get_by_role("link", name="Open settings")).to_be_visible()
    # It asks by itself.
    server.do("set up", certificate=str(later.certificate), disk_full_percent=101.0)
    expect(certificate).to_have_count(0)
    expect(disk).to_have_count(0)
    context.close()
