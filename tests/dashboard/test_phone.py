"""The browser phone's websocket, toward an engine that is played here over the channel layer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer

from callengine.notices import groups
from callengine.notices.phone import AskForPhone, PhoneOffer, PhonePlaced, PlacePhoneCall
from callengine.notices.wire import Reader, to_message
from dashboard.accounts.roles import Role
from tests.dashboard.live.watching import Watcher, account, opened

pytestmark = pytest.mark.django_db(transaction=True)
READER: Reader[AskForPhone | PlacePhoneCall] = Reader(AskForPhone, PlacePhoneCall)


class PlayedEngine:
    """Offers to place each call, and lets sound in at a port of its own."""

    def __init__(self, layer: Any, channel: str) -> None:
        self._layer, self._channel = layer, channel
        self.port, self.reply = 0, ""
        self.tokens: asyncio.Queue[str] = asyncio.Queue()

    async def order(self) -> PlacePhoneCall:
        """Return the order that comes of the next call."""
        while True:
            async with asyncio.timeout(20):
                heard = READER.read(await self._layer.receive(self._channel))
            for asked in heard:
                if isinstance(asked, PlacePhoneCall):
                    return asked
                self.reply = asked.reply
                await self.tell(PhoneOffer(self._channel))

    async def tell(self, answer: PhoneOffer | PhonePlaced) -> None:
        await self._layer.send(self.reply, to_message(answer))

    async def placed(self, order: PlacePhoneCall, call: str) -> None:
        await self.tell(PhonePlaced(call, "127.0.0.1", self.port, call * 64, order.order))

    async def let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tokens.put_nowait((await reader.readexactly(64)).decode())
        await reader.read()
        writer.close()


@pytest.fixture
async def engine() -> AsyncIterator[PlayedEngine]:
    channel_layers.backends.clear()
    layer = get_channel_layer()
    assert layer is not None
    channel = await layer.new_channel(groups.CHANNELS)
    await layer.group_add(groups.ENGINES, channel)
    played = PlayedEngine(layer, channel)
    async with await asyncio.start_server(played.let_in, "127.0.0.1", 0) as server:
        played.port = server.sockets[0].getsockname()[1]
        yield played


async def say(page: Watcher, **what: str) -> None:
    await page.send_to(text_data=json.dumps(what))


async def told(page: Watcher) -> dict[str, Any]:
    return dict(json.loads(await page.receive_from()))


async def test_who_hangs_up_and_calls_another_is_not_connected_with_the_first(
    engine: PlayedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watcher, "acknowledges", False)
    await sync_to_async(account)("olga", Role.OPERATOR)
    async with opened("/ws/phone/", "olga") as page:
        await say(page, do="call", to="wrong", **{"as": ""})
        first = await engine.order()
        await say(page, do="hang-up")
        assert await told(page) == {"is": "refused", "text": "Hung up.", "call": ""}
        await say(page, do="call", to="right", **{"as": ""})
        second = await engine.order()
        assert (first.to, second.to) == ("wrong", "right")
        await engine.placed(first, "a")
        await engine.placed(second, "b")
        assert await told(page) == {"is": "placed", "call": "b", "name": "right"}
        tokens = [await asyncio.wait_for(engine.tokens.get(), 20) for _ in range(2)]
        assert set(tokens) == {"a" * 64, "b" * 64}, "the first is hung up, and said no more of"
