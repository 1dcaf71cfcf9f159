"""The codec picker in a real Chromium, and the real call that follows what was saved."""

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from audiocodecs.catalogue import PLATFORM_CODECS
from tests.browser.picking import (
    grip,
    next_call_uses,
    row,
    save,
    saves,
    shows_numbers,
    shows_selected,
)
from tests.browser.scene import (
    MARKS,
    Known,
    Open,
    browser,
    centre,
    drag_above,
    finger,
    hold_above,
    insist_on_clean,
    quiet_windows,
    signed_in,
    stays,
    tab_to,
)
from tests.browser.settling import arrive_again_async
from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conftest import engine
from tests.wire.directory import configuration, connection

__all__ = ["browser", "engine"]
OWN = ("G722", "PCMU", "PCMA")
SIDES = ("available", "selected")
USERS = ("mouse", "touch", "keys", "plain", "two", "still", "strange", "admin", "race")
"One connection a test, so that no test depends on another."
CONFIGURATION = configuration(*(connection(user, inbound=OWN) for user in USERS))
ROWS = """
from datetime import timedelta
from django.utils import timezone
from callengine.models import EngineNode
from connections.models import Connection
for row in Connection.objects.all():
    print("connection", row.sip_user, row.pk)
Connection.objects.filter(sip_user="strange").update(inbound_codecs=["GSM", "PCMU"])
now = timezone.now()
EngineNode.objects.create(
    name="old", started=now, seen=now + timedelta(days=1),
    codecs=["OPUS", "G722", "PCMU", "PCMA", "AMR", "G729", "ILBC", "GSM"],
    unavailable_codecs={"AMR-WB": "a library is not installed"},
)
"""
pytestmark = MARKS


@pytest.fixture(scope="module")
def known(engine: Engine) -> Known:
    """Return session keys by role and row keys by SIP user."""
    return signed_in(engine, ROWS)


@pytest_asyncio.fixture(loop_scope="module")
async def visit(engine: Engine, browser: Browser, known: Known) -> AsyncIterator[Open]:
    """Open a connection's inbound list."""
    may_say = "status of (409|422)|ERR_FAILED|htmx:|autocomplete"
    async with quiet_windows(engine, browser, known, may_say=may_say) as open_page:

        async def open_list(sip_user: str, *, path: str = "", **more: Any) -> Page:
            inbound = f"/codecs/connection/{known['connection'][sip_user]}/inbound/"
            return await open_page(path or inbound, **more)

        yield open_list


async def test_a_codec_dragged_first_is_what_the_next_call_uses(
    engine: Engine, visit: Open
) -> None:
    page = await visit("mouse")
    await shows_selected(page, list(OWN))
    await hold_above(page, row(page, "PCMA"), row(page, "G722"))
    line = await page.locator(".picker-place").bounding_box()
    assert line is not None
    assert line["height"] <= 6, "the drop place is a line"
    await page.keyboard.press("Escape")
    await shows_selected(page, list(OWN))
    await expect(page.locator("[data-said]")).to_have_text("PCMA, position 3 of 3, put back")
    await page.mouse.up()
    await shows_selected(page, list(OWN))
    await expect(page.get_by_text("Unsaved changes")).to_be_hidden()
    await hold_above(page, row(page, "PCMA"), row(page, "G722"))
    await page.mouse.up()
    await shows_selected(page, ["PCMA", "G722", "PCMU"])
    await shows_numbers(page, 3)
    await expect(page.locator("[data-said]")).to_have_text("PCMA, position 1 of 3")
    await expect(page.get_by_text("Unsaved changes")).to_be_visible()
    await saves(page, "PCMA", "G722", "PCMU")
    await next_call_uses(engine, "mouse", "PCMA", "G722", "PCMU")


async def test_a_page_at_its_end_stays_while_a_codec_is_dragged(visit: Open) -> None:
    page = await visit("mouse")
    await page.set_viewport_size({"width": 1280, "height": 480})
    end = await page.evaluate("() => { scrollTo(0, 9999); return scrollY }")
    assert end > 0
    await hold_above(page, row(page, "PCMA"), row(page, "G722"))
    assert await page.evaluate("scrollY") == end
    await page.mouse.up()
    assert await page.evaluate("scrollY") == end
    await expect(page.locator("[data-list][style]")).to_have_count(0)


