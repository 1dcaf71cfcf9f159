"""Gateways and trunks put in order in a real Chromium, and the real call that follows the order."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.scene import (
    MARKS,
    Known,
    Open,
    browser,
    centre,
    drag_above,
    finger,
    insist_on_clean,
    quiet_windows,
    signed_in,
    stays,
    tab_to,
)
from tests.browser.settling import arrive_again_async, arrive_async
from tests.peers.engine import Engine
from tests.peers.gateway import Gateway
from tests.peers.ports import free_sip_port
from tests.peers.waiting import until
from tests.wire.conftest import engine
from tests.wire.conversation import caller
from tests.wire.directory import configuration, connection

__all__ = ["browser", "engine"]
HOST = "127.0.0.23"
LOGIN, SECRET = "we-at-carrier", "s3cret-of-the-trunk"
PORTS = {name: free_sip_port(HOST) for name in "abc"}
TRUNKS = ("mouse", "touch", "keys", "plain", "still", "two", "race")
"One trunk a test, so that no test depends on another. Calls to +1, +2, ... go to it."
PREFIX = {name: f"+{number}" for number, name in enumerate(TRUNKS, start=1)}


def uri(gateway: str) -> str:
    return f"sip:{HOST}:{PORTS[gateway]}"


def _trunk(name: str, gateways: str) -> dict[str, Any]:
    listed = [{"uri": uri(one), "priority": place} for place, one in enumerate(gateways, 1)]
    codecs = ["PCMA"]
    login = {"username": LOGIN, "password": SECRET}
    return {
        "name": name,
        "in": {"codecs": codecs},
        "out": {"codecs": codecs, "gateways": listed, **login},
    }


CONFIGURATION = configuration(
    connection("carol"),
    trunks=[*(_trunk(name, "abc") for name in TRUNKS), *(_trunk(f"only-{x}", x) for x in "abc")],
    routes={
        **{PREFIX[name]: [name] for name in TRUNKS},
        "+9": ["only-a", "only-b", "only-c"],
    },
)
ROWS = """
from trunks.models import Route, Trunk
for row in Trunk.objects.all():
    print("trunk", row.name, row.pk)
print("route", "+9", Route.objects.get(prefix="+9").pk)
"""
pytestmark = MARKS


@pytest.fixture(scope="module")
def known(engine: Engine) -> Known:
    """Return session keys by role, and row keys by name."""
    return signed_in(engine, ROWS)


@pytest_asyncio.fixture(loop_scope="module")
async def visit(engine: Engine, browser: Browser, known: Known) -> AsyncIterator[Open]:
    """Open a trunk's OUT part."""
    async with quiet_windows(engine, browser, known) as open_page:

        async def open_trunk(trunk: str, *, path: str = "", **more: Any) -> Page:
            return await open_page(path or f"/trunks/{known['trunk'][trunk]}/out/", **more)

        yield open_trunk


def row(page: Page, name: str) -> Locator:
    return page.locator(f'.order-row[data-name="{name}"]')


def grip(page: Page, name: str) -> Locator:
    return row(page, name).locator(".order-grip")


def save(page: Page) -> Locator:
    return page.get_by_role("button", name="Save the order")


