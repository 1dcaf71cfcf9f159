"""Pictures of the pages, for docs and for people who look at every page before a change is done."""

from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from tests.dashboard.addresses import EXAMPLES
from tests.dashboard.test_site import PAGES, signed_in
from tests.pages.browser import LiveServer, chromium

SIZES = {"390": (390, 844), "1280": (1280, 900), "1920": (1920, 1080)}
CALL = f"/calls/{EXAMPLES['call_id']}/"
DOCS = {
    "overview": "/",
    "live": "/calls/",
    "call": CALL,
    "history": "/history/",
    "refused": "/refused/",
    "connections": "/connections/",
    "connection": "/connections/1/",
    "trunk": "/trunks/1/",
    "numbers": "/numbers/",
    "routes": "/routes/?number=%2B442079460018",
    "lab": "/lab/?example=1",
    "settings": "/settings/",
}
"File name -> address. Pictures of parts follow in `_parts`."
NIGHT = {"live": "/calls/"}


def draw_docs(folder: Path) -> None:
    """Draw the main pages at 1280 px, light; some dark, some as on a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    with LiveServer() as server, chromium() as browser:
        server.do("rows")
        _draw(browser, server, folder, DOCS, "1280", "light")
        _draw(browser, server, folder, NIGHT, "1280", "dark", suffix="-dark")
        _draw(browser, server, folder, {"live": "/calls/"}, "390", "light", suffix="-phone")
        _parts(browser, server, folder)


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


def _parts(browser: Browser, server: LiveServer, folder: Path) -> None:
    context = _context(browser, server, "1280", "light")
    page = context.new_page()
    _visit(page, server, "/connections/1/?tab=inbound")
    page.locator(".picker").first.screenshot(path=folder / "picker.png")
    _visit(page, server, CALL)
    page.locator("#ladder-part").screenshot(path=folder / "ladder.png")
    context.close()


def _context(browser: Browser, server: LiveServer, size: str, theme: str) -> BrowserContext:
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    return signed_in(browser, server, viewport=viewport, color_scheme=theme)


def _visit(page: Page, server: LiveServer, path: str) -> None:
    server.do("node")  # Else its engine would soon count as away.
    page.goto(path)
    page.wait_for_load_state("networkidle")
