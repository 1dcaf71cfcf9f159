"""The pages of trunks as a person has them: told what changes, and filled in."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import LiveServer
from tests.browser.windows import NewPage, browser, cookies, visit, without_websocket

__all__ = ["browser", "cookies", "visit"]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has trunks."""
    with LiveServer() as running:
        running.do("rows")
        yield running


def test_a_trunk_that_goes_down_says_so_in_the_list_and_on_its_page(
    server: LiveServer, visit: NewPage
) -> None:
    listed, own = visit("/trunks/?q=carrier"), visit("/trunks/1/")
    states = [page.locator("[data-trunk-state='1'] .badge") for page in (listed, own)]
    told = [(True, "Ready", "200 OK"), (False, "Some gateways down", "no answer")]
    for is_up, word, said in told:
        server.do("gateway heard", trunk=1, is_up=is_up, said=said)
        for state in states:
            expect(state).to_have_text(word)
            expect(state).to_have_class(re.compile("badge-up" if is_up else "badge-wait"))
        expect(own.locator("#trunk-standing")).to_contain_text(said)
    assert not [url for url in own.asked if "/standing/" in url][1:], "told, not asked for"  # type: ignore[attr-defined]
    for page in (listed, own):
        assert page.said == []  # type: ignore[attr-defined]


def test_without_a_websocket_a_trunks_page_asks(server: LiveServer, visit: NewPage) -> None:
    page = visit("/trunks/1/", live=False, before=without_websocket)
    expect(page.locator("#live-state")).to_contain_text("asking every 2 seconds")
    server.do("gateway heard", trunk=1, is_up=True, said="200 OK")
    expect(page.locator("[data-trunk-state='1']")).to_have_text("Ready")
    expect(page.locator("#trunk-standing")).to_contain_text("200 OK")


def test_rules_are_edited_and_a_number_is_tried_by_them(visit: NewPage) -> None:
    page = visit("/trunks/1/numbers/", live=False)
    rules = page.get_by_label("IN: dialled number")
    rules.fill("0|. -> +44$\n(0+)+ -> 1")
    page.get_by_role("button", name="Save").click()
    wrong = page.locator(".field.invalid")
    expect(wrong).to_have_count(1)
    expect(wrong.locator("label")).to_contain_text("IN: dialled number")
    expect(wrong.locator(".field-error")).to_contain_text("Line 2: ")
    expect(rules).to_have_value("0|. -> +44$\n(0+)+ -> 1")
    rules.fill("0|. -> +44$")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_contain_text("It holds for the next call.")
    page.get_by_label("What would it become?").fill("020 7946 0018")
    page.get_by_role("button", name="Find out").click()
    expect(page.locator("#becomes dd").first).to_have_text("+442079460018 by 0|. -> +44$")


def test_countries_are_allowed_and_a_wrong_one_is_told_at_its_field(visit: NewPage) -> None:
    page = visit("/trunks/1/permissions/", live=False)
    countries = page.get_by_label("Allowed countries")
    page.get_by_label("International calls").select_option("listed")
    countries.fill("fr, UK")
    page.get_by_role("button", name="Save").click()
    wrong = page.locator(".field.invalid")
    expect(wrong).to_have_count(1)
    expect(wrong.locator("label")).to_contain_text("Allowed countries")
    expect(wrong.locator(".field-error")).to_contain_text("GB is meant?")
    countries.fill("fr, gb")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flash")).to_contain_text("It holds for the next call.")
    expect(countries).to_have_value("FR, GB")
    expect(page.get_by_label("International calls")).to_have_value("listed")
