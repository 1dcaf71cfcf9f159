"""A key is made in the browser, and tried on the page that tells what the API can do."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import LiveServer
from tests.browser.settling import arrive, arrive_again
from tests.browser.test_site import signed_in
from tests.browser.windows import browser

__all__ = ["browser"]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with LiveServer() as server:
        yield server


def test_a_key_is_copied_once_and_opens_the_api(browser: Browser, server: LiveServer) -> None:
    context = signed_in(browser, server.url, viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, errors = context.new_page(), list[str]()
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    arrive(page, "/settings/keys/")
    page.get_by_role("link", name="Make a key").first.click()
    page.get_by_label("Name").fill("CRM")
    page.get_by_label("agents:read").check()
    page.get_by_role("button", name="Make the key").click()
    page.get_by_role("button", name="Copy the key").click()
    expect(page.get_by_role("button", name="Copy the key")).to_contain_text("Copied")
    key = page.evaluate("navigator.clipboard.readText()")
    expect(page.locator("#secret")).to_have_text(key)
    arrive_again(page)
    expect(page.locator("#secret")).to_have_count(0)

    arrive(page, "/v1/docs")
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.locator("input[type=text]").fill(key)
    page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    page.locator("#operations-Voice_agents-list_agents button.opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table")
    expect(answer).to_contain_text("200")
    expect(answer).to_contain_text('"next_cursor": null')
    assert errors == []
    context.close()
