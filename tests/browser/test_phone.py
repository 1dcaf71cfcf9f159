"""The phone in the browser, in a real Chromium with a tone for a microphone, and a real engine."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, async_playwright, expect

from sip.selftests import TONE_HZ
from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.browser.phoning import (
    browser,
    call,
    known,
    measured,
    open_page,
    phone_page,
    record_of,
    state_is,
    talking,
    up,
)
from tests.browser.scene import MARKS, Known, Open, insist_on_clean, windows
from tests.browser.settling import arrive_again_async, arrive_async
from tests.browser.sounding import DEVICE, MICROPHONE_HZ, insist_on_tone
from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conversation import CALLEE_HZ, CALLER_HZ, converse, registered
from tests.wire.directory import configuration, connection

__all__ = ["browser", "known", "open_page"]

pytestmark = MARKS
TOP_OF_LEGS = "document.getElementById('call-legs').getBoundingClientRect().top"
"In one step: a live page may put another element in its place between two."
PHONE_HZ = 950
CONFIGURATION = configuration(
    connection("alice", outbound=["OPUS", "PCMU"]),
    connection("bob", inbound=["G722", "PCMU"]),
    connection("carol"),
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(CONFIGURATION) as running:
        yield running


async def test_the_browser_hears_a_tone_and_its_own_echo(engine: Engine, open_page: Open) -> None:
    page = await phone_page(open_page)
    await page.get_by_role("button", name="Test tone *tone").click()
    await state_is(page, "Talking")
    await insist_on_tone(page, TONE_HZ)
    await page.get_by_role("button", name="Hang up").click()
    await state_is(page, "Ended")
    await page.get_by_role("button", name="Done").click()
    await call(page, "*echo")
    await state_is(page, "Talking")
    await insist_on_tone(page, MICROPHONE_HZ)
    await page.get_by_role("button", name="Hang up").click()
    await expect(page.locator("#phone-call")).to_contain_text("Hung up")
    record = await record_of(engine, page)
    assert record["source"] == "browser:admin"
    assert record["destination"] == "test:echo"
    assert record["termination"]["reason"] == "caller-hung-up"
    leg = record["legs"][0]
    assert (leg["codec"], leg["remote"], leg["call_id"]) == (None, "PCM 16 kHz", "")
    told = await open_page(f"/calls/{record['id']}/")
    await expect(told.locator("#call-legs")).to_contain_text("Browser of admin")
    await expect(told.locator("#call-legs")).to_contain_text("A browser: PCM 16 kHz")
    await expect(told.locator("#call-head")).to_contain_text("PCM 16 kHz to")
    await arrive_async(told, "/settings/audit/")
    await expect(told.locator("main")).to_contain_text("called Echo test (*echo) from the browser")


async def test_a_connection_is_called_by_its_own_list(engine: Engine, open_page: Open) -> None:
    page = await phone_page(open_page)
    async with registered(engine, "bob") as bob:
        await call(page, "Bob (bob)", as_whom="Alice")
        incoming = await bob.wait_call()
        assert "G722" in incoming.offer_sdp
        assert "opus" not in incoming.offer_sdp
        await incoming.ring()
        await state_is(page, "It rings")
        await incoming.answer_in("G722")
        await state_is(page, "Talking")
        for _ in range(5):
            heard = await incoming.audio(send_hz=PHONE_HZ, codec="G722", seconds=1.6)
            if heard.near(MICROPHONE_HZ):
                break
        assert heard.near(MICROPHONE_HZ), heard
        async with incoming.sounding(send_hz=PHONE_HZ, codec="G722"):
            await insist_on_tone(page, PHONE_HZ)
        await page.get_by_role("button", name="Hang up").click()
        await asyncio.wait_for(incoming.ended.wait(), 15)
    record = await record_of(engine, page)
    assert (record["source"], record["destination"]) == ("connection:alice", "connection:bob")
    assert [leg["codec"] for leg in record["legs"]] == [None, "G722"]


async def test_the_browser_rings_for_a_connection_beside_its_phones(
    engine: Engine, open_page: Open
) -> None:
    page = await phone_page(open_page)
    other = await phone_page(open_page)
    await page.get_by_role("combobox", name="Connection").fill("carol")
    await page.get_by_role("button", name="Call me here").press("Enter")
    await expect(page.locator("#phone-taking")).to_have_text(
        "This browser rings when Carol (carol) is called."
    )
    async with registered(engine, "alice") as alice, registered(engine, "carol") as carol:
        call_in = await alice.invite("carol", alice.sdp(["PCMU"]))
        at_phone = await carol.wait_call()
        await state_is(page, "Somebody calls")
        await expect(page.locator("#phone-who")).to_have_text("Alice (alice)")
        await page.keyboard.press("Enter")  # the button Answer has the focus
        await call_in.answered()
        await asyncio.wait_for(at_phone.ended.wait(), 15)
        await state_is(page, "Talking")
        for _ in range(5):
            heard = await call_in.audio(send_hz=PHONE_HZ, codec="PCMU", seconds=1.6)
            if heard.near(MICROPHONE_HZ):
                break
        assert heard.near(MICROPHONE_HZ), heard
        await page.get_by_role("button", name="Mute").click()
        for _ in range(5):
            heard = await call_in.audio(send_hz=PHONE_HZ, codec="PCMU", seconds=1.0)
            if not heard.near(MICROPHONE_HZ):
                break
        assert not heard.near(MICROPHONE_HZ), heard
        await other.close()
        assert (await call_in.hang_up()).code == 200
        await state_is(page, "Ended")
        record = await engine.record(call_in.call_id)
    legs = {leg["name"]: leg for leg in record["legs"]}
    assert "PCM 16 kHz" in {leg["remote"] for leg in legs.values()}
    assert legs["A"]["codec"] == "PCMU"


async def test_keys_reach_the_other_side_and_a_lost_page_ends_its_call(
    engine: Engine, open_page: Open
) -> None:
    page = await phone_page(open_page)
    async with registered(engine, "bob") as bob:
        incoming = await talking(page, "bob", bob, "PCMU")
        await page.locator("#phone-keys summary").click()
        async with incoming.sounding(send_hz=PHONE_HZ, codec="PCMU") as types:
            await page.get_by_role("button", name="5", exact=True).click()
            await page.keyboard.press("#")
            await expect(page.locator("#phone-pressed")).to_have_text("5#")
            # Sound, and telephone-events.
            await until(lambda: len(types) == 2, "no telephone-events arrive")
        await page.close(run_before_unload=False)
        await asyncio.wait_for(incoming.ended.wait(), 15)


async def test_what_cannot_be_called_is_said(engine: Engine, open_page: Open) -> None:
    page = await phone_page(open_page)
    said = page.locator("#phone-said")
    for to, words in (
        ("nobody", "Nobody here has the number or SIP user 'nobody'"),
        ("alice", "Alice is not registered"),
    ):
        await call(page, to)
        await state_is(page, "Ended")
        await expect(said).to_contain_text(words)
        await page.get_by_role("button", name="Done").click()
    async with registered(engine, "bob") as bob:
        await call(page, "bob")
        incoming = await bob.wait_call()
        await incoming.reject(486)
        await state_is(page, "Ended")
        await expect(said).to_contain_text("busy")
    await insist_on_clean(page, 1280)


async def tops_of_legs(page: Page) -> list[float]:
    """Return where the legs begin, by width of the window."""
    tops = []
    for width in (390, 1280):
        await page.set_viewport_size({"width": width, "height": 900})
        tops.append(await page.evaluate(TOP_OF_LEGS))
    return tops


async def test_somebody_listens_one_party_in_each_ear(engine: Engine, open_page: Open) -> None:
    async with registered(engine, "alice") as alice, registered(engine, "carol") as carol:
        talk = await converse(engine, alice, carol, offer=["PCMU"], answer=["PCMU"])
        (key,) = await up(engine)
        page, looks_on = (
            await open_page(f"/calls/{key}/"),
            await open_page(f"/calls/{key}/", role="viewer"),
        )
        await measured(page)
        await expect(looks_on.get_by_role("button", name="Listen")).to_have_count(0)
        async with (
            talk.a.sounding(send_hz=CALLER_HZ, codec="PCMU"),
            talk.b.sounding(send_hz=CALLEE_HZ, codec="PCMU"),
        ):
            await expect(page.locator("#call-legs")).to_be_visible()
            tops = await tops_of_legs(page)
            await page.get_by_role("button", name="Listen").click()
            await insist_on_tone(page, CALLER_HZ, ear=0)
            await insist_on_tone(page, CALLEE_HZ, ear=1)
            for seen in (page, looks_on):
                await expect(seen.locator("#listeners")).to_have_text(
                    "admin is listening in the browser."
                )
            await expect(page.locator("#listen-said")).to_contain_text("First leg in the left ear")
            assert await tops_of_legs(page) == tops, "who listens moves the page"
            await arrive_again_async(looks_on)
            await expect(looks_on.locator("#listeners")).to_contain_text("admin is listening")
            await insist_on_clean(page, 1280)
            await page.get_by_role("button", name="Stop listening").click()
            await expect(looks_on.locator("#listeners")).to_have_text("")
        await talk.end()
    await arrive_async(page, "/settings/audit/")
    await expect(page.locator("main")).to_contain_text("listened in the browser")


async def test_a_microphone_that_is_denied_is_said(engine: Engine, known: Known) -> None:
    async with async_playwright() as playwright:
        arguments = [*ARGUMENTS, DEVICE, "--deny-permission-prompts"]
        deaf = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        async with windows(engine, deaf, known, said=[]) as open_one:
            page = await open_one("/phone/")
            await expect(page.locator("#phone-server")).to_have_text("connected")
            await call(page, "*echo")
            await state_is(page, "Ended")
            await expect(page.locator("#phone-said")).to_contain_text("may not use the microphone")
        await deaf.close()


async def test_who_may_not_call_is_not_shown_the_phone(open_page: Open) -> None:
    page = await open_page("/", role="viewer")
    await expect(page.locator(".rail")).to_contain_text("Rejected")
    await expect(page.locator(".rail")).not_to_contain_text("Phone")
