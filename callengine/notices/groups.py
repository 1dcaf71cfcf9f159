"""Channel groups: who hears what engines tell pages, and what pages ask of engines.

Publish after the database has been written: a page that opens its websocket reads the
database once more, and relies on finding there whatever was published before.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from channels.layers import get_channel_layer

from callengine.core.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    NodeSnapshot,
    QualitySnapshot,
    SpokenSnapshot,
)
from callengine.notices.calls import (
    CallAgentsChanged,
    CallChanged,
    CallEventAdded,
    CallLevelsHeard,
    CallMessagesAdded,
    CallQualityMeasured,
    CallSpoken,
    CallStands,
)
from callengine.notices.nodes import NodesChanged
from callengine.notices.trunks import TrunkChanged
from callengine.notices.wire import SEVERAL, URGENT, to_message

CALLS = "calls"
"Every change of every call, without timelines."
NODES = "nodes"
"The state of all engine nodes, and which calls are in progress."
TRUNKS = "trunks"
"Which trunk's standing was written anew."
VIEWERS = "viewers"
"What changed about those who look on; every web process that has any listens."
ENGINES = "engines"
"Commands to whichever engine holds the call."

CHANNELS = "feed"
"""The kind of every channel that is listened on. Redis is asked for the messages of one kind at a
time, for up to 5 s: with several in one process, each would wait for the others' turns."""


class Announcement(NamedTuple):
    """A notice and the group that hears it."""

    group: str
    told: object


@lru_cache(maxsize=200)
def call_group(call_uuid: str | uuid.UUID) -> str:
    """Return the group of one call's page; raise ValueError for what is not a UUID."""
    return f"call.{uuid.UUID(str(call_uuid)).hex}"


def trial_group(trial: str | uuid.UUID) -> str:
    """Return the group of one test of a trunk; raise ValueError for what is not a UUID."""
    return f"trial.{uuid.UUID(str(trial)).hex}"


def call_changed(snapshot: CallSnapshot) -> list[Announcement]:
    """Show a changed call on the list and on its own page, and count it on every page."""
    brief: CallSnapshot = {**snapshot, "events": []}
    is_live = snapshot["ended"] is None
    stands = CallStands(snapshot["id"], is_live=is_live, is_silent=is_silent(snapshot))
    return [
        Announcement(CALLS, CallChanged(brief)),
        Announcement(NODES, stands),
        Announcement(call_group(snapshot["id"]), CallChanged(snapshot)),
    ]


def is_silent(snapshot: CallSnapshot) -> bool:
    """Tell whether a call is in progress and no audio arrives from a party that is there."""
    if snapshot["ended"] is not None:
        return False
    up = [leg["quality"] for leg in snapshot["legs"] if leg["state"] != "ended"]
    return any(quality is not None and quality.get("silence") for quality in up)


def call_event(call_uuid: str | uuid.UUID, event: EventSnapshot) -> list[Announcement]:
    """Add a line to the timeline on the call's page."""
    return [Announcement(call_group(call_uuid), CallEventAdded(event))]


def call_messages(
    call_uuid: str | uuid.UUID, messages: Sequence[MessageSnapshot]
) -> list[Announcement]:
    """Add masked SIP messages to the ladder on the call's page."""
    return [Announcement(call_group(call_uuid), CallMessagesAdded(list(messages)))]


def call_quality(
    call_uuid: str | uuid.UUID, quality: Mapping[str, QualitySnapshot]
) -> list[Announcement]:
    """Show one second's statistics, by leg name, on the call's page."""
    return [Announcement(call_group(call_uuid), CallQualityMeasured(dict(quality)))]


def call_levels(call_uuid: str | uuid.UUID, levels: Mapping[str, float]) -> list[Announcement]:
    """Show how loud the parties are, by leg name, on the call's page."""
    return [Announcement(call_group(call_uuid), CallLevelsHeard(dict(levels)))]


def call_agents(
    call_uuid: str | uuid.UUID, sessions: Sequence[AgentSnapshot]
) -> list[Announcement]:
    """Show sessions of a call's voice agents as they now are, on the call's page."""
    return [Announcement(call_group(call_uuid), CallAgentsChanged(list(sessions)))]


def call_spoken(call_uuid: str | uuid.UUID, lines: Sequence[SpokenSnapshot]) -> list[Announcement]:
    """Show what was said to and by a call's voice agents, on the call's page."""
    return [Announcement(call_group(call_uuid), CallSpoken(list(lines)))]


def nodes_changed(
    nodes: Sequence[NodeSnapshot], *, registered: int | None = None
) -> list[Announcement]:
    """Show the state of every known engine node in the top bar."""
    return [Announcement(NODES, NodesChanged(list(nodes), registered))]


def trunk_changed(trunk: str) -> list[Announcement]:
    """Have pages read how a trunk stands now."""
    return [Announcement(TRUNKS, TrunkChanged(trunk))]


async def publish(messages: Iterable[Announcement], *, urgent: bool = False) -> None:
    """Send notices, each group's as one message: a send costs the same whatever it carries.

    Several arrive as one of type `several`, in their order; `wire.Reader` takes them apart.
    With `urgent` pages are told sooner, whatever it costs them.
    """
    gathered: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        gathered.setdefault(message.group, []).append(to_message(message.told))
    for group, contents in gathered.items():
        several = {"type": SEVERAL, "messages": contents}
        sent = contents[0] if len(contents) == 1 else several
        await _send(group, {**sent, URGENT: True} if urgent else sent)


async def tell(group: str, told: object) -> None:
    """Send one notice to a group at once."""
    await _send(group, to_message(told))


async def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        await layer.group_send(group, message)
