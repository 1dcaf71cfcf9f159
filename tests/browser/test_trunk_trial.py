"""The test of a trunk in a browser: every step appears, also those after the first few."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.async_api import expect

from tests.browser.chromium import async_chromium
from tests.browser.settling import arrive_async
from tests.peers.engine import Engine
from tests.peers.ports import free_sip_port
from tests.wire.directory import PASSWORD, configuration, trunk
from tests.wire.operator import Operator

SILENT = [("127.0.0.41", free_sip_port("127.0.0.41")), ("127.0.0.42", free_sip_port("127.0.0.42"))]
"What is told while each says nothing is more than a browser is sent that has shown none of it."
CONFIGURATION = configuration(trunks=[trunk("nowhere", gateway="sip:one.invalid")])
CONFIGURATION["trunks"][0]["out"]["gateways"] += [
    {"uri": f"sip:{host}:{port}", "priority": 2 + at} for at, (host, port) in enumerate(SILENT)
]
GATEWAYS = 1 + len(SILENT)
OVER_WITHIN_MS = 40_000
SELECT = "what => { getSelection().selectAllChildren(what); return String(getSelection()); }"


@pytest.fixture
def silent() -> Iterator[None]:
    """Keep the ports of gateways that never answer."""
    with ExitStack() as stack:
        for address in SILENT:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind(address)
        yield


async def test_each_step_is_shown_until_the_test_is_over(silent: None) -> None:
    with Engine(CONFIGURATION) as engine:
        Operator(engine, role="ADMIN")
        async with async_chromium() as browser:
            context = await browser.new_context(base_url=f"http://{engine.host}:{engine.http_port}")
            page = await context.new_page()
            await arrive_async(page, "/accounts/login/?next=/trunks/1/")
            await page.fill("#id_username", "olga")
            await page.fill("#id_password", PASSWORD)
            await page.click("button.primary")
            await page.get_by_role("button", name="Test this trunk").click()
            over = page.get_by_text("The test is over.")
            first = page.locator(".trial-steps .trial-bad bdi").first
            selected = await first.evaluate(SELECT)
            await over.wait_for(timeout=OVER_WITHIN_MS)
            assert await page.evaluate("String(getSelection())") == selected != ""
            await expect(page.locator(".trial-steps .trial-bad")).to_have_count(GATEWAYS)
            await expect(page.locator(".trial-steps li")).to_have_count(2 + 3 * len(SILENT))
            await context.close()
