"""What live pages are told is gathered: few sends, nothing lost, bounded when Redis is slow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.utils import timezone

from callengine.engine.messages import publisher as publishing
from callengine.engine.messages.publisher import Publisher
from callengine.notices import groups, wire
from tests.dashboard.live import demo
from tests.peers.waiting import until


class Layer(InMemoryChannelLayer):  # type: ignore[misc]
    """A channel layer that tells what it was given, and can stand still."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self.open.wait()
        self.sent.append((group, message))
        await super().group_send(group, message)

    def contents(self, group: str) -> list[dict[str, Any]]:
        """Return all that was said to a group, one by one."""
        sent = (message for name, message in self.sent if name == group)
        several = wire.SEVERAL
        return [
            one
            for message in sent
            for one in (message["messages"] if message["type"] == several else [message])
        ]


@asynccontextmanager
async def publisher(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Publisher, Layer]]:
    layer = Layer()
    monkeypatch.setattr(groups, "get_channel_layer", lambda: layer)
    telling = Publisher()
    await telling.start()
    yield telling, layer
    await telling.stop()


async def test_what_happens_at_once_is_one_send_for_each_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = [demo.call() for _ in range(20)]
    async with publisher(monkeypatch) as (telling, layer):
        for call in calls:
            telling.call({**call, "state": "ringing"})
            telling.messages(call["id"], demo.ladder())
            telling.call(call)
    assert len(layer.sent) == 2 + len(calls)
    counted = layer.contents(groups.NODES)
    assert {one["call"] for one in counted if one["is_live"]} == {call["id"] for call in calls}
    told = [one["call"] for one in layer.contents(groups.CALLS)]
    assert [call["state"] for call in told] == ["ringing", calls[0]["state"]] * 20
    page = layer.contents(groups.call_group(calls[7]["id"]))
    assert [one["type"] for one in page] == ["call.changed", "call.messages", "call.changed"]


async def test_one_message_travels_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with publisher(monkeypatch) as (telling, layer):
        call = demo.call()
        telling.event(call["id"], call["events"][0])
    assert [message["type"] for _, message in layer.sent] == ["call.event"]


async def test_of_a_party_that_falls_silent_pages_are_told_without_delay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = timezone.now()
    nothing, heard = demo.silent(now, last=now), demo.call()
    silent = demo.call(legs=[demo.leg("A", quality=nothing), demo.leg("B")])
    monkeypatch.setattr(publishing, "FIGURES_S", publishing.GATHERING_S)
    async with publisher(monkeypatch) as (telling, layer):
        for call in (silent, silent, heard, demo.ended(silent, demo.HUNG_UP)):
            telling.call(call)
            await telling._all_sent.wait()
        told = [message.get(wire.URGENT) for name, message in layer.sent if name == groups.CALLS]
        assert told == [True, None, None, True]
        telling.quality(heard["id"], {"A": demo.quality(4.1)})
        await telling._all_sent.wait()
        monkeypatch.setattr(publishing, "MEASURED_S", 3600.0)
        telling.quality(heard["id"], {"A": demo.quality(4.0)})
        await telling._all_sent.wait()
        telling.quality(heard["id"], {"A": nothing}, urgent=True)
    figures = [one["calls"] for one in layer.contents(groups.CALLS) if "calls" in one]
    assert [call[heard["id"]]["A"][0] for call in figures] == [4.1, None]


async def test_figures_of_many_calls_go_together_and_with_what_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "FIGURES_S", 3600.0)
    calls = [demo.call() for _ in range(5)]
    async with publisher(monkeypatch) as (telling, layer):
        for call in calls:
            telling.quality(call["id"], {"A": demo.quality(4.1)})
            await asyncio.sleep(2 * publishing.GATHERING_S)
        assert layer.sent == []
        telling.event(calls[0]["id"], calls[0]["events"][0])
        await telling._all_sent.wait()
        assert len(layer.contents(groups.CALLS)[0]["calls"]) == 5
        for call in calls:
            assert layer.contents(groups.call_group(call["id"]))[0]["type"] == "call.quality"
        told = len(layer.sent)
        telling.quality(calls[0]["id"], {"A": demo.quality(4.0)})  # stopping waits for no timer
    assert len(layer.sent) == told + 1


async def test_figures_do_not_wait_for_anything_else_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "FIGURES_S", 2 * publishing.GATHERING_S)
    async with publisher(monkeypatch) as (telling, layer):
        for _ in range(2):
            telling.quality((call := demo.call())["id"], {"A": demo.quality(4.1)})
            async with asyncio.timeout(20):
                await telling._all_sent.wait()
            assert layer.contents(groups.call_group(call["id"]))


async def test_a_layer_that_stands_still_costs_a_bounded_queue_and_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publishing, "MAX_WAITING", 6)
    async with publisher(monkeypatch) as (telling, layer):
        layer.open.clear()
        telling.call(demo.call())
        await until(lambda: not telling._waiting, "it is not being sent")
        for _ in range(10):
            telling.call(demo.call())
        assert caplog.text.count("a live page misses an update") == 8
        layer.open.set()
    assert len(layer.contents(groups.CALLS)) == 3


async def test_what_cannot_be_told_is_logged_and_the_next_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with publisher(monkeypatch) as (telling, layer):
        opened, layer.open = layer.open, None  # type: ignore[assignment]
        telling.call(demo.call())
        await telling._all_sent.wait()
        assert "live pages could not be told" in caplog.text
        layer.open = opened
        telling.call(call := demo.call())
    assert [one["call"]["id"] for one in layer.contents(groups.CALLS)] == [call["id"]]