def main_menu(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Main")


def unsaved(page: Page) -> Locator:
    return page.locator("[data-order] [data-unsaved]")


async def shows(page: Page, order: str) -> None:
    """Wait until the order is this, as letters, and the numbers beside it count from 1."""
    rows = page.locator(".order-row")
    await expect(rows).to_have_count(len(order))
    for place, one in enumerate(order):
        name = re.compile(f"^({re.escape(uri(one))}|only-{one})$")
        await expect(rows.nth(place)).to_have_attribute("data-name", name)
    counted = [str(number) for number in range(1, len(order) + 1)]
    await expect(page.locator(".order-number")).to_have_text(counted)


async def saves(page: Page, order: str, first: str = "") -> None:
    """Save; the server confirms, and a reload shows what was saved."""
    await save(page).click()
    said = page.get_by_text(f"Saved. The next call tries {first or uri(order[0])} first.")
    await expect(said).to_be_visible()
    await arrive_again_async(page)
    await shows(page, order)
    await expect(unsaved(page)).to_be_hidden()


async def next_call_tries(engine: Engine, number: str, order: str) -> None:
    """Call the number: the gateways get it in this order, all but the last refuse it."""
    async with AsyncExitStack() as stack:
        gateways = {
            one: await stack.enter_async_context(
                Gateway(LOGIN, SECRET, host=HOST, port=PORTS[one], codecs=("PCMA",))
            )
            for one in order
        }
        phone = await stack.enter_async_context(caller(engine, "carol"))
        a = await phone.invite(number, phone.sdp(["PCMA"]))
        for place, one in enumerate(order, start=1):
            b = await gateways[one].wait_call()
            later = [gateways[other] for other in order[place:]]
            assert not any(other.received() for other in later), "each waits for its turn"
            if later:
                await b.reject(503)
            else:
                await b.answer_in("PCMA")
        await a.answered()
        await a.hang_up()
        record = await engine.record(a.call_id)
        assert all(gateway.proved for gateway in gateways.values())
    assert record["termination"]["reason"] == "caller-hung-up"


async def drag(page: Page, what: str, above: str) -> None:
    await drag_above(page, grip(page, what), row(page, above))


async def test_a_gateway_dragged_first_is_what_the_next_call_tries_first(
    engine: Engine, visit: Open
) -> None:
    page = await visit("mouse")
    await shows(page, "abc")
    await drag(page, uri("c"), above=uri("a"))
    await shows(page, "cab")
    await expect(page.locator("[data-order] [data-said]")).to_have_text(
        f"{uri('c')}, position 1 of 3"
    )
    await expect(unsaved(page)).to_be_visible()
    await saves(page, "cab")
    await next_call_tries(engine, PREFIX["mouse"] + "2025550100", "cab")


async def test_a_trunk_of_a_route_dragged_first_is_tried_first(
    engine: Engine, visit: Open, known: Known
) -> None:
    page = await visit("", path=f"/routes/{known['route']['+9']}/")
    await drag(page, "only-c", above="only-a")
    await page.get_by_role("button", name="Move only-b up").click()
    await saves(page, "cba", first="only-c")
    await next_call_tries(engine, "+92025550100", "cba")


async def test_by_keyboard_alone(engine: Engine, visit: Open) -> None:
    page = await visit("keys")
    said = page.locator("[data-order] [data-said]")

    name = uri("c")
    await tab_to(page, grip(page, name))
    await page.keyboard.press("Space")
    await expect(said).to_contain_text(f"{name}, position 3 of 3, lifted.")
    for position in (2, 1):
        await page.keyboard.press("ArrowUp")
        await expect(said).to_have_text(f"{name}, position {position} of 3")
        await expect(grip(page, name)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(said).to_have_text(f"{name}, position 1 of 3: it cannot go further.")
    await page.keyboard.press("Space")
    await expect(said).to_have_text(f"{name}, position 1 of 3, dropped.")
    await tab_to(page, save(page))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(f"Saved. The next call tries {name} first.")).to_be_visible()
    await arrive_again_async(page)
    await shows(page, "cab")
    await next_call_tries(engine, PREFIX["keys"] + "2025550100", "cab")


async def test_without_javascript(engine: Engine, visit: Open) -> None:
    page = await visit("plain", java_script_enabled=False)
    await expect(grip(page, uri("c"))).to_be_hidden()
    await expect(save(page)).to_be_hidden()
    for expected in ("acb", "cab"):
        await page.get_by_role("button", name=f"Move {uri('c')} up").click()
        await shows(page, expected)
    await page.get_by_role("button", name=f"Move {uri('a')} down").click()
    await shows(page, "cba")
    await next_call_tries(engine, PREFIX["plain"] + "2025550100", "cba")


async def test_by_touch(visit: Open) -> None:
    page = await visit("touch", has_touch=True, viewport={"width": 390, "height": 844})
    await grip(page, uri("c")).scroll_into_view_if_needed()
    start = await centre(grip(page, uri("c")))
    x, y = await centre(grip(page, uri("a")))
    touch = await finger(page)
    before = await page.evaluate("scrollY")
    await touch("touchStart", start)
    for part in range(1, 13):
        await touch("touchMove", (x, start[1] + (y - 30 - start[1]) * part / 12))
    await touch("touchEnd")
    await shows(page, "cab")
    assert await page.evaluate("scrollY") == before, "the handle does not scroll the page"
    await page.get_by_role("button", name=f"Move {uri('b')} up").tap()
    await saves(page, "cba")


async def test_what_is_lifted_or_moved_can_be_put_back(visit: Open) -> None:
    page = await visit("still")
    said = page.locator("[data-order] [data-said]")
    await grip(page, uri("a")).focus()
    for key in ("Space", "ArrowDown", "ArrowDown"):
        await page.keyboard.press(key)
    await shows(page, "bca")
    await page.keyboard.press("Escape")
    await expect(said).to_have_text(f"{uri('a')}, position 1 of 3, put back.")
    await expect(grip(page, uri("a"))).to_be_focused()
    await shows(page, "abc")
    await expect(unsaved(page)).to_be_hidden()
    await page.get_by_role("button", name=f"Move {uri('a')} down").click()
    await shows(page, "bac")
    await page.locator("[data-order] [data-discard]").click()
    await shows(page, "abc")
    await expect(unsaved(page)).to_be_hidden()


async def test_leaving_with_an_unsaved_order_is_warned_of(visit: Open) -> None:
    page = await visit("still")
    asked = stays(page)
    await page.get_by_role("button", name=f"Move {uri('a')} down").click()
    await main_menu(page).get_by_role("link", name="Numbers").click(no_wait_after=True)
    await expect(unsaved(page)).to_be_visible()
    await until(lambda: asked == ["beforeunload"], "nothing was asked")
    await page.locator("[data-order] [data-discard]").click()
    await main_menu(page).get_by_role("link", name="Numbers").click()
    await page.wait_for_url("**/numbers/")
    assert asked == ["beforeunload"]


async def test_two_people_get_a_conflict_and_no_lost_update(visit: Open) -> None:
    first, second = await visit("two"), await visit("two")
    await first.get_by_role("button", name=f"Move {uri('b')} up").click()
    await second.get_by_role("button", name=f"Move {uri('c')} up").click()
    await saves(first, "bac")
    await save(second).click()
    conflict = second.get_by_role("alert")
    await expect(conflict).to_contain_text("somebody else changed the list meanwhile")
    await shows(second, "bac")
    await second.get_by_role("button", name=f"Move {uri('c')} up").click()
    await saves(second, "bca")


async def test_of_people_who_save_at_the_same_moment_one_succeeds(visit: Open) -> None:
    orders = ("bca", "cab", "bac", "cba", "acb")
    pages = [await visit("race") for _ in orders]
    keys = {
        one: await row(pages[0], uri(one)).locator('input[name="order"]').input_value()
        for one in "abc"
    }

    async def press_save(page: Page, order: str) -> str:
        form = page.locator("[data-order]")
        names = ("csrfmiddlewaretoken", "based_on")
        body = [(name, await form.locator(f'[name="{name}"]').input_value()) for name in names]
        body += [("order", keys[one]) for one in order]
        answer = await page.request.post(
            str(await form.get_attribute("action")),
            data=urlencode(body),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        return await answer.text()

    answers = await asyncio.gather(*map(press_save, pages, orders))
    won = [order for order, text in zip(orders, answers, strict=True) if "Saved. The" in text]
    told = [text for text in answers if "somebody else changed the list meanwhile" in text]
    assert (len(won), len(told)) == (1, len(orders) - 1)
    await arrive_again_async(pages[0])
    await shows(pages[0], won[0])


async def test_where_a_number_goes_is_searched_and_chosen_by_keys_or_mouse(visit: Open) -> None:
    page = await visit("", path="/numbers/add/")
    await expect(page.get_by_label("Number", exact=True)).to_be_focused()
    field = page.get_by_role("combobox", name="Goes to")
    await field.fill("car")
    option = page.get_by_role("option", name=re.compile("carol connection"))
    await expect(option).to_be_visible()
    await insist_on_clean(page, 1280)
    await field.press("ArrowDown")
    marked = await field.get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{marked}")).to_have_attribute("aria-selected", "true")
    await field.press("Escape")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await field.fill("caro")
    await expect(option).to_be_visible()
    await field.press("ArrowUp")
    await field.press("Enter")
    await expect(field).to_have_value(re.compile(r" \(carol\)$"))
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await field.fill("only")
    await expect(page.get_by_role("option")).to_have_count(3)
    await page.get_by_role("option").first.click()
    await expect(field).not_to_have_value("only")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    visit: Open, known: Known, width: int, scheme: str
) -> None:
    view: Any = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = await visit("still", **view)
    await grip(page, uri("b")).focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowUp")
    await insist_on_clean(page, width)
    await page.keyboard.press("Escape")
    for path in (f"/trunks/{known['trunk']['still']}/in/", "/routes/?number=%2B92&source=carol"):
        await arrive_async(page, path)
        await insist_on_clean(page, width)
    await page.get_by_label("Dialled number").fill("x" * 120)
    await page.get_by_role("button", name="Find out").click()
    await expect(page.get_by_text("No number, no SIP user and no prefix fits")).to_be_visible()
    await insist_on_clean(page, width)
    await insist_on_clean(await visit("still", role="viewer", **view), width)
