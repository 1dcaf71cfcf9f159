"""What the websockets of all pages have in common: who may open one, and for how long."""

import asyncio
import logging
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard.live.feed import BROKEN, feed
from dashboard.live.outbox import Outbox, Viewer
from dashboard.live.places import TOO_MANY, Places
from dashboard.live.topics import Topic
from dashboard.live.viewers import NOT_SIGNED_IN, ViewersTopic, refusal
from web.bounds import WebRejections

logger = logging.getLogger(__name__)
PLACES, REFUSED = Places(), WebRejections()


class ViewerSocket(AsyncWebsocketConsumer):  # type: ignore[misc]
    """The websocket of somebody who is signed in; closed as soon as they may not have it."""

    permission = "callengine.view_call"
    # Whoever listens to the channel layer does so on a channel of the one kind there is.
    channel_layer_alias = ""

    def topics(self) -> tuple[Topic, ...]:
        """Return what it watches, beside who may look on."""
        return ()

    async def accepted(self) -> None:
        """Do what is to be done once somebody is let in."""

    async def serve(self) -> None:
        """Take what comes into the outbox, until the websocket is to be closed."""
        raise NotImplementedError

    async def left(self) -> None:
        """Do what is to be done once the page is gone or may not stay; may come twice."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Leave what was joined, however the connection ends."""
        self.watched: list[Topic] = []
        self.serving: asyncio.Task[None] | None = None
        self.placed: Viewer | None = None
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    async def connect(self) -> None:
        """Join before asking for permission: what changes meanwhile about a user is heard."""
        user, session = self.scope.get("user"), self.scope.get("session")
        if user is None or not user.is_authenticated or session is None:
            await self.close(code=NOT_SIGNED_IN)
            return
        viewer = Viewer(user.pk, session.session_key, self.permission)
        if not PLACES.take(viewer):
            self.note_refused(
                "has as many live pages open as VOIPNUMBER_WEBSOCKETS_PER_SESSION or "
                "VOIPNUMBER_WEBSOCKETS_PER_USER says",
                "It is asked to close some.",
            )
            # Refused before it is accepted, the browser would not be told the code.
            await self.accept()
            await self.close(code=TOO_MANY)
            return
        self.placed = viewer
        self.outbox = Outbox(viewer)
        try:
            refused = await self._join(viewer)
        except Exception:
            logger.warning("a live page could not be joined: is Redis up?", exc_info=True)
            refused = BROKEN
        if refused is not None:
            await self._leave()
            await self.close(code=refused)
            return
        await self.accept()
        self.serving = asyncio.create_task(self._serve())
        await self.accepted()

    async def _join(self, viewer: Viewer) -> int | None:
        for topic in (ViewersTopic(), *self.topics()):
            self.watched.append(topic)
            self.watched[-1] = await feed().join(topic, self.outbox)
        return await refusal(viewer) or self.outbox.close_code

    async def _serve(self) -> None:
        try:
            await self.serve()
            # At once: a browser may take its time over closing, or never say that it has.
            await self.left()
            await self.close(code=self.outbox.close_code)
        except Exception:
            logger.exception("a live page is told no more")

    async def _leave(self) -> None:
        if self.serving is not None:
            self.serving.cancel()
        if self.placed is not None:
            PLACES.leave(self.placed)
            self.placed = None
        while self.watched:
            await feed().leave(self.watched.pop().name, self.outbox)
        await self.left()

    def note_refused(self, what: str, advice: str) -> None:
        """Have the log say what a browser was refused."""
        source = str((self.scope.get("client") or [""])[0])
        REFUSED.note(source, f"{self.scope['user'].get_username()!r} {what}", advice)
