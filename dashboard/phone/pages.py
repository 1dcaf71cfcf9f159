"""What the websockets of pages with sound have in common: what engines say to them."""

import asyncio
import json
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db.models import Model

from audit.actors import Actor
from audit.models import ActorKind, AuditAction
from audit.services import record
from callengine.notices import groups
from callengine.notices.phone import PhoneOffer, PhonePlaced, PhoneRefused, PhoneRings
from callengine.notices.wire import Reader
from dashboard.live.feed import BROKEN
from dashboard.live.outbox import BEAT
from dashboard.live.sockets import ViewerSocket
from web.addresses import site_of

logger = logging.getLogger(__name__)

RETRY_S = 1.0
HEARD, HEARD_EVERY = "heard", 25
"What a page says of so many pieces of sound that it has been given."
MOST_UNHEARD = 100
"""Pieces of 20 ms on their way to a page that is behind; what is more would come late. Nothing in
ASGI tells of that, and daphne keeps all it is given: without end, for a page that sends sound."""
Told = PhoneOffer | PhoneRefused | PhonePlaced | PhoneRings
TOLD: Reader[Told] = Reader(PhoneOffer, PhoneRefused, PhonePlaced, PhoneRings)


class PageSocket(ViewerSocket):
    """The websocket of a page that hears engines, for those who may act on calls."""

    permission = "callengine.change_call"

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.unheard = 0
        "Pieces of sound that the page was sent and has not said to have."

    async def accepted(self) -> None:
        """Hear engines, on a channel of its own."""
        layer = get_channel_layer()
        assert layer is not None
        self.layer, self.channel = layer, await layer.new_channel(groups.CHANNELS)
        self.start("engines", self._listen())

    async def told(self, told: Told) -> None:
        """Take what an engine says to this page."""
        raise NotImplementedError

    async def _listen(self) -> None:
        """Take what engines say to this page."""
        while True:
            try:
                for told in TOLD.read(await self.layer.receive(self.channel)):
                    await self.told(told)
            except Exception:
                logger.warning("a browser phone does not hear engines: is Redis up?", exc_info=True)
                await asyncio.sleep(RETRY_S)

    async def serve(self) -> None:
        """Beat until its viewer may no longer call; of what the feed tells nothing is shown."""
        while (text := await self.outbox.take()) is not None:
            self.outbox.acknowledge()
            if text == BEAT:
                await self.say("beat")

    async def left(self) -> None:
        """Do nothing any more."""
        for task in self.tasks.values():
            task.cancel()
        self.tasks.clear()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside; what ran under that name before is called off."""
        self.stop(name)
        task = self.tasks[name] = asyncio.create_task(self._guarded(work))
        task.add_done_callback(partial(self._done, name, work))

    def _done(self, name: str, work: Coroutine[Any, Any, None], task: asyncio.Task[None]) -> None:
        # What was called off before it began is not begun any more.
        work.close()
        if self.tasks.get(name) is task:
            del self.tasks[name]

    def stop(self, name: str) -> None:
        """Call off what runs under this name, if anything does."""
        if (task := self.tasks.pop(name, None)) is not None:
            task.cancel()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("a browser phone fails")
            self.outbox.close(BROKEN)

    async def note(self, what: str, name: str, *, row: Model | None = None) -> None:
        """Write into the audit log what somebody did."""
        user = self.scope["user"].get_username()
        address = site_of(str((self.scope.get("client") or [""])[0]))
        by = Actor(ActorKind.PERSON, user, "pages", address)
        write = sync_to_async(record)
        await write(AuditAction.DID, row=row, kind="callengine.call", name=name, note=what, by=by)

    async def sound_to_page(self, data: bytes) -> None:
        """Send a piece of sound, unless the page is behind."""
        if self.unheard < MOST_UNHEARD:
            self.unheard += 1
            await self.send(bytes_data=data)

    def has_heard(self, text: str | None) -> bool:
        """Tell whether a page says that it has what it was sent, and take note."""
        if text != HEARD or self.unheard < HEARD_EVERY:
            return False
        self.unheard -= HEARD_EVERY
        return True

    async def say(self, what: str, **more: Any) -> None:
        """Tell the page."""
        await self.send(text_data=json.dumps({"is": what, **more}))
