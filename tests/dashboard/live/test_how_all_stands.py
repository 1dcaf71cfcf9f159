"""What a page's websocket says first: how all stands, in one order with whatever changes then."""

import datetime as dt

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from callengine.core.limits import NODE_SILENCE_S
from callengine.directory import nodes
from callengine.notices import groups
from dashboard.live import outbox
from dashboard.live.outbox import READ_ANEW, WINDOW
from tests.dashboard.carriers import carrier
from tests.dashboard.live import demo
from tests.dashboard.live.watching import heard, opened

pytestmark = pytest.mark.django_db(transaction=True)
FAR = "2100-01-01T00:00:00+00:00"
COUNTS = ["/ws/engine/", "/ws/trunks/", "/ws/overview/", "/ws/calls/"]


@pytest.fixture(autouse=True)
def somebody(viewer_account: User) -> None:
    """Have somebody look on."""


@pytest.mark.parametrize("path", COUNTS)
async def test_who_comes_is_told_the_calls_that_others_were_told_of(path: str) -> None:
    """What was read over HTTP beside it came after what was told, and took that back."""
    await sync_to_async(demo.engine_node)(seen=FAR)
    call = demo.call()
    async with opened(path) as early:
        assert "engine up, 0 calls" in early.first
        await groups.publish(groups.call_changed(call))
        await heard(early, "engine up, 1 call,")
        async with opened(path) as late:
            assert "engine up, 1 call," in late.first


async def test_a_page_is_told_of_the_trunks_it_names_alone() -> None:
    def stored() -> list[int]:
        return [carrier(name).pk for name in ("one", "two", "three")]

    first, second, third = await sync_to_async(stored)()
    async with opened(f"/ws/trunks/?of={first},{third},none,,{10**30}") as page:
        for pk, is_named in ((first, True), (second, False), (third, True)):
            assert (f'data-trunk-state="{pk}"' in page.first) is is_named


async def test_who_was_not_sent_everything_is_told_again_how_all_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 1)
    await sync_to_async(demo.engine_node)(seen=FAR)
    async with opened("/ws/calls/") as slow, opened("/ws/calls/") as quick:
        slow.acknowledges = False
        for number in range(1, WINDOW + 4):
            await groups.publish(groups.call_changed(demo.call()))
            await heard(quick, f"engine up, {number} call")
        for _ in range(WINDOW):
            await slow.receive_from()
        slow.acknowledges = True
        await slow.send_to(text_data="shown")
        assert READ_ANEW in await heard(slow, f"engine up, {WINDOW + 3} calls")


async def test_the_overview_reads_itself_anew_once_an_engine_falls_silent_and_is_back() -> None:
    await sync_to_async(demo.engine_node)()
    silent = timezone.now() - dt.timedelta(seconds=NODE_SILENCE_S + 60)
    async with opened("/ws/overview/") as page:
        for seen in (silent.isoformat(), FAR):
            await sync_to_async(demo.engine_node)(seen=seen)
            await groups.publish(groups.nodes_changed(await sync_to_async(nodes.snapshots)()))
            await heard(page, 'data-tell="overview"')


async def test_pages_with_figures_read_themselves_anew_once_an_engine_falls_silent() -> None:
    """Nobody measures its calls any more, and what was measured last stood there."""
    call = demo.call()
    await sync_to_async(demo.store)(call)
    await sync_to_async(demo.engine_node)(seen=FAR)
    silent = timezone.now() - dt.timedelta(seconds=NODE_SILENCE_S + 60)
    async with opened("/ws/calls/") as rows, opened(f"/ws/calls/{call['id']}/") as page:
        await sync_to_async(demo.engine_node)(seen=silent)
        await groups.publish(groups.nodes_changed(await sync_to_async(nodes.snapshots)()))
        for shown in (rows, page):
            assert READ_ANEW in await heard(shown, "engine not reachable since")
