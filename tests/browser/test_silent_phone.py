"""A phone that is stopped in a call: every page says so, none a figure it does not have."""

import asyncio
import datetime as dt
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.scene import MARKS, Open, browser, signed_in, windows
from tests.peers.baresip import Baresip
from tests.peers.engine import Engine
from tests.spent import starved_s
from tests.wire.directory import PASSWORD, configuration, connection

__all__ = ["browser"]
pytestmark = [
    *MARKS,
    pytest.mark.skipif(shutil.which("baresip") is None, reason="needs Debian's baresip-core"),
]
FIGURE = re.compile(r"[1-5]\.\d")
NO_FIGURE = re.compile(r"^\s*-")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    people = (connection("alice", inbound=["PCMU"]), connection("bob", inbound=["PCMU"]))
    with Engine(configuration(*people)) as running:
        yield running


@asynccontextmanager
async def talking(engine: Engine) -> AsyncIterator[Baresip]:
    """Have alice in a call with bob, who is yielded."""
    at = (engine.host, engine.port)
    codecs = ("PCMU",)
    async with (
        Baresip("bob", PASSWORD, server=at, codecs=codecs, auto_answer=True) as bob,
        Baresip("alice", PASSWORD, server=at, codecs=codecs) as alice,
    ):
        await bob.registered()
        await alice.dial("bob")
        await alice.wait_for("CALL_ESTABLISHED")
        try:
            yield bob
        finally:
            bob.process.send_signal(signal.SIGCONT)
            await alice.hang_up()


async def opened(open_page: Open) -> tuple[Page, Page, Page]:
    """Return Live, the page of its one call, and the overview, each told what happens."""
    live = await open_page("/calls/")
    await expect(live.locator("#live-calls .badge-up")).to_have_count(1)
    call = await open_page(await live.locator("#live-calls a.who").get_attribute("href"))
    overview = await open_page("/")
    for page in (live, call):
        await page.locator("#live-state[data-state=open]").wait_for()
    return live, call, overview


async def test_a_stopped_phone_is_silent_on_every_page_until_it_goes_on(
    engine: Engine, browser: Browser
) -> None:
    said: list[str] = []
    known = signed_in(engine, "")
    async with talking(engine) as bob, windows(engine, browser, known, said=said) as open_page:
        live, call, overview = await opened(open_page)
        in_row, on_page = live.locator("#live-calls .mos").nth(1), call.locator("#quality-B")
        await expect(in_row).to_have_text(FIGURE)
        await expect(on_page).to_have_text(FIGURE)
        telling = {
            "Live": live.locator("#live-calls"),
            "call": on_page,
            "bridge": call.locator(".bridge-middle"),
            "timeline": call.locator("#timeline li").first,
            "overview": overview.locator(".now"),
        }
        before = _waited_s(engine)
        os.kill(bob.process.pid, signal.SIGSTOP)
        stopped, stopped_at = time.monotonic(), dt.datetime.now(dt.UTC)
        figures = [
            _after(stopped, expect(in_row).to_have_text(NO_FIGURE)),
            _after(
                stopped,
                expect(on_page.locator("dl > div").first).to_have_text(re.compile(r"MOS\s*-")),
            ),
        ]
        words = [_after(stopped, _says(place, "no audio")) for place in telling.values()]
        no_figure, told = await asyncio.gather(asyncio.gather(*figures), asyncio.gather(*words))
        # Counted from the last packet itself, not from the second's sample that saw it; and read
        # as late as its call process found no processor free.
        since = await on_page.locator("[data-since]").get_attribute("data-since")
        late_s = max(waited - before.get(task, 0.0) for task, waited in _waited_s(engine).items())
        latest = stopped_at + dt.timedelta(seconds=0.2 + late_s)
        assert dt.datetime.fromisoformat(since or "") < latest
        await expect(on_page).not_to_have_text(re.compile("MOS"))
        await expect(in_row).to_have_text(NO_FIGURE)

        bob.process.send_signal(signal.SIGCONT)
        went_on = time.monotonic()
        places = [telling[name] for name in ("Live", "call", "bridge", "overview")]
        back = await asyncio.gather(
            *(_after(went_on, _says(place, "no audio", gone=True)) for place in places),
            _after(went_on, _says(telling["timeline"], "audio from Bob is back")),
            _after(went_on, expect(in_row).to_have_text(FIGURE)),
        )
        print(f"measured: no MOS after {no_figure}, said after {told}, taken back after {back} s")
    assert said == []


def _waited_s(engine: Engine) -> dict[str, float]:
    """Return how long each thread of the engine's processes has waited for a processor."""
    tasks = [str(task) for pid in engine.children() for task in Path(f"/proc/{pid}/task").glob("*")]
    waited = dict[str, float]()
    for task in tasks:
        with suppress(OSError):  # one that has ended since
            waited[task] = starved_s(task.removeprefix("/proc/"))
    return waited


async def _says(place: Locator, words: str, *, gone: bool = False) -> None:
    pattern = re.compile(words, re.IGNORECASE)
    await (expect(place).not_to_have_text(pattern) if gone else expect(place).to_have_text(pattern))


async def _after(moment: float, event: object) -> float:
    await event  # type: ignore[misc]
    return round(time.monotonic() - moment, 1)
