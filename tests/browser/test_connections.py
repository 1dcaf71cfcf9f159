"""A connection from the first click to a phone that is registered: Chromium, engine and phone."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.asking import SOONER
from tests.browser.chromium import PASSWORD, PATIENCE_MS
from tests.browser.scene import MARKS, address, barriers, browser
from tests.browser.settling import arrive_again_async, arrive_async
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire import directory
from tests.wire.directory import configuration, connection

__all__ = ["browser"]
ADMIN = f"""
from django.contrib.auth.models import User
User.objects.create_superuser("admin", password="{PASSWORD}")
"""
SEEN_MS = 20_000
"Two refreshes, on a machine that does much else."
pytestmark = MARKS


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(configuration()) as running:
        running.shell(ADMIN)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def context(engine: Engine, browser: Browser) -> AsyncIterator[BrowserContext]:
    opened = await browser.new_context(base_url=address(engine))
    await opened.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.set_default_timeout(PATIENCE_MS)
    await sign_in(opened)
    yield opened
    await opened.close()


async def sign_in(context: BrowserContext) -> None:
    page = await context.new_page()
    await arrive_async(page, "/accounts/login/")
    await page.fill("#id_username", "admin")
    await page.fill("#id_password", PASSWORD)
    await page.click("button.primary")
    # Closed on its way to another address, a page of Chromium's may never say that it is.
    await page.wait_for_url(lambda url: "login" not in url)
    await page.close()


async def copied(page: Page, what: str) -> str:
    """Press the copy button of a value and return what is in the clipboard then."""
    button = page.get_by_role("button", name=f"Copy the {what}", exact=True)
    await button.click()
    await expect(button).to_have_text("Copied")
    text: str = await page.evaluate("navigator.clipboard.readText()")
    return text


async def test_a_phone_set_up_from_the_page_is_seen_to_register(
    engine: Engine, context: BrowserContext
) -> None:
    page, overview = await context.new_page(), await context.new_page()
    for one in (page, overview):
        await one.add_init_script(SOONER)
    await arrive_async(page, "/connections/")
    await page.get_by_role("link", name="Add the first connection").click()
    await page.locator("#main").get_by_label("Name").fill("Alice")
    await page.locator("#main").get_by_label("SIP user").fill("alice")
    await page.get_by_role("button", name="Add the connection").click()

    await expect(page.locator("#connection-state")).to_contain_text("Not registered")
    password = await copied(page, "password")
    await expect(page.locator("#password")).to_have_text(password)
    server = (await copied(page, "server"), int(await copied(page, "port")))
    assert server == engine.server
    user = await copied(page, "user name")

    await arrive_async(overview, "/connections/")
    row = overview.get_by_role("row").filter(has_text="alice")
    await expect(row).to_contain_text("Not registered")
    link = overview.get_by_role("link", name="Alice")
    await link.focus()
    for one in (page, overview):
        await one.evaluate("window.notReloaded = true")

    async with Phone(user, password, server=server) as phone:
        phone.user_agent = "scripted <b>phone</b>"
        assert (await phone.register()).code == 200
        await expect(row).to_contain_text("scripted <b>phone</b>, since", timeout=SEEN_MS)
        await expect(row.locator(".badge")).to_have_text("Registered")
        await expect(link).to_be_focused()
        state = page.locator("#connection-state")
        await expect(state).to_contain_text("Registered", timeout=SEEN_MS)
        await expect(page.locator("#password")).to_have_text(password)
        assert (await phone.register(expires_s=0)).code == 200
        await expect(row).to_contain_text("Not registered", timeout=SEEN_MS)
        assert (await phone.register(password="wrong password")).code == 401
    for one in (page, overview):
        assert await one.evaluate("window.notReloaded")

    await arrive_again_async(page)
    await expect(page.get_by_role("heading", name="Alice")).to_be_visible()
    await expect(page.locator("#password")).to_have_count(0)
    assert password not in await page.content()
    await page.locator(".tabs").get_by_role("link", name="Settings").click()
    await page.go_back()
    assert password not in await page.content()

    await page.get_by_role("link", name="Calls and rejections").click()
    refused = page.get_by_role("table", name="Recent rejections")
    await expect(refused.get_by_role("row").nth(1)).to_contain_text("REGISTER")


async def test_it_says_so_when_states_are_not_refreshed(
    engine: Engine, context: BrowserContext
) -> None:
    engine.provision(configuration(connection("bob")))
    page = await context.new_page()
    await page.clock.install()
    await arrive_async(page, "/connections/")
    words = page.locator("[data-refresh-state]")
    await expect(words).to_have_text("Refreshed every 5 s")
    await context.set_offline(True)
    await page.clock.run_for(5000)
    await expect(words).to_contain_text("the server does not answer", timeout=SEEN_MS)
    await context.set_offline(False)
    await page.clock.run_for(5000)
    await expect(words).to_have_text("Refreshed every 5 s", timeout=SEEN_MS)


async def test_without_javascript_it_is_added_changed_and_deleted(
    engine: Engine, browser: Browser
) -> None:
    context = await browser.new_context(base_url=address(engine), java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    await sign_in(context)
    page = await context.new_page()
    await arrive_async(page, "/connections/add/")
    await page.locator("#main").get_by_label("Name").fill("Plain")
    await page.locator("#main").get_by_label("SIP user").fill("plain")
    await page.get_by_role("button", name="Add the connection").click()
    await expect(page.locator("#password")).to_be_visible()
    tabs = page.get_by_role("navigation", name="Parts of this connection")
    await tabs.get_by_role("link", name="Settings").click()
    await page.locator("#main").get_by_label("Concurrent calls").fill("2")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.locator("#main").get_by_label("Concurrent calls")).to_have_value("2")
    await page.get_by_role("button", name="Disable").click()
    await expect(page.locator("#connection-state")).to_contain_text("Disabled")
    await arrive_async(page, "/connections/?q=plain")
    await expect(page.get_by_role("row")).to_have_count(2)
    await page.get_by_role("link", name="Plain").click()
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete Plain").click()
    await expect(page.get_by_text("Plain (plain) was deleted.")).to_be_visible()
    await context.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
async def test_axe_finds_nothing_serious_on_any_tab_and_nothing_scrolls_sideways(
    engine: Engine, context: BrowserContext, width: int, scheme: str
) -> None:
    engine.provision(configuration(connection("carol", inbound=("G722", "PCMU"))))
    page = await context.new_page()
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await arrive_async(page, "/connections/?q=carol")
    await page.get_by_role("link", name="carol").click()
    await page.wait_for_url("**/connections/*/")
    shown = page.url
    async with Phone("carol", directory.PASSWORD, server=engine.server) as phone:
        assert (await phone.register()).code == 200
        for tab in ("inbound", "outbound", "settings", "registrations", "phone", "calls"):
            await arrive_async(page, f"{shown}?tab={tab}")
            found = await barriers(page)
            assert [one for one in found if one[1] in ("serious", "critical")] == []
            over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, f"{tab} is {over} px too wide"
            current = page.locator(".tabs [aria-current]")
            await expect(current).to_be_in_viewport(ratio=0.9)
