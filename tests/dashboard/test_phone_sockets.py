"""The websockets of pages with sound, and an engine that lets their sound in over real TCP."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import User
from django.utils import timezone

from callengine.core.sounds import FRAME_BYTES, FrameKind, frame, state_frame
from callengine.models import Call
from callengine.notices import groups
from callengine.notices.phone import (
    AskForPhone,
    ListenToCall,
    PhoneGone,
    PhoneOffer,
    PhonePlaced,
    PhoneRings,
    PhoneThere,
    PlacePhoneCall,
)
from callengine.notices.wire import Reader, to_message
from dashboard.accounts.roles import Role
from dashboard.live import feed as feeds
from dashboard.live import outbox as outboxes
from dashboard.phone import listening, sound
from dashboard.phone.consumers import MOST_ASKED, WHY_EVERY_S
from dashboard.phone.pages import HEARD, HEARD_EVERY, MOST_UNHEARD
from tests.dashboard.live.watching import Watcher, account, opened, watcher
from tests.dashboard.record import call as recorded

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 20
TOKEN = "0123456789abcdef" * 4
ASKED: Reader[Any] = Reader(AskForPhone, PlacePhoneCall, PhoneThere, PhoneGone, ListenToCall)
HANG_UP = frame(FrameKind.HANG_UP)


class Engine:
    """Hears what pages ask of engines, and takes the sound of their calls."""

    def __init__(self) -> None:
        self.sounds: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self.layer: Any = get_channel_layer()
        self.channel = await self.layer.new_channel(groups.CHANNELS)
        await self.layer.group_add(groups.ENGINES, self.channel)
        self.door = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port: int = self.door.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for writer in self.writers:
            writer.close()
        self.door.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        assert await reader.readexactly(len(TOKEN)) == TOKEN.encode()
        await self.sounds.put(reader)

    async def asked(self, kind: type[Any]) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for told in ASKED.read(await self.layer.receive(self.channel)):
                    if isinstance(told, kind):
                        return told

    async def tells(self, channel: str, told: object) -> None:
        await self.layer.send(channel, to_message(told))

    def says(self, pieces: int, kind: FrameKind = FrameKind.SOUND) -> None:
        """Send sound to the page that came last, and that it rings behind it."""
        self.writers[-1].write(frame(kind, bytes(FRAME_BYTES)) * pieces + state_frame("ringing"))

    def ends(self, *states: bytes) -> None:
        """End the call of the page that came last, and tell it no more than this."""
        self.writers[-1].write(b"".join(states))
        self.writers[-1].close()

    async def sound(self) -> asyncio.StreamReader:
        return await asyncio.wait_for(self.sounds.get(), PATIENCE_S)

    async def places(self, order: PlacePhoneCall, key: str = "") -> None:
        key = key or str(uuid.uuid4())
        await self.tells(order.reply, PhonePlaced(key, "127.0.0.1", self.port, TOKEN, order.order))

    async def ordered(self, page: Watcher, to: str = "*echo") -> PlacePhoneCall:
        """Have a page call, and return the order that it gives."""
        await page.send_to(text_data=json.dumps({"do": "call", "to": to, "as": ""}))
        asked = await self.asked(AskForPhone)
        await self.tells(asked.reply, PhoneOffer(self.channel))
        order: PlacePhoneCall = await self.asked(PlacePhoneCall)
        return order

    async def talks(self, page: Watcher, key: str = "") -> asyncio.StreamReader:
        """Have a page call, and return what is heard of it once the page knows it is placed."""
        return await self.connects(page, await self.ordered(page), key)

    async def connects(
        self, page: Watcher, order: PlacePhoneCall, key: str = ""
    ) -> asyncio.StreamReader:
        await self.places(order, key)
        heard = await self.sound()
        await says(page, "placed")
        return heard

    async def lets_listen(self, asked: ListenToCall) -> None:
        await self.tells(asked.reply, PhonePlaced(asked.call, "127.0.0.1", self.port, TOKEN))


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    channel_layers.backends.clear()
    running = Engine()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def operator(engine: Engine) -> User:
    return await sync_to_async(account)("olga", Role.OPERATOR)


class SlowNetwork:
    """Connections begin, and are made once they may be."""

    def __init__(self) -> None:
        self.begins, self.goes_on = asyncio.Event(), asyncio.Event()
        self._connect = asyncio.open_connection

    async def connect(self, *place: Any) -> Any:
        self.begins.set()
        await self.goes_on.wait()
        return await self._connect(*place)


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> SlowNetwork:
    network = SlowNetwork()
    monkeypatch.setattr(sound.asyncio, "open_connection", network.connect)
    return network


async def says(page: Watcher, what: str) -> dict[str, Any]:
    """Wait until a page is told this, and return all it is told of it."""
    while True:
        message = await page.receive_output(timeout=PATIENCE_S)
        if message.get("text") and json.loads(message["text"])["is"] == what:
            told: dict[str, Any] = json.loads(message["text"])
            return told


async def whole(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes, once the other end has closed it."""
    return await asyncio.wait_for(reader.read(), PATIENCE_S)


