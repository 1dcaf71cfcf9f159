"""What live pages watch: each topic gathers what the engine publishes and makes HTML of it."""

import asyncio
import datetime as dt
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.template.loader import render_to_string
from django.utils import timezone

from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    NodeSnapshot,
    QualitySnapshot,
)
from callengine.notices import groups
from dashboard.calls.ladder import present_message
from dashboard.calls.presenters import (
    present_call,
    present_engine,
    present_event,
)
from dashboard.calls.shown import EngineView, EventView
from dashboard.calls.silence import present_quality
from dashboard.live.outbox import Fragment, Outbox
from dashboard.parts import engines

EVENTS_REMEMBERED = 1000


class Topic:
    """Something browsers watch; a message of type `call.changed` goes to its `call_changed`."""

    def __init__(self, name: str, *joined: str) -> None:
        self.name = name
        self.groups = joined
        self.outboxes: set[Outbox] = set()
        self.channel = ""
        self.changed = False
        "Whether `fragments` has something new."
        self.ready: asyncio.Future[None] | None = None

    def take(self, received: dict[str, Any]) -> None:
        """Take what the channel layer brought; a message of a kind not known here is left alone."""
        for message in groups.each(received):
            handler = getattr(self, str(message.get("type", "")).replace(".", "_"), None)
            if handler is not None:
                handler(message)

    def fragments(self) -> Iterator[Fragment]:
        """Yield what changed since the last time, the order as on the page."""
        self.changed = False
        yield from ()

    async def load(self) -> None:
        """Read what the database knows, before the first message is taken."""

    async def check(self) -> None:
        """Compare with the database, once a minute: a message may have been lost."""

    def tick(self) -> None:
        """Notice what the time alone changes, every few seconds."""


class NodesTopic(Topic):
    """The engine pill of every live page."""

    def __init__(self) -> None:
        super().__init__("nodes", groups.NODES)
        self._nodes: list[NodeSnapshot] = []
        self._registered: int | None = None
        self._shown: EngineView | None = None

    async def load(self) -> None:
        """Read the nodes, so that one that falls silent from now on is missed."""
        self._nodes, self._registered = await sync_to_async(engines.known)()
        self._shown = self._view()

    def nodes_changed(self, message: dict[str, Any]) -> None:
        """Take the state of the engine nodes."""
        self._nodes = message["nodes"]
        self._registered = message.get("registered", self._registered)
        self.changed = True

    def tick(self) -> None:
        """Notice a node that has become silent."""
        shown = self._shown
        if shown is not None and self._view().tone != shown.tone:
            self.changed = True

    def fragments(self) -> Iterator[Fragment]:
        """Yield the pill."""
        self.changed = False
        self._shown = self._view()
        text = render_to_string("calls/_engine_oob.html", {"engine": self._shown})
        yield Fragment("engine", text)

    def _view(self) -> EngineView:
        return present_engine(self._nodes, now=timezone.now(), registered=self._registered)


class CallTopic(Topic):
    """One call's page."""

    def __init__(self, call_id: uuid.UUID) -> None:
        name = groups.call_group(call_id)
        super().__init__(name, name)
        self._call: CallSnapshot | None = None
        self._events: list[EventView] = []
        self._told: deque[str] = deque(maxlen=EVENTS_REMEMBERED)
        "Keys of the timeline's lines that were sent."
        self._fresh_legs: set[str] = set()
        self._quality: dict[str, QualitySnapshot] = {}
        self._messages: list[MessageSnapshot] = []

    def call_changed(self, message: dict[str, Any]) -> None:
        """Take the call's new state; it replaces the legs, statistics included."""
        self._call = message["call"]
        for event in message["call"]["events"]:
            self._note(event)
        self._fresh_legs.update(self._quality)
        self.changed = True

    def call_event(self, message: dict[str, Any]) -> None:
        """Take one line of the timeline."""
        self._note(message["event"])
        self.changed = True

    def call_messages(self, message: dict[str, Any]) -> None:
        """Take new arrows of the ladder."""
        self._messages += message["messages"]
        self.changed = True

    def call_quality(self, message: dict[str, Any]) -> None:
        """Take one second's statistics of the legs."""
        for leg, quality in message["quality"].items():
            self._quality[leg] = quality
            self._fresh_legs.add(leg)
        self.changed = True

    def fragments(self) -> Iterator[Fragment]:
        """Yield head and legs, new lines of timeline and ladder, and statistics."""
        self.changed = False
        call, self._call = self._call, None
        events, self._events = self._events, []
        messages, self._messages = self._messages, []
        legs, self._fresh_legs = sorted(self._fresh_legs), set()
        if call:
            view = replace(present_call(call, now=_now()), events=())
            yield Fragment("call", render_to_string("calls/_call_oob.html", {"call": view}))
        for event in events:
            text = render_to_string("calls/_event.html", {"event": event, "oob": True})
            yield Fragment(f"event-{event.key}", text)
        for message in messages:
            context = {"message": present_message(message), "oob": True}
            text = render_to_string("calls/_message.html", context)
            yield Fragment(f"message-{message['number']}", text)
        for leg in legs:
            quality = present_quality(self._quality[leg], leg=leg, now=_now())
            context = {"name": leg, "quality": quality, "oob": True}
            yield Fragment(f"quality-{leg}", render_to_string("calls/_quality.html", context))

    def _note(self, event: EventSnapshot) -> None:
        view = present_event(event)
        if view.key not in self._told:
            self._told.append(view.key)
            self._events.append(view)


def _now() -> dt.datetime:
    return timezone.now()
