"""Pictures of the pages, for docs and for people who look at every page before a change is done."""

from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import LiveServer, chromium
from tests.browser.demonstration import demonstration
from tests.browser.test_site import PAGES, signed_in

SIZES = {"390": (390, 844), "1280": (1280, 900), "1920": (1920, 1080)}
DOCS = {
    "overview": "/",
    "live": "/calls/",
    "history": "/history/",
    "rejections": "/rejections/",
    "connections": "/connections/",
    "trunk": "/trunks/1/",
    "routes": "/routes/?number=%2B441632960018",
    "settings": "/settings/",
}
"File name -> address; those of one call and of one list follow in `_parts`."
PICTURE = {"width": 1280, "height": 860}


def draw_docs(folder: Path) -> None:
    """Draw the main pages while the demo's phones call each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with demonstration() as url, chromium() as browser:
        context = signed_in(browser, url, viewport=PICTURE, color_scheme="light")
        page = context.new_page()
        call = _call_of_some_seconds(page)
        page.screenshot(path=folder / "call.png")
        for name, path in DOCS.items():
            page.goto(path)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=folder / f"{name}.png")
        _parts(page, folder, call)
        context.close()
        phone = {"width": 390, "height": 844}
        context = signed_in(browser, url, viewport=phone, color_scheme="dark")
        page = context.new_page()
        page.goto("/calls/")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / "phone.png")
        context.close()


def _call_of_some_seconds(page: Page) -> str:
    """Open a transcoded call under way and let it talk until its plots have a line."""
    page.goto("/calls/")
    page.locator("#live-calls .badge-up").first.wait_for(timeout=60_000)
    page.locator("#live-calls a.who").first.click()
    page.wait_for_timeout(3000)
    return page.url


def draw_all(folder: Path) -> None:
    """Draw every page at three widths, light and dark, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    with LiveServer() as server, chromium() as browser:
        _draw(
            browser,
            server,
            folder,
            {"empty-overview": "/", "empty-live": "/calls/"},
            "1280",
            "light",
        )
        server.do("rows")
        for size in SIZES:
            for theme in ("light", "dark"):
                suffix = f"-{size}-{theme}"
                _draw(browser, server, folder, PAGES, size, theme, suffix=suffix, whole=True)


def _draw(
    browser: Browser,
    server: LiveServer,
    folder: Path,
    pages: Mapping[str, str],
    size: str,
    theme: str,
    *,
    suffix: str = "",
    whole: bool = False,
) -> None:
    context = _context(browser, server, size, theme)
    page = context.new_page()
    for name, path in pages.items():
        _visit(page, server, path)
        page.screenshot(path=folder / f"{name}{suffix}.png", full_page=whole)
    context.close()


def _parts(page: Page, folder: Path, call: str) -> None:
    page.goto(call)
    page.locator("#ladder-tab").click()
    page.locator("#ladder-part").screenshot(path=folder / "ladder.png")
    page.goto("/connections/?q=demo-bob")
    page.locator("#listing a.main").first.click()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / "connection.png")
    page.locator(".picker").first.screenshot(path=folder / "picker.png")
    page.goto("/lab/")
    page.get_by_role("link", name="From outside to a connection").click()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / "lab.png")
    page.goto("/lab/hear/?loss=3")
    page.get_by_role("button", name="Play OPUS", exact=True).click()
    page.locator('[aria-pressed="true"]').wait_for()
    page.screenshot(path=folder / "hear.png")


def _context(browser: Browser, server: LiveServer, size: str, theme: str) -> BrowserContext:
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    return signed_in(browser, server.url, viewport=viewport, color_scheme=theme)


def _visit(page: Page, server: LiveServer, path: str) -> None:
    server.do("node")  # Else its engine would soon count as away.
    page.goto(path)
    page.wait_for_load_state("networkidle")
