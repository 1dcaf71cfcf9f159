"""The feed when messages are lost, over a channel layer that fails, and over Redis."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from channels_redis.core import RedisChannelLayer
from django.contrib.auth.models import User
from django.test import Client

from callengine.models import Call
from callengine.notices import groups
from callengine.record import store
from dashboard.live import feed, topics, viewers
from dashboard.live.outbox import READ_ANEW
from tests.dashboard.live import demo
from tests.dashboard.live.watching import heard, key, opened, sign_in
from tests.peers import services
from tests.peers.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("viewer_account")]


@contextmanager
def over(layer: Any) -> Iterator[None]:
    """Use another channel layer, and no longer than its server runs."""
    before = channel_layers.set("default", layer)
    try:
        yield
    finally:
        channel_layers.set("default", before)


async def test_calls_whose_messages_were_lost_are_found_in_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = await sync_to_async(demo.store)(demo.call())
    async with opened("/ws/calls/") as socket:
        await sync_to_async(store.call_ended)(snapshot=demo.ended(gone, demo.HUNG_UP))
        new = await sync_to_async(demo.store)(demo.call())
        monkeypatch.setattr(feed, "TICK_S", 0.02)
        await feed.feed()._tick(thorough=True)
        text = await heard(socket, f'id="live-{key(new)}" data-order', f'id="live-{key(gone)}"')
        assert " data-ended " in text.partition(f'id="live-{key(gone)}"')[2].partition(">")[0]


async def test_a_call_that_ends_while_calls_are_counted_anew_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was heard during the query was taken back by what that had read before."""
    call = await sync_to_async(demo.store)(demo.call())
    has_read, may_tell = asyncio.Event(), threading.Event()
    loop, read = asyncio.get_running_loop(), topics.calls_in_progress

    def slowly() -> set[str]:
        found = read()
        loop.call_soon_threadsafe(has_read.set)
        may_tell.wait(20)
        return found

    async with opened("/ws/calls/"):
        counted: Any = feed.feed()._topics["nodes"]
        monkeypatch.setattr(topics, "calls_in_progress", slowly)
        checking = asyncio.create_task(feed.feed()._tick(thorough=True))
        await has_read.wait()
        ended = demo.ended(call, demo.HUNG_UP)
        await groups.publish(groups.call_changed(ended))
        # It has read the call as live, and is told of its end before it can say so.
        await until(lambda: not counted._live or counted.reading.locked(), "it is not heard of")
        may_tell.set()
        await checking
        await until(lambda: not counted._live, "it is counted still")


async def test_a_call_whose_record_was_deleted_leaves_the_list() -> None:
    gone = await sync_to_async(demo.store)(demo.call())
    async with opened("/ws/calls/") as socket:
        await Call.objects.all().adelete()
        await feed.feed()._tick(thorough=True)
        await heard(socket, f'<tr id="live-{key(gone)}" hx-swap-oob="delete">', ">0</span>")


async def test_a_layer_that_fails_for_a_while_has_the_pages_read_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "RETRY_S", 0.02)
    layer: Any = get_channel_layer()
    receive, failed = layer.receive, asyncio.Event()

    async def failing(channel: str) -> Any:
        await receive(channel)
        failed.set()
        layer.receive = receive
        raise ConnectionError("the layer is away")

    layer.receive = failing
    async with opened("/ws/calls/") as socket:
        await groups.publish(groups.call_changed(demo.call()))
        await failed.wait()
        assert await socket.receive_from() == READ_ANEW
        call, told = demo.call(), READ_ANEW
        # Whatever else the page watches over that layer has failed too, and may say so later.
        while key(call) not in told:
            if told == READ_ANEW:
                await groups.publish(groups.call_changed(call))
            told = await socket.receive_from()


@pytest.mark.skipif(not services.available(), reason="Redis is not installed")
async def test_over_redis_a_process_hears_of_calls_and_of_viewers() -> None:
    with services.Redis() as redis, over(RedisChannelLayer(hosts=[redis.url])):
        elsewhere = RedisChannelLayer(hosts=[redis.url])
        async with opened("/ws/calls/") as socket:
            call = demo.call()
            await elsewhere.group_send(groups.CALLS, {"type": "call.changed", "call": call})
            await heard(socket, key(call))
            await User.objects.filter(username="viewer").aupdate(is_active=False)
            await elsewhere.group_send(groups.VIEWERS, {"type": "viewer.changed", "user": None})
            assert await socket.closed() == 4401


class Silent:
    """A channel layer whose server takes connections and never answers."""

    async def group_send(self, group: str, message: Any) -> None:
        await asyncio.Event().wait()


def test_a_user_is_deactivated_and_signs_out_though_the_layer_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(viewers, "TELLING_S", 0.05)
    client = Client()
    client.cookies["sessionid"] = sign_in("viewer")
    with over(Silent()):
        user = User.objects.get(username="viewer")
        user.is_active = False
        user.save()
        assert client.post("/accounts/logout/").status_code < 400
    assert "live pages were not told" in caplog.text
    assert not User.objects.get(username="viewer").is_active
