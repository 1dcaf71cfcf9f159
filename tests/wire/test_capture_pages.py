"""A person records a call's packets in a browser, saves and shares them, while another looks."""

import asyncio
import re
import struct
from pathlib import Path

from playwright.async_api import Browser, Download, Page, expect

from tests.browser.chromium import PATIENCE_MS, async_chromium
from tests.browser.scene import barriers
from tests.peers.engine import WITH_EXTENSION, Engine
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator
from tests.wire.recorded import fields, files

CONFIGURATION = configuration(connection("alice", inbound=["PCMU"]))
ENVIRONMENT = WITH_EXTENSION


async def signed_in(operator: Operator, browser: Browser) -> Page:
    """Return a page of a browser of its own in which somebody is signed in."""
    context = await browser.new_context(base_url=operator.base)
    context.set_default_timeout(PATIENCE_MS)
    await context.add_cookies(
        [{"name": c.name, "value": c.value or "", "url": operator.base} for c in operator.cookies]
    )
    return await context.new_page()


async def contents(download: Download) -> bytes:
    path = Path(await download.path())
    return await asyncio.to_thread(path.read_bytes)


async def nothing_is_wrong(page: Page) -> None:
    assert not (broken := await barriers(page)), broken


async def test_a_person_records_saves_and_shares_it_while_another_looks(engine: Engine) -> None:
    admin = Operator(engine, role="ADMIN", user="ann")
    viewer = Operator(engine, role="VIEWER", user="vera")
    async with (
        registered(engine, "alice") as alice,
        caller(engine) as phone,
        async_chromium() as browser,
    ):
        talk = await converse(engine, phone, alice, offer=["PCMU"])
        path = await admin.live_call()
        page, other = await signed_in(admin, browser), await signed_in(viewer, browser)
        said: list[str] = []
        for each in (page, other):
            each.on("pageerror", lambda error: said.append(str(error)))
            await each.goto(path)
            await each.locator("#live-state[data-state=open]").wait_for()
        await other.get_by_role("link", name="Packets").click()
        await expect(other.locator("#captures")).to_contain_text("An admin can have that done.")
        await begin_in_the_page(page)
        for each in (page, other):
            await expect(each.locator("#call-recording")).to_have_text("ann records its packets")
            await expect(each.locator("#captures .badge")).to_have_text("recording")
        assert await other.locator("#captures button, #captures a").count() == 0
        await nothing_is_wrong(page)
        await talk.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=1.0)
        await page.locator("#capture-stop").click()
        for each in (page, other):
            await expect(each.locator("#call-recording")).to_have_count(0)
            await expect(each.locator("#captures")).to_contain_text("It was stopped.")
            await expect(each.locator("#captures")).to_contain_text("packets")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Download").click()
        saved = Path(await (await download.value).path())
        assert len(fields(saved, "rtp", "rtp.seq")) > 100
        await look_at_the_ladder(page)

        await page.get_by_role("link", name="Share").click()
        await page.locator("#share-make").click()
        link = await page.locator("#share-link").text_content()
        await nothing_is_wrong(page)
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("link", name="Packets").click()
        await page.get_by_role("button", name="Delete").click()
        await expect(page.locator("#captures li")).to_have_count(0)
        assert not files(engine)
        await talk.end()

        stranger = await (await browser.new_context()).new_page()
        await read_the_record(stranger, link or "")
        await page.goto(f"{path}#share-part")
        await page.get_by_role("button", name="Revoke").click()
        await expect(page.locator("#shares .badge")).to_have_text("revoked")
        answer = await stranger.reload()
        assert answer is not None
        assert answer.status == 410
        await nothing_is_wrong(stranger)
        assert not said


async def begin_in_the_page(page: Page) -> None:
    """Begin a capture; more than is allowed is refused first."""
    await page.get_by_role("link", name="Packets").click()
    await expect(page.locator("#capture-begin")).to_be_visible()
    await page.get_by_label("At most minutes").fill("31")
    await page.evaluate("document.querySelector('.capture-form').noValidate = true")
    await page.locator("#capture-begin").click()
    await expect(page.locator(".field-error")).to_have_text(
        "At most minutes: 31 is more than 30, the most allowed."
    )
    await page.get_by_label("At most minutes").fill("3")
    await page.locator("#capture-begin").click()


async def look_at_the_ladder(page: Page) -> None:
    """Have its times told otherwise, and save its picture."""
    await page.get_by_role("link", name="SIP ladder").click()
    times = page.locator("#ladder .message-time")
    assert (await times.first.text_content()) == "00:00.000"
    button = page.locator("#ladder-times")
    await button.click()
    assert await button.text_content() == "Times: since previous"
    assert (await times.nth(1).text_content() or "").startswith("+00:0")
    await button.click()
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", await times.first.text_content() or "")
    async with page.expect_download() as download:
        await page.locator("#ladder-png").click()
    picture = await contents(await download.value)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack("!II", picture[16:24])
    assert width > 1000
    assert height > 2 * 38 * await times.count()
    await nothing_is_wrong(page)


async def read_the_record(stranger: Page, link: str) -> None:
    """Read a shared record as somebody without an account."""
    answer = await stranger.goto(link)
    assert answer is not None
    assert answer.status == 200
    await expect(stranger.locator("#call-head h1")).to_contain_text("alice")
    await expect(stranger.locator("#ladder > li")).not_to_have_count(0)
    assert await stranger.locator("a[href^='/'], form, nav").count() == 0
    await nothing_is_wrong(stranger)
