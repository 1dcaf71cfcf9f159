"""The phone in the browser for tests: its Chromium, and what people do on its page.

A module takes part by `pytestmark = MARKS`, by importing `browser`, `known` and `open_page`, and by
a fixture `engine`.
"""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.scene import Known, Open, quiet_windows, signed_in
from tests.browser.settling import arrive_again_async
from tests.browser.sounding import LISTENS, with_microphone
from tests.peers.dialogs import IncomingCall
from tests.peers.engine import Engine, Record
from tests.peers.phone import Phone
from tests.peers.waiting import until


@pytest.fixture(scope="module")
def known(engine: Engine) -> Known:
    return signed_in(engine, "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with with_microphone() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(engine: Engine, browser: Browser, known: Known) -> AsyncIterator[Open]:
    async with quiet_windows(engine, browser, known) as open_one:
        yield open_one


async def phone_page(open_page: Open, **more: object) -> Page:
    """Open the phone, connected, with the microphone as it is."""
    page = await open_page("/phone/", **more)
    await measured(page)
    await ready(page)
    return page


async def measured(page: Page) -> None:
    """Have what a page plays measured from its beginning."""
    await page.add_init_script(LISTENS)
    await arrive_again_async(page)


async def ready(page: Page) -> None:
    """Wait until the page may call, and take the filters out of what its microphone hears."""
    await expect(page.locator("#phone-server")).to_have_text("connected")
    await page.locator("#phone-filters").uncheck()


async def call(page: Page, to: str, *, as_whom: str = "") -> None:
    await page.get_by_role("combobox", name="To", exact=True).fill(to)
    if as_whom:
        await page.get_by_role("combobox", name=re.compile("Call as")).fill(as_whom)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Call", exact=True).click()


async def state_is(page: Page, word: str) -> None:
    await expect(page.locator("#phone-state")).to_have_text(word)


async def up(engine: Engine) -> list[str]:
    """Return the ids of the calls that are up, once one is on record."""
    found: list[str] = []

    def some() -> bool:
        found[:] = [one["id"] for one in engine.calls() if one["ended"] is None]
        return bool(found)

    await until(some, "no call is on record")
    return found


async def record_of(engine: Engine, page: Page) -> Record:
    """Return the record of the page's call once it is over."""
    link = await page.locator("#phone-link").get_attribute("href")
    assert link
    key = link.strip("/").rpartition("/")[2]
    async with asyncio.timeout(30):
        while True:
            found = [one for one in engine.calls() if one["id"] == key and one["ended"]]
            if found:
                return found[0]
            await asyncio.sleep(0.1)


async def hang_up(engine: Engine, page: Page) -> Record:
    """Hang up on the page; return the record of its call."""
    await page.get_by_role("button", name="Hang up").click()
    await state_is(page, "Ended")
    return await record_of(engine, page)


async def talking(page: Page, to: str, phone: Phone, codec: str) -> IncomingCall:
    """Call somebody whose phone rings and answers, until the page says that they talk."""
    await call(page, to)
    incoming = await phone.wait_call()
    await incoming.answer_in(codec)
    await state_is(page, "Talking")
    return incoming
