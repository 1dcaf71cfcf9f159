"""Channel groups: what the engine tells the live pages, and what the pages ask of the engine.

Publish after the database has been written: a page that opens its websocket reads the
database once more, and relies on finding there whatever was published before.
"""

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from channels.layers import get_channel_layer

from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    MessageSnapshot,
    NodeSnapshot,
    QualitySnapshot,
)

CALLS = "calls"
"Every change of every call, without timelines."
NODES = "nodes"
"The state of all engine nodes."
VIEWERS = "viewers"
"What changed about those who look on; every web process that has any listens."
ENGINES = "engines"
"Commands to whichever engine holds the call."
SEVERAL = "several"


class Message(NamedTuple):
    """Something live pages are told."""

    group: str
    content: dict[str, Any]


def call_group(call_id: str | uuid.UUID) -> str:
    """Return the group of one call's page; raise ValueError for what is not a UUID."""
    return f"call.{uuid.UUID(str(call_id)).hex}"


def session_mark(session_key: str) -> str:
    """Return what stands for a login in messages; it does not tell the key."""
    return hashlib.blake2s(session_key.encode(), digest_size=16).hexdigest()


def call_changed(snapshot: CallSnapshot) -> list[Message]:
    """Show a changed call on the list and on its own page."""
    brief: CallSnapshot = {**snapshot, "events": []}
    return [
        Message(CALLS, {"type": "call.changed", "call": brief}),
        Message(call_group(snapshot["id"]), {"type": "call.changed", "call": snapshot}),
    ]


def call_event(call_id: str | uuid.UUID, event: EventSnapshot) -> list[Message]:
    """Add a line to the timeline on the call's page."""
    return [Message(call_group(call_id), {"type": "call.event", "event": event})]


def call_messages(call_id: str | uuid.UUID, messages: Sequence[MessageSnapshot]) -> list[Message]:
    """Add masked SIP messages to the ladder on the call's page."""
    content = {"type": "call.messages", "messages": list(messages)}
    return [Message(call_group(call_id), content)]


def call_quality(call_id: str | uuid.UUID, quality: Mapping[str, QualitySnapshot]) -> list[Message]:
    """Show one second's statistics, by leg name, on the call's page."""
    return [Message(call_group(call_id), {"type": "call.quality", "quality": dict(quality)})]


def nodes_changed(nodes: Sequence[NodeSnapshot], *, registered: int | None = None) -> list[Message]:
    """Show the state of every known engine node (not only the sender's) in the top bar.

    `registered` is how many connections are registered, over all nodes.
    """
    content: dict[str, Any] = {"type": "nodes.changed", "nodes": list(nodes)}
    if registered is not None:
        content["registered"] = registered
    return [Message(NODES, content)]


async def publish(messages: Iterable[Message]) -> None:
    """Send messages, each group's as one: a send costs the same whatever it carries.

    Several arrive as one of type `several`, in their order; see `each`.
    """
    gathered: dict[str, list[dict[str, Any]]] = {}
    for message in messages:
        gathered.setdefault(message.group, []).append(message.content)
    for group, contents in gathered.items():
        several = {"type": SEVERAL, "messages": contents}
        await _send(group, contents[0] if len(contents) == 1 else several)


def each(received: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages that arrived as one."""
    if received.get("type") != SEVERAL:
        return [received]
    messages: list[dict[str, Any]] = received["messages"]
    return messages


async def end_session(session_key: str) -> None:
    """Close the websockets of a login that has signed out."""
    await _send(VIEWERS, {"type": "session.ended", "session": session_mark(session_key)})


async def viewer_changed(user_id: int | None) -> None:
    """Have it checked whether a user may still look on; None has everybody checked."""
    await _send(VIEWERS, {"type": "viewer.changed", "user": user_id})


async def command_hangup(call_id: str | uuid.UUID, *, by: str) -> None:
    """Ask the engine to end a call; `by` is the user name that will stand in the record."""
    call = str(uuid.UUID(str(call_id)))
    await _send(ENGINES, {"type": "engine.command", "command": "hangup", "call": call, "by": by})


async def command_transfer(call_id: str | uuid.UUID, *, to: str, by: str) -> None:
    """Ask the engine to connect a call's caller with `to`, a number or a SIP user; see above."""
    call = str(uuid.UUID(str(call_id)))
    message = {"type": "engine.command", "command": "transfer", "call": call, "to": to, "by": by}
    await _send(ENGINES, message)


async def command_lift(*, source: str, user: str) -> None:
    """Have all engines let in again whoever was banned; without it they read it in a moment."""
    message = {"type": "engine.command", "command": "lift", "source": source, "user": user}
    await _send(ENGINES, message)


async def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is not None:
        await layer.group_send(group, message)
