"""Pictures of the pages, for docs and for people who look at every page before a change is done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error, Page

from tests.browser.chromium import LiveServer, chromium
from tests.browser.demonstration import demonstration
from tests.browser.pages import PAGES
from tests.browser.settling import arrive, settle
from tests.browser.states import State, states, store_all
from tests.browser.test_site import complaints, signed_in

SIZES = {"390": (390, 844), "1280": (1280, 900), "1920": (1920, 1080)}
THEMES = ("light", "dark")
NARROWED = (
    "call",
    "call-ladder",
    "call-silent",
    "call-ended",
    "lab",
    "connection-codecs",
    "picker-changed",
    "live-filtered",
)
"What is drawn in further ways, too: as narrow as 320 px, at 200 %, in forced colours."
WAYS: dict[str, dict[str, Any]] = {
    "320": {"viewport": {"width": 320, "height": 640}},
    "zoomed": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
    "forced": {"viewport": {"width": 1280, "height": 900}, "forced_colors": "active"},
}
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
EMPTY = (
    "overview",
    "calls",
    "history",
    "rejections",
    "connections",
    "trunks",
    "numbers",
    "routes",
    "agents",
)
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
            arrive(page, path)
            page.screenshot(path=folder / f"{name}.png")
        _parts(page, folder, call)
        context.close()
        phone = {"width": 390, "height": 844}
        context = signed_in(browser, url, viewport=phone, color_scheme="dark")
        page = context.new_page()
        arrive(page, "/calls/")
        page.screenshot(path=folder / "phone.png")
        context.close()


def _call_of_some_seconds(page: Page) -> str:
    """Open a transcoded call under way and let it talk until its plots have a line."""
    arrive(page, "/calls/")
    page.locator("#live-calls .badge-up").first.wait_for(timeout=60_000)
    page.locator("#live-calls a.who").first.click()
    page.wait_for_timeout(3000)
    return page.url


def draw_all(folder: Path, only: str = "") -> list[str]:
    """Draw every page and state at three widths, light and dark, whole; some in further ways.

    `only` is what a name must contain. Returns what is wrong: what axe finds, what is wider than
    its window, what a console says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with LiveServer() as server, chromium() as browser:
        drawing = Drawing(browser, server, folder, only)
        empty = {f"empty-{name}": State(PAGES[name]) for name in EMPTY}
        drawing.each(empty, "1280-light", viewport=_viewport("1280"), color_scheme="light")
        calls = store_all(server)
        shown = {name: State(path) for name, path in PAGES.items()} | states(calls)
        lasting = {name: state for name, state in shown.items() if not state.stores}
        for size in SIZES:
            for theme in THEMES:
                options = {"viewport": _viewport(size), "color_scheme": theme}
                drawing.each(lasting, f"{size}-{theme}", **options)
        narrowed = {name: shown[name] for name in NARROWED}
        for way, options in WAYS.items():
            drawing.each(narrowed, way, **options)
        stored = {name: state for name, state in shown.items() if state.stores}
        for size, theme in (("1280", "light"), ("390", "dark")):
            options = {"viewport": _viewport(size), "color_scheme": theme}
            drawing.each(stored, f"{size}-{theme}", **options)
            drawing.each({"audit-done": State(PAGES["audit-log"])}, f"{size}-{theme}", **options)
        signed_out = browser.new_context(base_url=server.url, viewport=_viewport("1280"))
        drawing.draw(signed_out.new_page(), "sign-in", State("/accounts/login/"), "1280-light")
        return drawing.wrong


class Drawing:
    """Draws states one after the other, and keeps what is wrong with them."""

    def __init__(self, browser: Browser, server: LiveServer, folder: Path, only: str) -> None:
        self._browser, self._server, self._folder, self._only = browser, server, folder, only
        self.wrong: list[str] = []

    def each(self, shown: Mapping[str, State], way: str, **options: Any) -> None:
        """Draw states in windows of one kind."""
        chosen = {name: state for name, state in shown.items() if self._only in name}
        if not chosen:
            return
        context = signed_in(self._browser, self._server.url, bypass_csp=True, **options)
        for name, state in chosen.items():
            page = context.new_page()
            try:
                self.draw(page, name, state, way)
            except Error as error:
                self.wrong.append(f"{name}-{way}: {str(error).splitlines()[0]}")
            page.close()
        context.close()

    def draw(self, page: Page, name: str, state: State, way: str) -> None:
        """Bring a page into a state, draw it whole, and look for what is wrong."""
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        self._server.do("node")  # Else its engine would soon count as away.
        arrive(page, state.path)
        state.do(page)
        settle(page)
        page.screenshot(path=self._folder / f"{name}-{way}.png", full_page=True)
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if over > 0:
            said.append(f"{over} px wider than its window")
        self.wrong += [f"{name}-{way}: {what}" for what in said + complaints(page)]


def _viewport(size: str) -> Any:
    width, height = SIZES[size]
    return {"width": width, "height": height}


def _parts(page: Page, folder: Path, call: str) -> None:
    arrive(page, call)
    page.locator("#ladder-tab").click()
    page.locator("#ladder-part").screenshot(path=folder / "ladder.png")
    arrive(page, "/connections/?q=demo-bob")
    page.locator("#listing a.main").first.click()
    settle(page)
    page.screenshot(path=folder / "connection.png")
    page.locator(".picker").first.screenshot(path=folder / "picker.png")
    arrive(page, "/lab/")
    page.get_by_role("link", name="From outside to a connection").click()
    settle(page)
    page.screenshot(path=folder / "lab.png")
    arrive(page, "/lab/hear/?loss=3")
    page.get_by_role("button", name="Play OPUS", exact=True).click()
    page.locator('[aria-pressed="true"]').wait_for()
    page.screenshot(path=folder / "hear.png")