@asynccontextmanager
async def listens(engine: Engine, user: User) -> AsyncIterator[tuple[Watcher, ListenToCall]]:
    """Open the page that listens to a call which stands; yield it, and what engines are asked."""
    call = await sync_to_async(recorded)("in-progress")
    async with opened(f"/ws/listen/{call.pk}/", user.username) as page:
        yield page, await engine.asked(ListenToCall)


async def deactivate(user: User) -> None:
    user.is_active = False
    await sync_to_async(user.save)()


async def test_who_may_call_no_more_is_cut_off_though_the_browser_never_closes(
    engine: Engine, operator: User
) -> None:
    async with opened("/ws/phone/", operator.username) as page:
        heard = await engine.talks(page)
        await page.send_to(text_data=json.dumps({"do": "take", "as": ""}))
        await deactivate(operator)
        assert await page.closed() == 4401
        await page.send_to(bytes_data=bytes(FRAME_BYTES))
        assert await whole(heard) == HANG_UP


async def test_who_may_listen_no_more_is_cut_off_though_the_browser_never_closes(
    engine: Engine, operator: User
) -> None:
    async with listens(engine, operator) as (page, asked):
        await engine.lets_listen(asked)
        heard = await engine.sound()
        await deactivate(operator)
        assert await page.closed() == 4401
        assert await whole(heard) == HANG_UP


