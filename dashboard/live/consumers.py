"""The websockets of the live pages: what the feed tells is forwarded, as fast as it is shown."""

from typing import Any
from urllib.parse import parse_qs

from dashboard.live.feed import feed
from dashboard.live.outbox import READ_ANEW, Batch
from dashboard.live.sockets import ViewerSocket
from dashboard.live.topics import NodesTopic, Topic

MOST_UNASKED = 100
"Messages that were not expected before a websocket is closed: each costs the engine's time."
SAYS_TOO_MUCH = 4408

MOST_NAMED = 200
"Of what a page says it names so many are told as it comes: no page of ours names more."

ACKNOWLEDGED = "shown"
"All a page ever says: that it has shown one message."


class LivePage(ViewerSocket):
    """A browser that watches what the feed of this process tells."""

    unasked = 0

    def topic(self) -> Topic | None:
        """Return what this page watches beside the engine; None: nothing."""
        raise NotImplementedError

    def topics(self) -> tuple[Topic, ...]:
        """Return the engine and what the page is about."""
        topic = self.topic()
        return (NodesTopic(),) if topic is None else (NodesTopic(), topic)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Take an acknowledgement without a look at the database, which it does not need."""
        if message["type"] == "websocket.receive":
            await self._hear(message.get("text"))
            return
        await super().dispatch(message)

    async def _hear(self, text: str | None) -> None:
        # Anything else a browser says is ignored: pages ask over HTTP, with a CSRF token.
        if self.serving is None:
            return
        if text == ACKNOWLEDGED and self.outbox.acknowledge():
            return
        self.unasked += 1
        if self.unasked == MOST_UNASKED:
            self.note_refused(
                f"has said {self.unasked} times over a websocket what no page of ours says",
                "That websocket is closed.",
            )
            self.outbox.close(SAYS_TOO_MUCH)

    async def serve(self) -> None:
        """Say how all stands, then forward what the feed tells of its changes."""
        self._tell_all()
        while (text := await self.outbox.take()) is not None:
            with feed().spending():
                await self.send(text_data=text)
            if text == READ_ANEW:
                self._tell_all()

    def _tell_all(self) -> None:
        query = parse_qs(self.scope["query_string"].decode("ascii", "replace"))
        named = frozenset(query.get("of", [""])[0].split(",")[:MOST_NAMED])
        with feed().spending():
            fragments = [one for topic in self.watched for one in topic.stands(named)]
        if fragments:
            self.outbox.put(Batch(fragments))


class EngineConsumer(LivePage):
    """A page that shows of all that changes the engine pill alone."""

    permission = "callengine.view_enginenode"

    def topic(self) -> None:
        """Watch nothing beside the engine."""
