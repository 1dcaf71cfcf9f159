"""The websockets of the live pages: authenticate, join, forward."""

import asyncio
import logging
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from dashboard.live.feed import BROKEN, feed
from dashboard.live.listed import ListTopic
from dashboard.live.outbox import Outbox, Viewer
from dashboard.live.topics import CallTopic, NodesTopic, Topic
from dashboard.live.viewers import NOT_SIGNED_IN, ViewersTopic, refusal

logger = logging.getLogger(__name__)

ACKNOWLEDGED = "shown"
"All a page ever says: that it has shown one message."


class LivePage(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A browser that watches what the feed of this process tells."""

    permission = "callengine.view_call"
    # The feed alone is in the channel layer.
    channel_layer_alias = ""

    def topic(self) -> Topic:
        """Return what this page watches."""
        raise NotImplementedError

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Leave what was joined, however the connection ends."""
        self.joined: list[Topic] = []
        self.forwarding: asyncio.Task[None] | None = None
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
            # Anything else a browser says is ignored: pages ask over HTTP, with a CSRF token.
            if message.get("text") == ACKNOWLEDGED and self.forwarding is not None:
                self.outbox.acknowledge()
            return
        await super().dispatch(message)

    async def _join(self, viewer: Viewer) -> int | None:
        for topic in (ViewersTopic(), NodesTopic(), self.topic()):
            self.joined.append(topic)
            await feed().join(topic, self.outbox)
        return await refusal(viewer) or self.outbox.close_code

    async def _leave(self) -> None:
        if self.forwarding is not None:
            self.forwarding.cancel()
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


class CallsConsumer(LivePage):
    """The list of calls."""

    def topic(self) -> Topic:
        """Return the list."""
        return ListTopic()


class CallConsumer(LivePage):
    """One call's page."""

    def topic(self) -> Topic:
        """Return the call of the address."""
        return CallTopic(self.scope["url_route"]["kwargs"]["call_id"])
