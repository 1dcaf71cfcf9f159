"""Live does not move by itself while twenty calls come and go: layout shift without input.

`VOIPNUMBER_STILL_SECONDS=600` looks for ten minutes, at the pace of real calls.
"""

import datetime as dt
import os
import random
import time
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser import shifts
from tests.browser.chromium import LiveServer
from tests.browser.windows import NewPage, browser, cookies, row, server, visit
from tests.dashboard.live import demo

__all__ = ["browser", "cookies", "server", "visit"]
SECONDS = float(os.environ.get("VOIPNUMBER_STILL_SECONDS", "4"))
AT_ONCE = 20
STEP_S = 0.05
"Between two things that happen; a call has ten of them."
MOST_SHIFT = 0.02
OPUS = {"codec": "OPUS", "offered": ["OPUS", "G722"], "allowed": ["OPUS", "G722"]}


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)], ids=["desk", "phone"])
def test_nothing_moves_by_itself_while_calls_come_and_go(
    server: LiveServer, visit: NewPage, size: tuple[int, int]
) -> None:
    page = visit("/calls/", viewport={"width": size[0], "height": size[1]})
    # Long calls first, so that those that end leave gaps between them.
    lives = [_life(index) for index in range(AT_ONCE)]
    for life in lives:
        server.do("publish", call=next(life))
    expect(page.locator("#live-calls tr")).to_have_count(AT_ONCE)
    page.evaluate("document.getElementById('live-calls').dataset.linger = 1")
    page.evaluate(shifts.FROM_NOW)
    ended = _come_and_go(server, lives, until=time.monotonic() + SECONDS)
    assert ended > 0
    last = demo.ringing()
    server.do("publish", call=last)
    expect(row(page, last)).to_contain_text("Ringing")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
    total = shifts.shifted(page)
    print(f"measured: layout shift {total:.4f} in {SECONDS:.0f} s, {ended} calls ended")
    assert total < MOST_SHIFT, shifts.moved(page)[:20]


def _come_and_go(server: LiveServer, lives: list[Any], *, until: float) -> int:
    """Have something happen to a call after the other until then; return how many ended."""
    chosen, ended = random.Random(7), 0
    while time.monotonic() < until:
        at = chosen.randrange(len(lives))
        happened = next(lives[at], None)
        if happened is None:
            ended += 1
            lives[at] = _life(ended)
        elif "figures of" in happened:
            server.do("measured", calls=happened["figures of"])
        else:
            server.do("publish", call=happened)
        time.sleep(STEP_S if SECONDS < 60 else 4 * STEP_S)
    return ended


def _life(number: int) -> Any:
    """Yield what becomes of one call: each row has more and less to say in turn."""
    started = timezone.now()
    call: Any = demo.ringing(started=started.isoformat())
    yield call
    name = ("Bob", "Alexandra Wilhelmina von und zu Hohenstein", "", "Ann")[number % 4]
    call = {**call, "from_name": name, "state": "early-media"}
    yield call
    if number % 5 == 4:
        yield demo.ended(call, demo.end("engine", "no-common-codec-caller", 488, ADVICE))
        return
    legs = [demo.leg("A", **OPUS), demo.leg("B")]
    call = {**call, "state": "answered", "answered": timezone.now().isoformat(), "legs": legs}
    yield call
    for mos in (4.4, 3.2):
        yield {"figures of": {call["id"]: {"A": [mos, 0.4], "B": [4.1, 12.5]}}}
    last = timezone.now() - dt.timedelta(seconds=6)
    for sample in (demo.silent(last, last=last), demo.quality()):
        yield {**call, "legs": [{**legs[0], "quality": sample}, {**legs[1], "quality": sample}]}
    yield {**call, "state": "held"}
    yield call
    yield demo.ended(call, demo.HUNG_UP)


ADVICE = (
    "No codec in common on the caller's leg. Alice forces G722, PCMU, PCMA; the caller offered "
    "only OPUS. Add OPUS to Alice's inbound list, or turn off forcing."
)
