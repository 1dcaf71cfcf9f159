"""A real engine and a real Chromium: the scene of tests that click, save and then call.

A module takes part by `pytestmark = MARKS`, by importing `browser`, and by a fixture `engine`.
"""

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Dialog, Locator, Page

from tests.browser.chromium import CHROMIUM, PATIENCE_MS, async_chromium
from tests.browser.settling import arrive_async, settle_async
from tests.peers.engine import Engine

MARKS = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which(CHROMIUM) is None, reason="needs chromium"),
]
SIGN_IN = """
from dashboard.accounts.roles import Role
from tests.dashboard.people import browser_of
for role in (Role.ADMIN, Role.VIEWER):
    print("session", role, browser_of(role).cookies["sessionid"].value)
"""
Open = Callable[..., Awaitable[Page]]
Known = Mapping[str, Mapping[str, str]]


def signed_in(engine: Engine, script: str) -> Known:
    """Sign an admin and a viewer in, and run a script in the engine's Django shell.

    Returns what was printed as lines of three words, KIND NAME VALUE, by kind and name; the kind
    `session` holds the session key of each role.
    """
    known: dict[str, dict[str, str]] = {}
    for line in engine.shell(SIGN_IN + script).splitlines():
        if len(words := line.split()) == 3:
            known.setdefault(words[0], {})[words[1]] = words[2]
    return known


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_chromium() as running:
        yield running


def address(engine: Engine) -> str:
    """Return where the pages of an engine are."""
    return f"http://{engine.host}:{engine.http_port}"


@asynccontextmanager
async def windows(
    engine: Engine, browser: Browser, known: Known, *, said: list[str]
) -> AsyncIterator[Open]:
    """Yield what opens a page as somebody of a role; what the consoles say is added to `said`."""
    contexts: list[BrowserContext] = []
    base = address(engine)

    async def open_page(path: str, *, role: str = "admin", **more: Any) -> Page:
        context = await browser.new_context(base_url=base, **more)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        cookie: Any = {"name": "sessionid", "value": known["session"][role], "url": base}
        await context.add_cookies([cookie])
        page = await context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        await arrive_async(page, path)
        return page

    yield open_page
    for context in contexts:
        await context.close()


@asynccontextmanager
async def quiet_windows(
    engine: Engine, browser: Browser, known: Known, *, may_say: str = ""
) -> AsyncIterator[Open]:
    """Yield the same; at the end no console may have said a word but what `may_say` matches."""
    said: list[str] = []
    async with windows(engine, browser, known, said=said) as open_page:
        yield open_page
    assert [text for text in said if not (may_say and re.search(may_say, text))] == []


async def centre(place: Locator) -> tuple[float, float]:
    box = await place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


IS_ABOVE = """
([what, above]) => above.parentElement.contains(what)
    && what.compareDocumentPosition(above) & Node.DOCUMENT_POSITION_FOLLOWING
"""


async def drag_above(page: Page, what: Locator, above: Locator) -> None:
    """Drag with the mouse above another row, and drop there."""
    await hold_above(page, what, above)
    await page.mouse.up()


async def hold_above(page: Page, what: Locator, above: Locator) -> None:
    """Drag until the page shows it above another row: the page looks where it is each 50 ms."""
    start, (x, y) = await centre(what), await centre(above)
    both = [await what.element_handle(), await above.element_handle()]
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.mouse.move(x, y + 4, steps=8)
    await page.mouse.move(x, y - 10, steps=4)
    await page.wait_for_function(IS_ABOVE, arg=both)


async def tab_to(page: Page, place: Locator) -> None:
    """Press Tab until the place has the focus."""
    for _ in range(60):
        if await place.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError("never reached by Tab")


Touch = Callable[..., Awaitable[None]]


async def finger(page: Page) -> Touch:
    """Return what sends touches: its kind, such as touchStart, and the points touched."""
    wire = await page.context.new_cdp_session(page)

    async def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        await wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    return touch


def stays(page: Page) -> list[str]:
    """Dismiss every dialog; their types are in the list returned."""
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    return asked


async def barriers(
    page: Page, *, within: str | None = None, **options: Any
) -> list[tuple[str, str, list[str]]]:
    """Return what axe finds: its rule, how bad it is, where (HTML).

    Of all that it finds in order it tells nothing, which takes a third longer than to look.
    """
    asked = {"resultTypes": ["violations"], **options}
    found = await Axe().run(page, context=within, options=asked)
    return [
        (one["id"], one["impact"], [node["html"] for node in one["nodes"]])
        for one in found.response["violations"]
    ]


async def insist_on_clean(
    page: Page, width: int, *, within: str | None = None, **options: Any
) -> None:
    """Axe finds nothing, asked this way, and the page is no wider than the screen."""
    await settle_async(page)
    broken = await barriers(page, within=within, **options)
    assert not broken, broken
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
