"""What people expect of any page: rows that lead somewhere, copying, the first field, the thumb."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import LiveServer
from tests.browser.settling import arrive
from tests.browser.windows import NewPage, browser, cookies, visit

__all__ = ["browser", "cookies", "visit"]
BEGINS_IN = {
    "/connections/add/": "Name",
    "/trunks/add/": "Name",
    "/numbers/add/": "Number",
    "/routes/add/": "Prefix",
    "/settings/users/add/": "User name",
    "/settings/keys/add/": "Name",
}
SMALL_FIELDS = """() => Array.from(document.querySelectorAll("input, select, textarea"))
    .filter((one) => one.checkVisibility() && !["checkbox", "radio", "hidden"].includes(one.type))
    .filter((one) => parseFloat(getComputedStyle(one).fontSize) < 16)
    .map((one) => one.id || one.name)"""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Run a server that has something of everything."""
    with LiveServer() as running:
        running.do("rows")
        yield running


@pytest.mark.parametrize(
    ("path", "cell", "leads_to"),
    [
        ("/trunks/?q=carrier-one", ".number", "/trunks/1/"),
        ("/connections/?q=lobby", "[data-word=Forces]", "/connections/3/"),
        ("/history/?outcome=busy", ".c-time", "/calls/"),
    ],
)
def test_a_row_leads_where_its_name_leads(
    server: LiveServer, visit: NewPage, path: str, cell: str, leads_to: str
) -> None:
    server.do("everything")
    page = visit(path, live=False)
    page.locator(f"#listing tbody tr:first-child {cell}").first.click()
    page.wait_for_url(lambda url: leads_to in url and path not in url)


def test_a_value_is_copied_over_plain_http_too(server: LiveServer, visit: NewPage) -> None:
    def over_http(page: Page) -> None:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    page = visit("/connections/1/?tab=phone", live=False, before=over_http)
    button = page.locator("[data-copy]").first
    value = button.get_attribute("data-copy") or ""
    button.click()
    expect(button).to_contain_text("Copied")
    expect(button).to_be_focused()
    field = page.locator("#top-search")
    field.focus()
    page.keyboard.press("Control+V")
    expect(field).to_have_value(value)


def test_a_form_that_adds_something_begins_in_its_first_field_and_has_one_save(
    visit: NewPage,
) -> None:
    page = visit("/", live=False)
    for path, label in BEGINS_IN.items():
        arrive(page, path)
        main = page.locator("#main")
        expect(main.get_by_label(label, exact=True)).to_be_focused()
        expect(main.locator(".form-actions .primary")).to_have_count(1)
        with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
            page.evaluate("document.querySelector('main form[data-first]').noValidate = true")
            main.locator(".form-actions .primary").click()
        assert posted.value.status == 422, path
        expect(main.locator("[aria-invalid=true]").first).to_be_focused()


@pytest.mark.parametrize("path", ["/", "/calls/", "/history/", "/connections/1/?tab=settings"])
def test_no_field_makes_a_phone_zoom_in(visit: NewPage, path: str) -> None:
    page = visit(path, live=False, viewport={"width": 390, "height": 844})
    assert page.evaluate(SMALL_FIELDS) == []
