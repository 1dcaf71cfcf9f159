"""A voice agent's page in a real Chromium: formats that explain themselves, dialects, its test."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.picking import grip, row, save, saves, shows_selected
from tests.browser.scene import (
    MARKS,
    Known,
    Open,
    browser,
    drag_above,
    insist_on_clean,
    quiet_windows,
    signed_in,
    tab_to,
)
from tests.browser.settling import arrive_again_async, arrive_async, settle_async
from tests.peers.engine import Engine
from tests.peers.voiceagent.driving import VoiceAgentPeer
from tests.wire.directory import configuration, connection

__all__ = ["browser"]
KEY = "the-key-of-the-agent"
NAMES = ("mouse", "keys", "formats", "dialect", "plain", "two", "tested", "still")
"One agent a test, so that no test depends on another."
ROWS = """
from agents.models import VoiceAgent
for name in {names}:
    row = VoiceAgent.objects.create(
        name=name, dialect="assemblyai", url="{url}", secret="{key}", system_prompt="Be kind.",
        codecs=["G722", "PCMU", "PCMA"],
    )
    print("agent", name, row.pk)
"""
UNTOUCHED = "matches G.711 on the phone leg: bytes pass untouched"
pytestmark = MARKS


@pytest.fixture(scope="module")
def peer() -> Iterator[VoiceAgentPeer]:
    with VoiceAgentPeer(key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(configuration(connection("alice"))) as running:
        yield running


@pytest.fixture(scope="module")
def known(engine: Engine, peer: VoiceAgentPeer) -> Known:
    """Return session keys by role, and keys of agents by name."""
    return signed_in(engine, ROWS.format(names=NAMES, url=peer.url(), key=KEY))


@pytest_asyncio.fixture(loop_scope="module")
async def visit(engine: Engine, browser: Browser, known: Known) -> AsyncIterator[Open]:
    """Open a part of an agent's page."""
    # What is asked while a page is left comes to nothing, and htmx says so.
    may_say = "status of 422|htmx:"
    async with quiet_windows(engine, browser, known, may_say=may_say) as open_page:

        async def open_part(agent: str, part: str = "", **more: Any) -> Page:
            address = f"/agents/{known['agent'][agent]}/" + (f"{part}/" if part else "")
            return await open_page(address, **more)

        yield open_part


def meaning(page: Page, direction: str) -> Locator:
    return page.locator(f"#{direction}-meaning li")


def dialect(page: Page) -> Locator:
    return page.get_by_label("Dialect", exact=True)


async def drag_codec_above(page: Page, codec: str, other: str) -> None:
    await row(page, codec).scroll_into_view_if_needed()
    await settle_async(page)  # What the formats mean comes above it, and later.
    await drag_above(page, row(page, codec), row(page, other))


async def test_a_codec_dragged_first_changes_what_the_formats_mean_before_it_is_saved(
    visit: Open,
) -> None:
    page = await visit("mouse", "audio")
    await expect(meaning(page, "input").first).to_contain_text("resampled 16 → 24 kHz")
    await drag_codec_above(page, "PCMU", "G722")
    await shows_selected(page, ["PCMU", "G722", "PCMA"])
    await expect(meaning(page, "input").first).to_contain_text("PCMU")
    await expect(meaning(page, "input").first).to_contain_text("resampled 8 → 24 kHz")
    await expect(meaning(page, "output").first).to_contain_text("resampled 24 → 8 kHz")
    await page.get_by_role("button", name="Discard").click()
    await expect(meaning(page, "input").first).to_contain_text("resampled 16 → 24 kHz")
    await drag_codec_above(page, "PCMA", "G722")
    await saves(page, "PCMA", "G722", "PCMU")
    await expect(meaning(page, "output").first).to_contain_text("PCMA")


async def test_a_list_by_keyboard_alone(visit: Open) -> None:
    page = await visit("keys", "audio")
    await tab_to(page, grip(page, "PCMA"))
    for key in ("Space", "ArrowUp", "ArrowUp", "Space"):
        await page.keyboard.press(key)
    await expect(page.locator("[data-said]")).to_have_text("PCMA, position 1 of 3, dropped")
    await tab_to(page, save(page))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Saved. The next call uses this list.")).to_be_visible()
    await arrive_again_async(page)
    await shows_selected(page, ["PCMA", "G722", "PCMU"])


async def test_a_format_explains_itself_when_it_is_chosen(visit: Open) -> None:
    page = await visit("formats", "audio")
    await page.get_by_label("Input: caller to agent").select_option("audio/pcmu")
    await expect(meaning(page, "input").nth(1)).to_contain_text(UNTOUCHED)
    await expect(page.locator("#input-meaning .help")).to_have_text(
        "PCMU is below G722: put it first, and its bytes pass untouched."
    )
    await page.get_by_role("button", name="Move PCMU up").click()
    await expect(meaning(page, "input").first).to_contain_text(UNTOUCHED)
    await expect(page.locator("#input-meaning .help")).to_contain_text("telephone quality")
    await expect(meaning(page, "output").first).to_contain_text("resampled 24 → 8 kHz")
    await page.get_by_label("Output: agent to caller").select_option("audio/pcma")
    await expect(meaning(page, "output").first).to_contain_text("translated A-law → mu-law")
    await page.get_by_role("button", name="Use the platform list").click()
    await expect(meaning(page, "input").first).to_contain_text(UNTOUCHED)
    await page.get_by_role("button", name="Discard").click()
    await page.get_by_role("button", name="Save the formats").click()
    await expect(page.get_by_text("Saved. It holds for the next call.")).to_be_visible()
    await arrive_again_async(page)
    await expect(page.get_by_label("Input: caller to agent")).to_have_value("audio/pcmu")
    await expect(page.get_by_label("Output: agent to caller")).to_have_value("audio/pcma")


