"""The test of a trunk, as somebody at its page sees it: each gateway asked, a number called."""

import asyncio
import re

import pytest

from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.directory import configuration, trunk
from tests.wire.operator import Operator, text_of

HOST = "127.0.0.23"
PORTS = {name: free_sip_port(HOST) for name in ("good", "mute")}
CONFIGURATION = configuration(
    trunks=[
        trunk("good", gateway=f"sip:{HOST}:{PORTS['good']};transport=udp", codecs=["PCMA"]),
        trunk("nowhere", gateway="sip:no-such-host.invalid"),
        trunk("empty"),
    ]
)
NUMBER = "+12025550100"
PAGE_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def admin(engine: Engine) -> Operator:
    return Operator(engine, role="ADMIN", timeout_s=PAGE_WITHIN_S)


def steps_of(page: str) -> list[tuple[str, str]]:
    """Return how each step went, and its words."""
    steps = re.findall(r'<li class="trial-(\w+)">(.*?)</li>', page, re.DOTALL)
    return [(state, text_of(words)) for state, words in steps]


def trunk_page(admin: Operator, name: str) -> str:
    found = re.search(rf'href="(/trunks/\d+/)"[^>]*>(?:<bdi>)?{name}<', admin.get("/trunks/"))
    assert found is not None
    return found[1]


async def steps_told(admin: Operator, name: str, number: str) -> list[tuple[str, str]]:
    path = f"{trunk_page(admin, name)}test/"
    code, page = await asyncio.to_thread(admin.post, path, number=number)
    assert code == 200, page
    assert "The test is over." in page
    return steps_of(page)


async def test_each_step_of_a_trunks_test_is_explained(engine: Engine, admin: Operator) -> None:
    async with Phone("carrier", "", server=engine.server, host=HOST, port=PORTS["good"]) as gateway:
        testing = asyncio.create_task(steps_told(admin, "good", NUMBER))
        call = await gateway.wait_call(30.0)
        assert NUMBER in call.invite.uri.user
        await call.ring()
        await call.answer_in("PCMA")
        await call.audio(send_hz=440, codec="PCMA", seconds=2.0)
        steps = await testing
    told = dict.fromkeys(words for _, words in steps)
    for words in (
        "Asking it for its OPTIONS",
        "INVITE sent",
        "in PCMA",
        "Audio arrives",
    ):
        assert any(words in step for step in told), (words, steps)
    assert "bad" not in [state for state, _ in steps]
    assert "Ended with 200" in steps[-1][1]


async def test_a_trunk_that_leads_nowhere_says_what_to_do(admin: Operator) -> None:
    states, words = zip(*await steps_told(admin, "nowhere", ""), strict=True)
    assert states == ("doing", "bad")
    assert "Check the gateway's host name." in words[-1]
    ((state, words_of_empty),) = await steps_told(admin, "empty", NUMBER)
    assert state == "bad"
    assert "It has no gateway. Add one on the OUT side." in words_of_empty
