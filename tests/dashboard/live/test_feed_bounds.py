"""The feed is bounded in what it sends, in what it keeps for slow browsers and in what it costs."""

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from callengine.core.snapshot import CallSnapshot
from callengine.notices import groups
from dashboard.calls import list_topic
from dashboard.live import feed, outbox
from dashboard.live.outbox import READ_ANEW, WINDOW
from tests.dashboard.live import demo
from tests.dashboard.live.watching import heard, key, members, opened

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("viewer_account"),
]


def begun(ago_s: float, **changes: Any) -> CallSnapshot:
    started = timezone.now() - dt.timedelta(seconds=ago_s)
    return demo.call(started=started.isoformat(), **changes)


async def test_only_the_newest_rows_are_sent_and_the_rest_is_a_number(
    monkeypatch: pytest.MonkeyPatch, renders: Counter[str]
) -> None:
    monkeypatch.setattr(list_topic, "LIVE_SHOWN", 3)
    calls = [begun(100 - number) for number in range(5)]
    async with opened("/ws/calls/") as socket:
        for call in calls:
            await groups.publish(groups.call_changed(call))
        text = await heard(socket, "2 more are in progress")
        assert {key(call) for call in calls if f'id="live-{key(call)}"' in text} >= {
            key(call) for call in calls[2:]
        }
        before = renders["calls/_row.html"]
        await groups.publish(groups.call_changed({**calls[0], "state": "held"}))  # beyond the page
        await groups.publish(groups.call_changed({**calls[4], "state": "held"}))
        text = await heard(socket, key(calls[4]))
        assert key(calls[0]) not in text
        assert renders["calls/_row.html"] == before + 1
        await groups.publish(groups.call_changed(demo.ended(calls[4], demo.HUNG_UP)))
        text = await heard(socket, "1 more is in progress")
        assert " data-ended " in text.partition(f'id="live-{key(calls[4])}"')[2].partition(">")[0]
        assert f'id="live-{key(calls[1])}" data-order' in text, "the next one takes its place"


async def test_calls_of_before_anybody_watched_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(list_topic, "LIVE_SHOWN", 2)
    for number in range(3):
        await sync_to_async(demo.store)(begun(100 - number))
    async with opened("/ws/calls/") as socket:
        await groups.publish(groups.call_changed(demo.call()))
        assert ">4</span>" in await heard(socket, "2 more are in progress")


@pytest.fixture
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing sent but what changed: a slow machine comes to a tick in the midst."""
    for name in ("TICK_S", "BEAT_EVERY_S"):
        monkeypatch.setattr(feed, name, 1e9)


@pytest.mark.usefixtures("no_ticks")
async def test_a_browser_that_shows_nothing_is_sent_a_window_and_then_the_newest() -> None:
    call = demo.call()
    async with opened("/ws/calls/") as slow, opened("/ws/calls/") as quick:
        slow.acknowledges = False
        for number in range(WINDOW + 4):
            await groups.publish(groups.call_changed({**call, "from_name": f"name {number}"}))
            await heard(quick, f"name {number}")
        for number in range(WINDOW):
            assert f"name {number}" in await slow.receive_from()
        assert await slow.receive_nothing()
        await slow.send_to(text_data="shown")
        text = await slow.receive_from()
        assert f"name {WINDOW + 3}" in text
        assert f"name {WINDOW + 2}" not in text


@pytest.mark.usefixtures("no_ticks")
async def test_a_browser_that_missed_more_than_is_kept_reads_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 5)
    async with opened("/ws/calls/") as slow, opened("/ws/calls/") as quick:
        slow.acknowledges = False
        for _ in range(WINDOW + 8):
            call = demo.call()
            await groups.publish(groups.call_changed(call))
            await heard(quick, key(call))
        for _ in range(WINDOW):
            await slow.receive_from()
        await slow.send_to(text_data="shown")
        assert await slow.receive_from() == READ_ANEW


async def test_a_browser_that_is_stuck_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PATIENCE_S", 0.0)
    monkeypatch.setattr(feed, "TICK_S", 0.02)
    async with opened("/ws/calls/") as stuck:
        stuck.acknowledges = False
        await groups.publish(groups.call_changed(demo.call()))
        assert await stuck.closed() == feed.TRY_AGAIN_LATER
    assert members(groups.CALLS) == 0


async def test_what_costs_much_comes_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    burnt_s = 0.02

    def dear(self: Any) -> Iterator[Any]:
        until = time.thread_time() + burnt_s
        while time.thread_time() < until:
            pass
        yield from real(self)

    real = list_topic.ListTopic.fragments
    monkeypatch.setattr(list_topic.ListTopic, "fragments", dear)
    async with opened("/ws/calls/") as socket:
        call, began_s = demo.call(), time.monotonic()
        for number in range(4):
            await groups.publish(groups.call_changed({**call, "from_name": f"name {number}"}))
            await heard(socket, f"name {number}")
    assert time.monotonic() - began_s >= 3 * burnt_s / feed.SHARE


async def test_what_is_urgent_waits_for_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "SHARE", 1e-9)
    monkeypatch.setattr(feed, "LONGEST_INTERVAL_S", 1e9)  # longer than any machine is up
    async with opened("/ws/calls/") as socket:
        call = demo.call()
        await groups.publish(groups.call_changed({**call, "from_name": "name 1"}))
        await heard(socket, "name 1")
        await groups.publish(groups.call_changed({**call, "from_name": "name 2"}))
        await groups.publish(groups.call_changed({**call, "from_name": "name 3"}), urgent=True)
        assert "name 2" not in await heard(socket, "name 3")