async def test_by_keyboard_alone(engine: Engine, visit: Open) -> None:
    page = await visit("keys")
    said = page.locator("[data-said]")

    await tab_to(page, grip(page, "PCMA"))
    await page.keyboard.press("Space")
    await expect(said).to_have_text("PCMA, position 3 of 3, lifted")
    for position in (2, 1):
        await page.keyboard.press("ArrowUp")
        await expect(said).to_have_text(f"PCMA, position {position} of 3")
        await expect(grip(page, "PCMA")).to_be_focused()
    await page.keyboard.press("Space")
    await expect(said).to_have_text("PCMA, position 1 of 3, dropped")
    await expect(grip(page, "PCMA")).to_be_focused()
    await tab_to(page, save(page))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text(" Saved. The next call uses this list.")
    await expect(save(page)).to_be_focused()
    await arrive_again_async(page)
    await shows_selected(page, ["PCMA", "G722", "PCMU"])
    await next_call_uses(engine, "keys", "PCMA", "G722", "PCMU")


async def test_by_touch(engine: Engine, visit: Open) -> None:
    page = await visit("touch", has_touch=True, viewport={"width": 390, "height": 844})
    await grip(page, "PCMA").scroll_into_view_if_needed()
    start = await centre(grip(page, "PCMA"))
    x, y = await centre(grip(page, "G722"))
    touch = await finger(page)
    before = await page.evaluate("scrollY")
    await touch("touchStart", start)
    for part in range(1, 13):
        await touch("touchMove", (x, start[1] + (y - 14 - start[1]) * part / 12))
    await touch("touchEnd")
    await expect(page.locator("[data-said]")).to_have_text("PCMA, position 1 of 3")
    assert await page.evaluate("scrollY") == before, "the handle does not scroll the page"
    await shows_selected(page, ["PCMA", "G722", "PCMU"])
    # Lifted and let go in its place: the next tap still counts.
    start = await centre(grip(page, "PCMU"))
    await touch("touchStart", start)
    for pixels in (10, 20, 40):
        await touch("touchMove", (start[0] + pixels, start[1]))
    await touch("touchEnd")
    await page.get_by_role("button", name="Move PCMU up").tap()
    await shows_selected(page, ["PCMA", "PCMU", "G722"])
    await page.get_by_role("button", name="Move PCMU down").tap()
    await saves(page, "PCMA", "G722", "PCMU")
    await next_call_uses(engine, "touch", "PCMA", "G722", "PCMU")


async def test_without_javascript(engine: Engine, visit: Open) -> None:
    page = await visit("plain", java_script_enabled=False)
    await expect(grip(page, "PCMA")).to_be_hidden()
    for expected in (["G722", "PCMA", "PCMU"], ["PCMA", "G722", "PCMU"]):
        await page.get_by_role("button", name="Move PCMA up").click()
        await shows_selected(page, expected)
        await expect(page.get_by_text("Unsaved changes")).to_be_visible()
    for codec in OWN:
        await page.get_by_role("button", name=f"Remove {codec}").click()
    await save(page).click()
    await expect(page.get_by_text("Not saved: nothing is selected")).to_be_visible()
    await page.get_by_role("button", name="HD only").click()
    await shows_selected(page, ["OPUS", "G722", "AMR-WB"])
    await page.get_by_role("button", name="Discard").click()
    await shows_selected(page, list(OWN))
    for _ in range(2):
        await page.get_by_role("button", name="Move PCMA up").click()
    await saves(page, "PCMA", "G722", "PCMU")
    await next_call_uses(engine, "plain", "PCMA", "G722", "PCMU")