async def test_who_listens_to_a_call_that_has_just_ended_is_told_that_it_is_over(
    engine: Engine, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No engine has it any more; the page was sent to see whether that runs."""
    monkeypatch.setattr(listening, "ANSWERED_WITHIN_S", 2.0)
    async with listens(engine, operator) as (page, asked):
        await Call.objects.filter(pk=asked.call).aupdate(ended=timezone.now())
        assert (await says(page, "refused"))["text"] == listening.OVER


async def test_who_was_told_that_no_engine_answers_does_not_listen_after_all(
    engine: Engine, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page said that it does not, and all who look at the call that it does."""
    monkeypatch.setattr(listening, "ANSWERED_WITHIN_S", 0.1)
    async with listens(engine, operator) as (page, asked):
        assert (await says(page, "refused"))["text"] == listening.SILENT
        await engine.lets_listen(asked)
        assert await page.receive_nothing(timeout=0.5)
        assert engine.sounds.empty()


async def test_a_call_outlives_what_has_live_pages_read_themselves_anew(
    engine: Engine, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when Redis is away for a moment; pages with sound have nothing to read anew."""
    monkeypatch.setattr(feeds, "TICK_S", 0.02)
    monkeypatch.setattr(outboxes, "PATIENCE_S", 0.1)
    async with (
        opened("/ws/phone/", operator.username) as page,
        opened("/ws/engine/", operator.username) as other,
    ):
        heard = await engine.talks(page)
        other.acknowledges = False
        for box in feeds.feed()._topics["viewers"].outboxes:
            box.skip()
        # A page that shows nothing of what it is told for so long is let go.
        assert await other.closed() == 4503
        assert await page.receive_nothing(timeout=0.2)
        await page.send_to(bytes_data=bytes(FRAME_BYTES))
        assert await heard.readexactly(3 + FRAME_BYTES) == frame(
            FrameKind.SOUND, bytes(FRAME_BYTES)
        )


async def test_redis_being_away_closes_a_page_with_sound_as_it_does_others(
    engine: Engine, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(engine.layer, "group_add", away)
    page = await watcher("/ws/phone/", operator.username)
    assert await page.connect() == (False, 4500)


async def test_a_hang_up_while_the_sound_is_being_connected_ends_the_call(
    engine: Engine, operator: User, slow: SlowNetwork
) -> None:
    async with opened("/ws/phone/", operator.username) as page:
        await engine.places(await engine.ordered(page))
        await asyncio.wait_for(slow.begins.wait(), PATIENCE_S)
        await page.send_to(text_data=json.dumps({"do": "hang-up"}))
        assert (await says(page, "refused"))["text"] == "Hung up."
        slow.goes_on.set()
        assert await whole(await engine.sound()) == HANG_UP
        assert await page.receive_nothing(timeout=0.1), "the page is told of a call it gave up"


async def test_a_call_that_was_given_up_rings_nobody_once_it_is_placed(
    engine: Engine, operator: User
) -> None:
    async with opened("/ws/phone/", operator.username) as page:
        order = await engine.ordered(page)
        await page.send_to(text_data=json.dumps({"do": "hang-up"}))
        await says(page, "refused")
        await engine.places(order)
        assert await whole(await engine.sound()) == HANG_UP


async def test_a_page_that_is_about_to_ring_calls_nobody(
    engine: Engine, operator: User, slow: SlowNetwork
) -> None:
    """Else one of its two calls would go on with nobody at its end."""
    async with opened("/ws/phone/", operator.username) as page:
        order = await engine.ordered(page)
        await page.send_to(text_data=json.dumps({"do": "hang-up"}))
        await says(page, "refused")
        rings = PhoneRings(str(uuid.uuid4()), "127.0.0.1", engine.port, TOKEN, "1001", "Alice")
        await engine.tells(order.reply, rings)
        await asyncio.wait_for(slow.begins.wait(), PATIENCE_S)
        await page.send_to(text_data=json.dumps({"do": "call", "to": "*echo", "as": ""}))
        assert "has a call already" in (await says(page, "refused"))["text"]
        slow.goes_on.set()
        assert (await says(page, "rings"))["name"] == "Alice"
        heard = await engine.sound()
        await page.send_to(text_data=json.dumps({"do": "answer"}))
        assert await heard.readexactly(3) == frame(FrameKind.ANSWER)


async def test_all_who_call_a_page_that_has_a_call_are_told_that_it_is_busy(
    engine: Engine, operator: User
) -> None:
    async with opened("/ws/phone/", operator.username) as page:
        order = await engine.ordered(page)
        await engine.connects(page, order)
        for caller in ("1001", "1002"):
            rings = PhoneRings(str(uuid.uuid4()), "127.0.0.1", engine.port, TOKEN, caller, "")
            await engine.tells(order.reply, rings)
        for _ in range(2):
            assert await whole(await engine.sound()) == HANG_UP


async def test_a_page_that_says_what_no_page_of_ours_says_is_cut_off(
    engine: Engine, operator: User
) -> None:
    async with opened("/ws/phone/", operator.username) as page:
        heard = await engine.talks(page)
        await page.send_to(bytes_data=bytes(FRAME_BYTES + 1))
        assert await page.closed() == 4408
        assert await whole(heard) == HANG_UP


async def test_what_fails_here_closes_a_page_with_a_code_that_can_be_sent(
    engine: Engine, operator: User
) -> None:
    """A server of autobahn's raises for 1011, and the page would wait for ever."""
    async with opened("/ws/phone/", operator.username) as page:
        order = await engine.ordered(page)
        nowhere = PhonePlaced(str(uuid.uuid4()), "127.0.0.1", 70_000, TOKEN, "another")
        await engine.tells(order.reply, nowhere)
        assert await page.closed() == 4500


async def pieces_before_it_rings(page: Watcher) -> int:
    """Return how many pieces of sound a page is sent before it is told a state."""
    pieces = 0
    while True:
        message = await page.receive_output(timeout=PATIENCE_S)
        if message.get("bytes") is not None:
            pieces += 1
        elif json.loads(message["text"])["is"] == "state":
            return pieces


async def test_a_page_that_is_behind_is_sent_no_more_sound_until_it_has_what_it_was_sent(
    engine: Engine, operator: User
) -> None:
    """It would come late, and the server would keep it without end."""
    async with opened("/ws/phone/", operator.username) as page:
        await engine.talks(page)
        engine.says(3 * MOST_UNHEARD)
        assert await pieces_before_it_rings(page) == MOST_UNHEARD
        for _ in range(2):
            await page.send_to(text_data=HEARD)
        await page.send_to(text_data=json.dumps({"do": "take", "as": ""}))
        await says(page, "taking")
        engine.says(MOST_UNHEARD)
        assert await pieces_before_it_rings(page) == 2 * HEARD_EVERY


async def test_a_page_that_says_to_have_heard_what_it_was_not_sent_is_cut_off(
    engine: Engine, operator: User
) -> None:
    async with opened("/ws/phone/", operator.username) as page:
        for _ in range(MOST_ASKED + 1):
            await page.send_to(text_data=HEARD)
        assert await page.closed() == 4408


async def test_a_page_whose_call_ends_without_a_word_is_told_why_by_the_record(
    engine: Engine, operator: User
) -> None:
    """A callee may decline before the page's sound is there, and a call process may die."""
    call = await sync_to_async(recorded)("in-progress")
    async with opened("/ws/phone/", operator.username) as page:
        await engine.talks(page, str(call.pk))
        engine.ends()
        await says(page, "over")
        call.ended, call.code, call.advice = timezone.now(), 486, "Bob is busy."
        await sync_to_async(call.save)()
        told = await says(page, "state")
        assert told == {
            "is": "state",
            "state": "why",
            "code": 486,
            "text": "Bob is busy.",
            "call": str(call.pk),
        }


@pytest.mark.parametrize("hangs_up", [False, True], ids=["was told why", "hung up itself"])
async def test_a_page_that_knows_why_its_call_is_over_is_not_told_again(
    engine: Engine, operator: User, hangs_up: bool
) -> None:
    call = await sync_to_async(recorded)("busy")
    async with opened("/ws/phone/", operator.username) as page:
        await engine.talks(page, str(call.pk))
        if hangs_up:
            await page.send_to(text_data=json.dumps({"do": "hang-up"}))
            await page.send_to(text_data=json.dumps({"do": "take", "as": ""}))
            await says(page, "taking")
            engine.ends(state_frame("ended", code=487))
        else:
            engine.ends(state_frame("ended", code=486), state_frame("why", text="Bob is busy."))
        await says(page, "over")
        assert await page.receive_nothing(timeout=2 * WHY_EVERY_S)
