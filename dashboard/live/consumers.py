"""The websockets of the live pages: authenticate, join, forward."""

import asyncio
import logging
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard.live.feed import BROKEN, feed
from dashboard.live.outbox import Outbox, Viewer
from dashboard.live.places import TOO_MANY, Places
from dashboard.live.topics import NodesTopic, Topic
from dashboard.live.viewers import NOT_SIGNED_IN, ViewersTopic, refusal
from voipnumber.web.bounds import WebRejections

logger = logging.getLogger(__name__)
PLACES, REFUSED = Places(), WebRejections()
MOST_UNASKED = 100
"Messages that were not expected before a websocket is closed: each costs the engine's time."
SAYS_TOO_MUCH = 4408

ACKNOWLEDGED = "shown"
"All a page ever says: that it has shown one message."


class LivePage(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A browser that watches what the feed of this process tells."""

    permission = "callengine.view_call"
    # The feed alone is in the channel layer.
    channel_layer_alias = ""

    def topic(self) -> Topic | None:
        """Return what this page watches beside the engine; None: nothing."""
        raise NotImplementedError

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Leave what was joined, however the connection ends."""
        self.joined: list[Topic] = []
        self.forwarding: asyncio.Task[None] | None = None
        self.placed: Viewer | None = None
        self.unasked = 0
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
            self._note(
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
        self.forwarding = asyncio.create_task(self._forward())

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Take an acknowledgement without a look at the database, which it does not need."""
        if message["type"] == "websocket.receive":
            await self._hear(message.get("text"))
            return
        await super().dispatch(message)

    async def _hear(self, text: str | None) -> None:
        # Anything else a browser says is ignored: pages ask over HTTP, with a CSRF token.
        if self.forwarding is None:
            return
        if text == ACKNOWLEDGED and self.outbox.acknowledge():
            return
        self.unasked += 1
        if self.unasked == MOST_UNASKED:
            self._note(
                f"has said {self.unasked} times over a websocket what no page of ours says",
                "That websocket is closed.",
            )
            self.outbox.close(SAYS_TOO_MUCH)

    def _note(self, what: str, advice: str) -> None:
        source = str((self.scope.get("client") or [""])[0])
        REFUSED.note(source, f"{self.scope['user'].get_username()!r} {what}", advice)

    async def _join(self, viewer: Viewer) -> int | None:
        for topic in (ViewersTopic(), NodesTopic(), self.topic()):
            if topic is not None:
                self.joined.append(topic)
                await feed().join(topic, self.outbox)
        return await refusal(viewer) or self.outbox.close_code

    async def _leave(self) -> None:
        if self.forwarding is not None:
            self.forwarding.cancel()
        if self.placed is not None:
            PLACES.leave(self.placed)
            self.placed = None
        while self.joined:
            await feed().leave(self.joined.pop().name, self.outbox)

    async def _forward(self) -> None:
        try:
            while (text := await self.outbox.take()) is not None:
                with feed().spending():
                    await self.send(text_data=text)
            await self.close(code=self.outbox.close_code)
        except Exception:
            logger.exception("a live page is told no more")


class EngineConsumer(LivePage):
    """A page that shows of all that changes the engine pill alone."""

    permission = "callengine.view_enginenode"

    def topic(self) -> None:
        """Watch nothing beside the engine."""