async def test_a_dialect_shows_its_own_settings_and_keeps_what_was_typed(visit: Open) -> None:
    page = await visit("dialect", "settings")
    prompt, secret = page.get_by_label("System prompt"), page.locator("#id_new_secret")
    await prompt.fill("Be brief.")
    await secret.fill("another-key")
    await dialect(page).select_option("twilio")
    await expect(page.get_by_text("We are the carrier")).to_be_visible()
    await expect(prompt).to_have_count(0)
    await expect(page.get_by_text("the input becomes audio/pcmu")).to_be_visible()
    await dialect(page).select_option("openai")
    await expect(page.get_by_label("Stored agent")).to_have_count(0)
    await expect(secret).to_have_value("another-key")
    await page.get_by_label("System prompt").fill("Be brief.")
    await page.get_by_label("Tools").fill('[\n {"name": "end call"}\n]')
    await page.get_by_role("button", name="Save", exact=True).last.click()
    await expect(page.get_by_text("Line 2: [0].name: 'end call' is not allowed")).to_be_visible()
    await expect(page.get_by_label("Tools")).to_be_focused()
    await page.get_by_label("Tools").fill('[{"name": "end_call"}]')
    await page.get_by_label("Voice").press("Enter")
    await expect(page.get_by_text("Saved. It holds for the next call.")).to_be_visible()
    await arrive_again_async(page)
    await expect(dialect(page)).to_have_value("openai")
    await expect(page.get_by_label("System prompt")).to_have_value("Be brief.")
    await expect(page.locator("#id_new_secret")).to_have_value("")


async def test_without_javascript(visit: Open) -> None:
    page = await visit("plain", "settings", java_script_enabled=False)
    await dialect(page).select_option("plivo")
    await page.get_by_role("button", name="Show its settings").click()
    await expect(page.get_by_label("System prompt")).to_have_count(0)
    await page.get_by_role("button", name="Save", exact=True).last.click()
    await expect(page.get_by_text("Saved. It holds for the next call.")).to_be_visible()
    await expect(dialect(page)).to_have_value("plivo")
    page = await visit("plain", "audio", java_script_enabled=False)
    await expect(meaning(page, "input").nth(1)).to_contain_text(UNTOUCHED)
    await page.get_by_role("button", name="Move PCMU up").click()
    await shows_selected(page, ["PCMU", "G722", "PCMA"])


async def test_two_people_at_one_agent_get_a_conflict_and_no_lost_update(visit: Open) -> None:
    first, second = await visit("two", "settings"), await visit("two", "settings")
    await first.get_by_label("Voice").fill("ivy")
    await first.get_by_role("button", name="Save", exact=True).last.click()
    await expect(first.get_by_text("Saved. It holds for the next call.")).to_be_visible()
    await second.get_by_label("Greeting").fill("Hello.")
    await second.get_by_role("button", name="Save", exact=True).last.click()
    conflict = second.get_by_role("alert")
    await expect(conflict).to_contain_text("somebody else changed this meanwhile")
    await expect(conflict).to_contain_text("voice: ivy")
    await expect(second.get_by_label("Greeting")).to_have_value("Hello.")


async def test_the_agent_is_tested_and_what_it_answers_is_shown(
    visit: Open, peer: VoiceAgentPeer
) -> None:
    page = await visit("tested")
    await page.get_by_role("button", name="Test the agent").click()
    result = page.locator("#trial")
    await expect(result).to_contain_text("It is ready: calls can go to it.")
    await expect(result).to_contain_text(re.compile(r"Ready\s*after \d+ ms"))
    assert peer.violations() == []
    edit = await visit("tested", "settings")
    await edit.locator("#id_new_secret").fill("a-wrong-key")
    await edit.get_by_role("button", name="Save", exact=True).last.click()
    await expect(edit.get_by_text("Saved. It holds for the next call.")).to_be_visible()
    await page.get_by_role("button", name="Test the agent").click()
    await expect(result).to_contain_text("unauthorized")
    await insist_on_clean(page, 1280)


async def test_a_number_is_led_to_an_agent_by_name(visit: Open, known: Known) -> None:
    page = await visit("still")
    await page.get_by_role("link", name="Lead a number here").click()
    await expect(page.get_by_role("combobox", name="Goes to")).to_have_value("still (voice agent)")
    await page.get_by_role("combobox", name="Goes to").fill("sti")
    await page.get_by_role("option", name="still voice agent").wait_for()
    await page.get_by_role("textbox", name="Number").fill("700")
    await page.get_by_role("combobox", name="Goes to").fill("still")
    await page.get_by_role("button", name="Add the number").click()
    await expect(page.get_by_text("700 goes to still.")).to_be_visible()
    await arrive_async(page, f"/agents/{known['agent']['still']}/delete/")
    await expect(page.get_by_role("alert")).to_contain_text("cannot be deleted")
    await expect(page.get_by_role("link", name="700")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    visit: Open, width: int, scheme: str
) -> None:
    view: Any = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    for part in ("", "settings", "audio", "calls"):
        await insist_on_clean(await visit("still", part, **view), width)
    await insist_on_clean(await visit("still", "audio", role="viewer", **view), width)
    page = await visit("still", "settings", **view)
    await dialect(page).select_option("twilio")
    await expect(page.get_by_text("We are the carrier")).to_be_visible()
    await page.get_by_label("URL").fill("x" * 300)
    await page.get_by_role("button", name="Save", exact=True).last.click()
    await expect(page.get_by_text("is not allowed; allowed: a ws://")).to_be_visible()
    await insist_on_clean(page, width)
