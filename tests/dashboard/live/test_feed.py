"""The feed: one for all browsers of a process, which renders each thing once."""

import re
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from django.utils import timezone

from callengine.core.snapshot import EventSnapshot
from callengine.notices import groups
from dashboard.live import outbox
from tests.dashboard.live import demo
from tests.dashboard.live.watching import heard, key, members, opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("viewer_account")]


@pytest.mark.parametrize("browsers", [1, 7])
async def test_a_row_is_rendered_once_however_many_watch(
    renders: Counter[str], browsers: int
) -> None:
    calls = [demo.call() for _ in range(3)]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened("/ws/calls/")) for _ in range(browsers)]
        assert (members(groups.CALLS), members(groups.NODES), members(groups.VIEWERS)) == (1, 1, 1)
        for call in calls:
            await groups.publish(groups.call_changed(call))
        for socket in sockets:
            await heard(socket, *(f'id="live-{key(call)}"' for call in calls))
    assert renders["calls/_row.html"] == 3
    assert members(groups.CALLS) == members(groups.NODES) == members(groups.VIEWERS) == 0


async def test_browsers_on_one_call_share_what_is_rendered(renders: Counter[str]) -> None:
    call = demo.call()
    path = f"/ws/calls/{call['id']}/"
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(opened(path)) for _ in range(5)]
        assert members(groups.call_group(call["id"])) == 1
        await groups.publish(groups.call_changed(call))
        texts = {await heard(socket, 'id="call-legs"') for socket in sockets}
    assert len(texts) == 1
    assert renders["calls/_call_oob.html"] == 1
    assert renders["calls/_event.html"] == len(call["events"])


async def test_a_line_of_the_timeline_is_sent_once(renders: Counter[str]) -> None:
    call = demo.call()
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        for state in ("held", "answered", "held"):
            await groups.publish(groups.call_changed({**call, "state": state}))
            await socket.receive_from()
    assert renders["calls/_event.html"] == len(call["events"])


async def test_a_line_that_grows_is_sent_again_and_no_other(
    renders: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PATIENCE_S", 3600.0)  # nothing is read while so much is told
    call = demo.call()
    pressed = demo.event(timezone.now(), "A", "dtmf", "Bob pressed a key; passed on.")
    async with opened(f"/ws/calls/{call['id']}/") as socket:
        for event in (*call["events"], pressed):
            await groups.publish(groups.call_event(call["id"], event))
        await heard(socket, "passed on.")
        for count in range(2, 1500):
            grown: EventSnapshot = {**pressed, "text": f"{pressed['text']} {count} times."}
            await groups.publish(groups.call_event(call["id"], grown))
        html = await heard(socket, "1499 times.")
        assert set(re.findall(r'id="(event-[0-9]+)"', html)) == {f"event-{pressed['number']}"}
        before = renders["calls/_event.html"]
        for event in (*call["events"], grown):
            await groups.publish(groups.call_event(call["id"], event))
        await groups.publish(groups.call_quality(call["id"], {"A": demo.quality(4.1)}))
        html = await heard(socket, 'id="quality-A"')
    assert "event-" not in html
    assert renders["calls/_event.html"] == before


async def test_the_last_of_several_that_leave_leaves_the_groups() -> None:
    async with opened("/ws/calls/"):
        async with opened("/ws/calls/"):
            assert members(groups.CALLS) == 1
        assert members(groups.CALLS) == 1
    assert members(groups.CALLS) == 0
    async with opened("/ws/calls/") as again:
        call = demo.call()
        await groups.publish(groups.call_changed(call))
        await heard(again, key(call))


async def test_what_a_row_does_not_show_is_not_sent(renders: Counter[str]) -> None:
    call, other = demo.call(), demo.call()
    async with opened("/ws/calls/") as socket:
        await groups.publish(groups.call_changed(call))
        await heard(socket, key(call))
        legs = [{**leg, "remote": "127.0.0.3:4000"} for leg in call["legs"]]
        await groups.publish(groups.call_changed({**call, "legs": legs}))  # type: ignore[typeddict-item]
        await groups.publish(groups.call_changed(other))
        assert key(call) not in await heard(socket, key(other))
    assert renders["calls/_row.html"] == 2
