"""A person at the call page in Chromium transfers a real call, with the websocket and without."""

import asyncio
import shutil
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import CHROMIUM, async_chromium
from tests.callengine.engine.test_live import USERS, live_call_id, window
from tests.peers.engine import Engine
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(
    connection("bob", inbound=["G722"]), connection("carol", inbound=["PCMA"])
)
pytestmark = pytest.mark.skipif(shutil.which(CHROMIUM) is None, reason="needs chromium")
SAID = "Transferring to Carol (carol): the timeline shows how it goes."


async def test_the_form_answers_in_place_and_the_page_follows_the_call(engine: Engine) -> None:
    engine.shell(USERS)
    async with (
        async_chromium() as browser,
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
        caller(engine) as phone,
    ):
        page = await window(engine, browser, "olga")
        talk = await converse(engine, phone, bob, offer=["PCMU"])
        call = f"/calls/{UUID(await live_call_id(page))}/"
        await page.goto(call)
        await page.locator("#live-state[data-state=open]").wait_for()
        await _mistypes(page)
        await page.get_by_role("combobox", name="Transfer to").fill("car")
        await page.get_by_role("option", name="Carol").wait_for()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("combobox", name="Transfer to")).to_have_value(
            "Carol (carol)"
        )
        await page.keyboard.press("Enter")
        await expect(page.locator("#transfer > [role=status]")).to_have_text(SAID)
        await expect(page.locator("#transfer-summary")).to_be_focused()
        target = await carol.wait_call()
        await target.ring()
        await expect(page.locator("#timeline")).to_contain_text("Carol is ringing.")
        await expect(page.locator("#call-legs")).to_contain_text("Also dialled")
        await target.answer_in("PCMA")
        await expect(page.locator("#timeline")).to_contain_text("talks to Carol instead of Bob.")
        await expect(page.locator("#leg-B2")).to_contain_text("Carol")
        await expect(page.locator(".codec-path")).to_contain_text("PCMU ↔ PCMA")
        assert page.url.endswith(call)
        await asyncio.wait_for(talk.b.ended.wait(), 15)
        await _keeps_what_is_typed_without_the_websocket(page, call)
        await Conversation(talk.a, target, engine).a.hang_up()
        await expect(page.locator("#transfer")).to_have_count(0)


async def _mistypes(page: Page) -> None:
    """The summary opens by keyboard; an error names the field and keeps what was typed."""
    await page.locator("#transfer-summary").focus()
    await page.keyboard.press("Enter")
    field = page.get_by_role("combobox", name="Transfer to")
    await field.fill("sales team")
    await page.locator("#transfer-button").click()
    error = page.locator("#transfer .field-error")
    await expect(error).to_contain_text("Nobody here is 'sales team'; allowed: ")
    await expect(field).to_have_value("sales team")
    await expect(field).to_have_attribute("aria-invalid", "true")
    described = str(await field.get_attribute("aria-describedby")).split()
    await expect(page.locator(f"#{described[-1]} .field-error")).to_have_count(1)


async def _keeps_what_is_typed_without_the_websocket(page: Page, call: str) -> None:
    """A page that asks every few seconds is made anew around the form."""
    await page.context.route_web_socket("**/ws/**", lambda socket: socket.close())
    await page.goto(call)
    await expect(page.locator("#live-state[data-state=polling]")).to_be_visible()
    await page.locator("#transfer-summary").click()
    field = page.get_by_role("combobox", name="Transfer to")
    await field.fill("10")
    for _ in range(2):
        async with page.expect_response(lambda answer: answer.url.endswith(call)):
            pass
    await field.press_sequentially("01")
    await expect(field).to_have_value("1001")