async def test_keys_buttons_and_double_click_keep_the_focus_and_say_the_place(visit: Open) -> None:
    page = await visit("still")
    said = page.locator("[data-said]")
    await grip(page, "G722").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(said).to_have_text("G722, position 3 of 3")
    await page.keyboard.press("Escape")
    await expect(said).to_have_text("G722, position 1 of 3, put back")
    await shows_selected(page, list(OWN))
    await expect(page.get_by_text("Unsaved changes")).to_be_hidden()
    await page.keyboard.press("ArrowDown")
    await expect(grip(page, "PCMU")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(said).to_have_text("PCMU, in Available")
    await expect(grip(page, "PCMU")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(said).to_have_text("PCMU, position 3 of 3")
    up = page.get_by_role("button", name="Move PCMU up")
    await up.focus()
    for _ in range(3):
        await page.keyboard.press("Enter")
    await expect(up).to_be_focused()
    await shows_selected(page, ["PCMU", "G722", "PCMA"])
    await row(page, "OPUS").locator(".picker-facts").dblclick()
    await expect(said).to_have_text("OPUS, position 4 of 4")
    await expect(grip(page, "OPUS")).to_be_focused()
    await page.get_by_role("button", name="Remove PCMA").click()
    await expect(page.get_by_role("button", name="Select PCMA")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Remove PCMA")).to_be_focused()
    await shows_selected(page, ["PCMU", "G722", "OPUS", "PCMA"])


async def test_presets_and_the_way_back_apply_at_once_and_say_what_they_mean(visit: Open) -> None:
    page = await visit("still")
    meaning = page.locator("[data-meaning-text]")
    await page.get_by_role("button", name="HD only").click()
    await shows_selected(page, ["OPUS", "G722", "AMR-WB"])
    await expect(meaning).to_contain_text("Best 20 kHz audio, worst 7 kHz; 40 to 80 kbit/s")
    pressed = page.get_by_role("button", pressed=True)
    await expect(pressed).to_have_text(["HD only"])
    await page.get_by_role("button", name="Save bandwidth").click()
    await shows_selected(page, ["G729", "AMR", "GSM", "ILBC", "OPUS", "AMR-WB"])
    await expect(pressed).to_have_text(["Save bandwidth"])
    await expect(meaning).to_contain_text("24 to 40 kbit/s")
    lists = [await page.locator(f'[data-list="{name}"]').bounding_box() for name in SIDES]
    assert lists[0] is not None
    assert lists[1] is not None
    assert lists[0]["height"] == lists[1]["height"]
    await expect(meaning).to_contain_text("worst 3.4 kHz")
    await page.get_by_role("button", name="Use the platform list").click()
    await shows_selected(page, ["OPUS", "G722", "AMR-WB", "PCMU", "PCMA"])
    await expect(page.get_by_text("Uses the platform list.")).to_be_visible()
    await expect(page.get_by_text("Unsaved changes")).to_be_visible()
    await page.get_by_role("button", name="Discard").click()
    await expect(page.get_by_text("Unsaved changes")).to_be_hidden()
    await shows_selected(page, list(OWN))
    await expect(save(page)).to_be_focused()


async def test_leaving_with_unsaved_changes_is_warned_of(visit: Open) -> None:
    page = await visit("still")
    asked = stays(page)
    force = page.get_by_label("Force selected codecs on the caller")
    await force.check()
    await page.get_by_role("link", name="Live").click(no_wait_after=True)
    await expect(page.get_by_text("Unsaved changes")).to_be_visible()
    await until(lambda: asked == ["beforeunload"], "nothing was asked")
    await force.uncheck()
    await page.get_by_role("link", name="Live").click()
    await page.wait_for_url("**/calls/")
    assert asked == ["beforeunload"]


async def test_an_empty_list_is_refused_in_place(visit: Open) -> None:
    page = await visit("still")
    for codec in OWN:
        await page.get_by_role("button", name=f"Remove {codec}").click()
    await expect(page.get_by_text("Nothing is selected. A list is never")).to_be_visible()
    await save(page).click()
    error = page.get_by_text("Not saved: nothing is selected")
    await expect(error).to_be_focused()
    await page.get_by_role("button", name="Select G722").click()
    await expect(error).to_have_count(0)


async def test_when_the_server_does_not_answer_nothing_is_lost(visit: Open) -> None:
    page = await visit("still")
    await page.get_by_role("button", name="Move PCMA up").click()
    await page.route("**/inbound/", lambda route: route.abort())
    await save(page).click()
    await expect(page.get_by_role("alert")).to_contain_text("The server did not answer")
    await shows_selected(page, ["G722", "PCMA", "PCMU"])


async def test_two_people_get_a_conflict_and_no_lost_update(visit: Open) -> None:
    first, second = await visit("two"), await visit("two")
    await first.get_by_role("button", name="Move PCMA up").click()
    await second.get_by_role("button", name="Remove PCMU").click()
    await saves(first, "G722", "PCMA", "PCMU")
    await save(second).click()
    conflict = second.get_by_role("group", name="Conflict")
    await expect(conflict).to_contain_text(
        "The list is now G722, PCMA, PCMU, not forced; yours is G722, PCMA, not forced."
    )
    await expect(conflict).to_be_focused()
    await shows_selected(second, ["G722", "PCMA"])
    await arrive_again_async(first)
    await shows_selected(first, ["G722", "PCMA", "PCMU"])
    await second.get_by_role("button", name="Save mine instead").click()
    await expect(second.get_by_text("Saved. The next call uses this list.")).to_be_visible()
    await first.get_by_label("Force selected codecs on the caller").check()
    await save(first).click()
    await expect(first.get_by_role("group", name="Conflict")).to_contain_text(
        "The list is now G722, PCMA, not forced"
    )
    await first.get_by_role("button", name="Take theirs").click()
    await expect(first.get_by_role("group", name="Conflict")).to_have_count(0)
    await shows_selected(first, ["G722", "PCMA"])
    await expect(first.get_by_label("Force selected codecs on the caller")).not_to_be_checked()


async def test_of_many_saves_at_once_one_wins_and_the_others_are_told(
    visit: Open, known: Known
) -> None:
    page = await visit("race")
    token = await page.locator('[name="csrfmiddlewaretoken"]').first.input_value()
    base, url = ",".join(OWN), page.url

    async def post(codecs: tuple[str, ...]) -> int:
        fields = [("do", "save"), ("base", base), *(("codec", name) for name in codecs)]
        answer = await page.context.request.post(
            url,
            data=urlencode(fields),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "HX-Request": "true",
                "X-CSRFToken": token,
            },
        )
        return answer.status

    lists = [codecs for codecs in permutations(PLATFORM_CODECS, 2) if set(codecs) <= set(OWN)]
    statuses = await asyncio.gather(*(post(codecs) for codecs in lists))
    assert sorted(statuses) == [200, *[409] * (len(lists) - 1)]


async def test_in_the_django_admin_the_lists_fill_the_text(visit: Open, known: Known) -> None:
    path = f"/admin/connections/connection/{known['connection']['admin']}/change/"
    page = await visit("admin", path=path)
    inbound = page.get_by_role("group", name="Inbound codecs")
    text = page.locator("#id_inbound_codecs")
    await expect(text).to_be_hidden()
    await inbound.get_by_role("button", name="PCMA", exact=True).focus()
    for key in ("Space", "ArrowUp", "ArrowUp", "Space"):
        await page.keyboard.press(key)
    await expect(inbound.locator("[data-said]")).to_have_text("PCMA, position 1 of 3, dropped")
    await expect(text).to_have_value("PCMA, G722, PCMU")
    facts = inbound.locator('[data-codec="OPUS"] .picker-facts')
    await drag_above(page, facts, inbound.locator('.picker-row[data-codec="PCMA"]'))
    await expect(text).to_have_value("OPUS, PCMA, G722, PCMU")
    meaning = inbound.locator("[data-meaning-text]")
    await expect(meaning).to_contain_text("Best 20 kHz audio, worst 3.4 kHz")
    outbound = page.get_by_role("group", name="Outbound codecs")
    for codec in ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA"):
        await outbound.get_by_role("button", name=f"Remove {codec}").click()
    await page.get_by_role("button", name="Save and continue editing").click()
    await expect(outbound.locator("[data-said]")).to_contain_text("A list is never saved empty")
    await outbound.get_by_role("button", name="Use the platform list").click()
    await page.get_by_role("button", name="Save and continue editing").click()
    await expect(page.get_by_text("was changed successfully")).to_be_visible()
    await expect(text).to_have_value("OPUS, PCMA, G722, PCMU")
    await expect(page.locator("#id_outbound_codecs")).to_have_value("")
    await _is_clean(page, 1280, "#id_inbound_codecs-picker")
    plain = await visit("admin", path=path, java_script_enabled=False)
    await plain.locator("#id_inbound_codecs").fill("g722 pcmu")
    await plain.get_by_role("button", name="Save and continue editing").click()
    await expect(plain.locator("#id_inbound_codecs")).to_have_value("G722, PCMU")
    await expect(plain.locator(".picker-list").first).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    visit: Open, width: int, scheme: str
) -> None:
    view: Any = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = await visit("strange", **view)
    await expect(page.get_by_text("Not possible now").first).to_be_visible()
    await _is_clean(page, width)
    await grip(page, "PCMU").focus()
    await page.keyboard.press("Space")
    await _is_clean(page, width)
    await page.keyboard.press("Escape")
    for codec in ("GSM", "PCMU"):
        await page.get_by_role("button", name=f"Remove {codec}").click()
    await save(page).click()
    await expect(page.get_by_text("Not saved: nothing is selected")).to_be_visible()
    await _is_clean(page, width)
    await _is_clean(await visit("strange", role="viewer", **view), width)


async def _is_clean(page: Page, width: int, place: str = "html") -> None:
    # Without fetching the style sheets, which the page's policy keeps from it.
    await insist_on_clean(page, width, within=place, preload=False)
