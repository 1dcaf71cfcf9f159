"""The test of a trunk in a browser: every step appears, also those after the first few."""

from tests.browser.chromium import async_chromium
from tests.peers.engine import Engine
from tests.wire.directory import PASSWORD, configuration, trunk
from tests.wire.operator import Operator

GATEWAYS = 4
"More steps than a browser is sent of which it has shown none."
CONFIGURATION = configuration(trunks=[trunk("nowhere", gateway="sip:one.invalid")])
CONFIGURATION["trunks"][0]["out"]["gateways"] = [
    {"uri": f"sip:host-{number}.invalid", "priority": number} for number in range(GATEWAYS)
]
OVER_WITHIN_MS = 40_000


async def test_each_step_is_shown_until_the_test_is_over() -> None:
    with Engine(CONFIGURATION) as engine:
        Operator(engine, role="ADMIN")
        async with async_chromium() as browser:
            context = await browser.new_context(base_url=f"http://{engine.host}:{engine.http_port}")
            page = await context.new_page()
            await page.goto("/accounts/login/?next=/trunks/1/")
            await page.fill("#id_username", "olga")
            await page.fill("#id_password", PASSWORD)
            await page.click("button.primary")
            await page.get_by_role("button", name="Test this trunk").click()
            over = page.get_by_text("The test is over.")
            await over.wait_for(timeout=OVER_WITHIN_MS)
            assert await page.locator(".trial-steps .trial-bad").count() == GATEWAYS
            assert await page.locator(".trial-steps li").count() == 2 * GATEWAYS
            await context.close()
