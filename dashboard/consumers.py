"""The websockets of the live pages: authenticate, join, forward what was published as HTML."""

import asyncio
import datetime as dt
import logging
from collections import deque
from typing import Any

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.template.loader import render_to_string

from callengine import groups
from callengine.core.snapshot import CallSnapshot, EventSnapshot, NodeSnapshot, QualitySnapshot
from dashboard.presenters import (
    present_call,
    present_engine,
    present_event,
    present_quality,
)

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S = 0.25
"A browser gets what changed at most this often."
PLOT_SECONDS = 120
NOT_SIGNED_IN = 4401
NOT_ALLOWED = 4403


class LivePage(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A websocket that gathers changes and sends them as HTML, a few times a second at most.

    Rows and other elements never share a message: an HTML parser drops a `<tr>` that follows
    a `<div>`.
    """

    permission = "callengine.view_call"
    "What one must be allowed to do to hear anything."

    async def connect(self) -> None:
        user = self.scope.get("user")
        if user is None or not user.is_authenticated:
            await self.close(code=NOT_SIGNED_IN)
            return
        if not await database_sync_to_async(user.has_perm)(self.permission):
            await self.close(code=NOT_ALLOWED)
            return
        self.nodes: list[NodeSnapshot] | None = None
        self.next_flush_s = 0.0
        self.flush_task: asyncio.Task[None] | None = None
        self.joined = self.group_names()
        session = self.scope.get("session")
        if session is not None and session.session_key:
            self.joined.append(groups.session_group(session.session_key))
        for name in self.joined:
            await self.channel_layer.group_add(name, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        for name in getattr(self, "joined", ()):
            await self.channel_layer.group_discard(name, self.channel_name)
        task = getattr(self, "flush_task", None)
        if task is not None:
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Ignore what a browser sends: pages ask over HTTP, with a CSRF token."""

    async def nodes_changed(self, message: dict[str, Any]) -> None:
        """Take the state of the engine nodes."""
        self.nodes = message["nodes"]
        self.flush_soon()

    async def session_ended(self, message: dict[str, Any]) -> None:
        """Close: whoever looked on has signed out."""
        await self.close(code=NOT_SIGNED_IN)

    def group_names(self) -> list[str]:
        """Return the groups to join."""
        raise NotImplementedError

    def take_fragments(self) -> list[str]:
        """Return what is waiting as HTML messages, and forget it."""
        nodes, self.nodes = self.nodes, None
        if nodes is None:
            return []
        engine = present_engine(nodes, now=_now())
        return [render_to_string("calls/_engine_oob.html", {"engine": engine})]

    def flush_soon(self) -> None:
        """Send what is waiting now, or as soon as the interval allows."""
        if self.flush_task is None:
            self.flush_task = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        clock = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self.next_flush_s - clock.time()))
        self.next_flush_s = clock.time() + FLUSH_INTERVAL_S
        self.flush_task = None
        try:
            for html in self.take_fragments():
                await self.send(text_data=html)
        except Exception:
            # The browser reconnects and reads the page anew.
            log.exception("a live page could not be updated")
            await self.close(code=1011)


class CallsConsumer(LivePage):
    """The list of calls."""

    async def connect(self) -> None:
        self.calls: dict[str, CallSnapshot] = {}
        await super().connect()

    def group_names(self) -> list[str]:
        return [groups.CALLS, groups.NODES]

    async def call_changed(self, message: dict[str, Any]) -> None:
        """Keep only the newest state of each call."""
        call: CallSnapshot = message["call"]
        self.calls[call["id"]] = call
        self.flush_soon()

    def take_fragments(self) -> list[str]:
        fragments = super().take_fragments()
        calls, self.calls = self.calls, {}
        if calls:
            views = [present_call(call, now=_now()) for call in calls.values()]
            fragments.append(render_to_string("calls/_rows_oob.html", {"calls": views}))
        return fragments


class CallConsumer(LivePage):
    """One call's page."""

    async def connect(self) -> None:
        self.call: CallSnapshot | None = None
        self.events: list[EventSnapshot] = []
        self.fresh_legs: set[str] = set()
        self.quality: dict[str, QualitySnapshot] = {}
        self.plots: dict[str, deque[float]] = {}
        await super().connect()

    def group_names(self) -> list[str]:
        call_id = self.scope["url_route"]["kwargs"]["call_id"]
        return [groups.call_group(call_id), groups.NODES]

    async def call_changed(self, message: dict[str, Any]) -> None:
        """Take the call's new state; it replaces the legs, statistics included."""
        self.call = message["call"]
        self.fresh_legs.update(self.quality)
        self.flush_soon()

    async def call_event(self, message: dict[str, Any]) -> None:
        """Take one line of the timeline."""
        self.events.append(message["event"])
        self.flush_soon()

    async def call_quality(self, message: dict[str, Any]) -> None:
        """Take one second's statistics of the legs."""
        for leg, quality in message["quality"].items():
            self.quality[leg] = quality
            self.plots.setdefault(leg, deque(maxlen=PLOT_SECONDS)).append(quality["mos"])
            self.fresh_legs.add(leg)
        self.flush_soon()

    def take_fragments(self) -> list[str]:
        fragments = super().take_fragments()
        call, self.call = self.call, None
        events, self.events = self.events, []
        legs, self.fresh_legs = sorted(self.fresh_legs), set()
        context: dict[str, Any] = {
            "call": present_call(call, now=_now()) if call else None,
            "events": [present_event(event) for event in events],
            "qualities": [
                (leg, present_quality(self.quality[leg], history=self.plots[leg])) for leg in legs
            ],
        }
        if any(context.values()):
            fragments.append(render_to_string("calls/_call_oob.html", context))
        return fragments


@receiver(user_logged_out)
def close_live_pages(request: HttpRequest | None, **_: Any) -> None:
    """Close the websockets of a login together with it."""
    key = request.session.session_key if request is not None else None
    if key:
        async_to_sync(groups.end_session)(key)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
