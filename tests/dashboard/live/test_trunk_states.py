"""How trunks stand arrives over the websocket once an engine has written it."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone

from callengine.models import Call
from callengine.notices import groups
from callengine.notices.calls import CallStands
from dashboard.trunks import state_topics
from tests.dashboard.carriers import carrier, shows_a_secret
from tests.dashboard.live.watching import Watcher, heard, opened
from trunks.models import Gateway, Trunk
from trunks.services import keep_target

pytestmark = pytest.mark.django_db(transaction=True)
URI = "sip:192.0.2.1"


@pytest_asyncio.fixture
async def trunk(viewer_account: User) -> Trunk:
    def stored() -> Trunk:
        other = carrier("other")
        row = carrier("main")
        for one in (row, other):
            Gateway.objects.create(trunk=one, uri=URI)
        return row

    return await sync_to_async(stored)()


@pytest_asyncio.fixture
async def page(trunk: Trunk) -> AsyncIterator[Watcher]:
    async with opened(f"/ws/trunks/{trunk.pk}/") as socket:
        yield socket


async def known(trunk: str, *, is_up: bool, said: str, holds_s: float = 60) -> None:
    """Write what an engine would, and tell the pages as it does."""
    now = timezone.now()
    await sync_to_async(keep_target)(
        trunk=trunk,
        gateway=URI,
        target="udp:192.0.2.1:5060",
        name="",
        is_up=is_up,
        since=now,
        said=said,
        holds_until=now + timedelta(seconds=holds_s),
        rests_until=None,
    )
    await groups.publish(groups.trunk_changed(trunk))


async def test_a_trunks_page_is_told_its_state_and_what_its_gateways_said(
    trunk: Trunk, page: Watcher
) -> None:
    await known("main", is_up=False, said=f"no answer <{uuid.UUID(int=1)}>")
    text = await heard(page, 'id="trunk-standing"')
    assert f'data-trunk-state="{trunk.pk}"' in text
    assert "Gateways down" in text
    assert f"no answer &lt;{uuid.UUID(int=1)}&gt;" in text
    assert not await sync_to_async(shows_a_secret)(text, trunk)
    await known("main", is_up=True, said="200 OK")
    assert "Ready" in await heard(page, "200 OK")


async def test_a_trunks_page_is_told_what_is_in_use_as_calls_begin_and_end(
    trunk: Trunk, page: Watcher
) -> None:
    """It had asked every five seconds."""
    now = timezone.now()
    call = await Call.objects.acreate(started=now, source="trunk:main", destination="connection:a")

    async def tell(*, is_live: bool) -> None:
        stands = CallStands(str(call.id), is_live=is_live)
        await groups.publish([groups.Announcement(groups.NODES, stands)])

    await tell(is_live=True)
    text = await heard(page, "1 call up")
    assert 'id="trunk-usage" hx-swap-oob="true"' in text
    await tell(is_live=True)
    assert await page.receive_nothing(timeout=0.3)
    call.ended = now
    await call.asave()
    await tell(is_live=False)
    await heard(page, "No call up")


async def test_a_page_is_told_of_no_other_trunk_and_of_nothing_that_is_the_same(
    page: Watcher,
) -> None:
    await known("other", is_up=True, said="200 OK")
    assert await page.receive_nothing(timeout=0.5)
    await known("main", is_up=True, said="200 OK")
    await heard(page, "200 OK")
    await groups.publish(groups.trunk_changed("main"))
    assert await page.receive_nothing(timeout=0.5)


async def test_the_list_is_told_states_that_change(trunk: Trunk) -> None:
    async with opened("/ws/trunks/") as socket:
        await known("main", is_up=False, said="no answer")
        text = await heard(socket, f'data-trunk-state="{trunk.pk}"')
        assert "Gateways down" in text
        assert text.count("data-trunk-state") == 1


async def test_what_nobody_says_any_more_is_taken_back(
    trunk: Trunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = (state_topics.TrunksTopic(), state_topics.TrunkTopic(trunk.pk))
    await known("main", is_up=True, said="200 OK")
    for topic in topics:
        await topic.load()
        topic.tick()
        assert not topic.changed
    later = timezone.now() + timedelta(seconds=61)
    monkeypatch.setattr(timezone, "now", lambda: later)
    for topic in topics:
        topic.tick()
        assert topic.changed
        assert "Not tried lately" in "".join(one.text for one in topic.fragments())
        topic.tick()
        assert not topic.changed


async def test_a_trunk_that_is_deleted_costs_its_page_nothing(trunk: Trunk) -> None:
    async with opened(f"/ws/trunks/{trunk.pk}/") as socket:
        await sync_to_async(trunk.delete)()
        await groups.publish(groups.trunk_changed("main"))
        assert await socket.receive_nothing(timeout=0.5)
        await groups.publish(groups.trunk_changed("main"))
        assert await socket.receive_nothing(timeout=0.5)
