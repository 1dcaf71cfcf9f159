"""The codec picker as a person finds it on a page, and the real call that follows its list."""

from collections.abc import Sequence

from playwright.async_api import Locator, Page, expect

from tests.browser.settling import arrive_again_async
from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse, registered


def row(page: Page, codec: str) -> Locator:
    return page.locator(f'.picker-row[data-codec="{codec}"]')


def grip(page: Page, codec: str) -> Locator:
    return row(page, codec).locator(".picker-grip")


def save(page: Page) -> Locator:
    return page.get_by_role("button", name="Save", exact=True)


async def shows_selected(page: Page, codecs: Sequence[str]) -> None:
    """Wait until these are selected, in this order: a page may still be on its way."""
    rows = page.locator('[data-list="selected"] > .picker-row')
    await expect(rows).to_have_count(len(codecs))
    for place, codec in enumerate(codecs):
        await expect(rows.nth(place)).to_have_attribute("data-codec", codec)


async def shows_numbers(page: Page, count: int) -> None:
    """Wait until the places of what is selected are counted from 1."""
    numbers = page.locator('[data-list="selected"] [data-number]')
    await expect(numbers).to_have_text([str(number) for number in range(1, count + 1)])


async def saves(page: Page, *expected: str) -> None:
    """Save; the server confirms, and a reload shows what was saved."""
    await save(page).click()
    confirmed = page.get_by_role("status").filter(has_text="Saved. The next call uses this list.")
    await expect(confirmed).to_be_visible()
    await arrive_again_async(page)
    await shows_selected(page, list(expected))
    await shows_numbers(page, len(expected))
    await expect(page.get_by_text("Unsaved changes")).to_be_hidden()


async def next_call_uses(engine: Engine, user: str, *expected: str) -> None:
    """Call the connection: its phone is offered exactly this list, and takes and hears the first.

    The caller's leg is on the platform list.
    """
    async with registered(engine, user) as callee, caller(engine) as phone:
        call = await converse(engine, phone, callee, offer=["OPUS", "PCMU"])
        offered = descriptions.names(call.b.offer_sdp)
        assert [name for name in offered if name != "telephone-event"] == list(expected)
        await call.hears_both_ways(codec_a="OPUS", codec_b=expected[0], seconds=1)
        record = await call.end()
    assert record["legs"][1]["codec"] == expected[0]
