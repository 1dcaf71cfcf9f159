"""What the websockets of pages with sound have in common: who may, and what engines say to them."""

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from django.db.models import Model

from audit.actors import Actor
from audit.models import ActorKind, AuditAction
from audit.services import record
from callengine.notices import groups
from callengine.notices.phone import PhoneOffer, PhonePlaced, PhoneRefused, PhoneRings
from callengine.notices.wire import Reader
from dashboard.live.consumers import PLACES
from dashboard.live.feed import feed
from dashboard.live.outbox import Outbox, Viewer
from dashboard.live.places import TOO_MANY
from dashboard.live.viewers import NOT_SIGNED_IN, ViewersTopic, refusal
from voipnumber.web.addresses import site_of

logger = logging.getLogger(__name__)

PERMISSION = "callengine.change_call"
RETRY_S = 1.0
Told = PhoneOffer | PhoneRefused | PhonePlaced | PhoneRings
TOLD: Reader[Told] = Reader(PhoneOffer, PhoneRefused, PhonePlaced, PhoneRings)


class PageSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """The websocket of a page that hears engines, for those who may act on calls."""

    # It listens by itself, on a channel of the one kind there is.
    channel_layer_alias = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Leave nothing behind, however the connection ends."""
        self.viewer: Viewer | None = None
        self.topic, self.outbox = ViewersTopic(), Outbox(Viewer(0, "", ""))
        self.tasks: dict[str, asyncio.Task[None]] = {}
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    # Coming and going

    async def connect(self) -> None:
        """Let in who is signed in and may call."""
        user, session = self.scope.get("user"), self.scope.get("session")
        if user is None or not user.is_authenticated or session is None:
            await self.close(code=NOT_SIGNED_IN)
            return
        viewer = Viewer(user.pk, session.session_key, PERMISSION)
        self.outbox = Outbox(viewer)
        # Before asking for permission: what changes meanwhile about a user is heard.
        await feed().join(self.topic, self.outbox)
        if (code := await refusal(viewer)) is not None:
            await self._forget()
            await self.close(code=code)
            return
        await self.accept()
        if not PLACES.take(viewer):
            await self._forget()
            await self.close(code=TOO_MANY)
            return
        self.viewer = viewer
        self.start("viewer", self._watch())
        layer = get_channel_layer()
        assert layer is not None
        self.layer, self.channel = layer, await layer.new_channel(groups.CHANNELS)
        self.start("engines", self._listen())
        await self.joined()

    async def joined(self) -> None:
        """Do what is to be done once somebody is let in."""

    async def left(self) -> None:
        """Do what is to be done once the page is gone."""

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

    async def _watch(self) -> None:
        """Close the websocket once its viewer may no longer call."""
        while await self.outbox.take() is not None:
            pass
        await self.close(code=self.outbox.close_code)

    async def _leave(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await self._forget()
        if self.viewer is not None:
            PLACES.leave(self.viewer)
            self.viewer = None
        await self.left()

    async def _forget(self) -> None:
        """Hear no more of who may look on."""
        await feed().leave(self.topic.name, self.outbox)

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside; what ran under that name before is called off."""
        if (before := self.tasks.pop(name, None)) is not None:
            before.cancel()
        self.tasks[name] = task = asyncio.create_task(self._guarded(work))
        # What was called off before it began is not begun any more.
        task.add_done_callback(lambda _: work.close())

    def stop(self, name: str) -> None:
        if (task := self.tasks.pop(name, None)) is not None:
            task.cancel()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("a browser phone fails")
            await self.close(code=1011)

    async def note(self, what: str, name: str, *, row: Model | None = None) -> None:
        """Write into the audit log what somebody did."""
        user = self.scope["user"].get_username()
        address = site_of(str((self.scope.get("client") or [""])[0]))
        by = Actor(ActorKind.PERSON, user, "pages", address)
        write = sync_to_async(record)
        await write(AuditAction.DID, row=row, kind="callengine.call", name=name, note=what, by=by)

    async def say(self, what: str, **more: Any) -> None:
        """Tell the page."""
        await self.send(text_data=json.dumps({"is": what, **more}))
