"""One call's page, live: what the engine publishes of it, made HTML."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

from django.template.loader import render_to_string
from django.utils import timezone

from callengine.core.parties import who
from callengine.core.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    QualitySnapshot,
    SpokenSnapshot,
)
from callengine.core.timeline import MAX_LINES
from callengine.models import Leg
from callengine.notices import groups
from callengine.notices.calls import (
    CallAgentsChanged,
    CallChanged,
    CallEventAdded,
    CallLevelsHeard,
    CallMessagesAdded,
    CallQualityMeasured,
    CallSpoken,
)
from callengine.notices.commands import WatchLevels
from callengine.notices.wire import Reader
from dashboard.calls.agents import present_agent, present_spoken
from dashboard.calls.ladder import present_message
from dashboard.calls.levels import level_bar
from dashboard.calls.listeners import listeners, tells_of_listeners
from dashboard.calls.presenters import present_call, present_event
from dashboard.calls.shown import EventView
from dashboard.calls.silence import present_quality
from dashboard.live.asking import Asking
from dashboard.live.outbox import Fragment
from dashboard.live.topics import Topic

MOST_REMEMBERED = MAX_LINES + 10
"More lines than a timeline has; those beyond a page reads when it is read anew."
_OfCall = (
    CallChanged
    | CallEventAdded
    | CallMessagesAdded
    | CallQualityMeasured
    | CallLevelsHeard
    | CallAgentsChanged
    | CallSpoken
)


class CallTopic(Topic):
    """One call's page."""

    reader: Reader[_OfCall] = Reader(*get_args(_OfCall))

    def __init__(self, call_uuid: uuid.UUID) -> None:
        name = groups.call_group(call_uuid)
        super().__init__(name, name)
        self._call_uuid = call_uuid
        self._call: CallSnapshot | None = None
        self._events: dict[int, EventView] = {}
        self._told: dict[int, EventSnapshot] = {}
        "The timeline's lines as they were taken, by number: an engine keeps so many of a call."
        self._fresh_legs: set[str] = set()
        self._levels: dict[str, float] = {}
        self._asks = Asking(WatchLevels(str(call_uuid)))
        self._is_over = False
        self._listeners: list[EventSnapshot] | None = None
        "The line that says who listens, if it is new."
        self._quality: dict[str, QualitySnapshot] = {}
        self._messages: list[MessageSnapshot] = []
        self._labels: dict[str, str] = {}
        "Whom each leg rang, by its name."
        self._agents: dict[str, AgentSnapshot] = {}
        self._spoken: dict[int, SpokenSnapshot] = {}

    def hear(self, told: _OfCall) -> None:
        """Take a new state, which replaces the legs with their statistics; or what is added."""
        match told:
            case CallChanged(call):
                self._take_call(call)
            case CallEventAdded(event):
                self._note(event)
                if tells_of_listeners(event):
                    self._listeners = [event]
            case CallMessagesAdded(messages):
                self._messages += messages
            case CallQualityMeasured(quality) if not self._is_over:
                self._quality |= quality
                self._fresh_legs.update(quality)
            case CallLevelsHeard(levels):
                self._levels |= levels
            case CallAgentsChanged(agents):
                self._agents |= {agent["leg"]: agent for agent in agents}
            case CallSpoken(lines):
                self._spoken |= {line["number"]: line for line in lines}
        self.changed = True

    def _take_call(self, call: CallSnapshot) -> None:
        self._call = call
        self._is_over = call["ended"] is not None
        self._labels |= {leg["name"]: leg["label"] for leg in call["legs"]}
        for event in call["events"]:
            self._note(event)
        if self._is_over:  # its legs say what was measured by the end, and nothing is now
            self._quality.clear()
        self._fresh_legs = set(self._quality)
        self._agents.clear()

    async def load(self) -> None:
        """Read whose the legs are, and have the engine tell how loud they are: somebody looks."""
        legs = Leg.objects.filter(call=self._call_uuid).values_list("name", "label")
        self._labels = {name: label async for name, label in legs}
        self.tick()

    def tick(self) -> None:
        """Say that somebody still looks, while there is something to hear."""
        if not self._is_over:
            self._asks.ask()

    def fragments(self) -> Iterator[Fragment]:
        """Yield head and legs, new lines of timeline and ladder, and statistics."""
        self.changed = False
        call, self._call = self._call, None
        events, self._events = self._events.values(), {}
        messages, self._messages = self._messages, []
        legs, self._fresh_legs = sorted(self._fresh_legs), set()
        if call:
            view = replace(present_call(call, now=_now()), events=())
            yield Fragment("call", render_to_string("calls/_call_oob.html", {"call": view}))
        if self._listeners is not None or (call and self._is_over):
            lines, self._listeners = self._listeners or [], None
            context = {"call_listeners": listeners(lines, live=not self._is_over), "oob": True}
            yield Fragment("listeners", render_to_string("calls/_listeners.html", context))
        yield from self._of_agents()
        for event in events:
            text = render_to_string("calls/_event.html", {"event": event, "oob": True})
            yield Fragment(f"event-{event.key}", text)
        for message in messages:
            context = {"message": present_message(message), "oob": True}
            text = render_to_string("calls/_message.html", context)
            yield Fragment(f"message-{message['number']}", text)
        levels, self._levels = self._levels, {}
        for leg, level in levels.items():
            yield Fragment(f"level-{leg}", level_bar(leg, level, oob=True))
        for leg in legs:
            of = who(leg, self._labels.get(leg, ""))
            quality = present_quality(self._quality[leg], of=of, now=_now())
            context = {"name": leg, "quality": quality, "oob": True}
            yield Fragment(f"quality-{leg}", render_to_string("calls/_quality.html", context))

    def _of_agents(self) -> Iterator[Fragment]:
        """Yield sessions whose figures have changed, and lines of what was said."""
        agents, self._agents = self._agents, {}
        spoken, self._spoken = self._spoken, {}
        for leg, session in agents.items():
            context = {"agent": present_agent(session), "now": True, "oob": True}
            yield Fragment(f"agent-{leg}", render_to_string("calls/_agent.html", context))
        for number in sorted(spoken):
            context = {"line": present_spoken(spoken[number]), "oob": True}
            yield Fragment(f"spoken-{number}", render_to_string("calls/_spoken.html", context))

    def _note(self, event: EventSnapshot) -> None:
        number = event["number"]
        if self._told.get(number) == event or len(self._told) > MOST_REMEMBERED:
            return
        self._told[number] = event
        self._events[number] = present_event(event)


def _now() -> dt.datetime:
    return timezone.now()
