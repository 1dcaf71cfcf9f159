"""Changes of the record as data: what is written, as calls of its writers or as lines of text.

So a change can wait in a file for a database that is away. A line is `VERSION KIND JSON`; kinds
and arguments are a format that outlives an update of the program. Nothing secret is in any of
them: plans and messages are recorded as they are stored, without passwords and masked.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from callengine.core.history import QualityHistory
from callengine.core.outcomes import Rejection
from callengine.core.shapes import plain
from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    SpokenSnapshot,
)
from callengine.edge.bans import HeldBan
from callengine.record import bans, captures, orphans
from callengine.record.gathering import Gathering, TimelineEntry

VERSION = 1
DETAILS = frozenset({"call-changed", "call-spoken", "sip-messages", "quality"})
"Kinds without which the record of a call is still true; the first to go if there is no room."


class Keepable(ABC):
    """A change of the record that can be told; call it to write it to the database."""

    kind: str
    "Which writer."

    @abstractmethod
    def told(self) -> Mapping[str, Any]:
        """Return what the writer is called with, ready for JSON."""

    def __call__(self) -> None:
        """Write it to the database by itself; twice is as good as once."""
        for write in together([self]):
            write()


@dataclass(frozen=True)
class Change(Keepable):
    """A change whose arguments are at hand."""

    kind: str
    arguments: Mapping[str, Any]

    def told(self) -> Mapping[str, Any]:
        """Return the arguments."""
        return self.arguments


def call_started(
    *, snapshot: CallSnapshot, plan: Mapping[str, Any], node: str, identity: str
) -> Change:
    """Open the record of a call."""
    told = {"snapshot": snapshot, "plan": plan, "node": node, "identity": identity}
    return Change("call-started", told)


def call_changed(*, snapshot: CallSnapshot) -> Change:
    """Bring state and legs of a call up to date."""
    return Change("call-changed", {"snapshot": snapshot})


def call_ended(*, snapshot: CallSnapshot) -> Change:
    """Close the record of a call."""
    return Change("call-ended", {"snapshot": snapshot})


def transferred(*, call_id: str, transfer: Mapping[str, Any]) -> Change:
    """Add a transfer to the plan of a call."""
    return Change("transferred", {"call_id": call_id, "transfer": transfer})


def call_events(*, call_id: str, events: Sequence[EventSnapshot]) -> Change:
    """Store lines of a call's timeline."""
    return Change("call-events", {"entries": [{"call_id": call_id, **event} for event in events]})


def call_spoken(*, call_id: str, lines: Sequence[SpokenSnapshot]) -> Change:
    """Store finished lines of what was said in a call."""
    return Change("call-spoken", {"call_id": call_id, "lines": lines})


def quality(*, call_id: str, histories: Mapping[str, QualityHistory]) -> Change:
    """Store the quality of a call's legs so far."""
    return Change("quality", {"call_id": call_id, "histories": histories})


def rejected(*, rejection: Rejection, at: str) -> Change:
    """Store a request that never became a call; `at` is ISO 8601."""
    return Change("rejected", {"rejection": plain(rejection), "at": at})


def banned(*, ban: HeldBan, node: str) -> Change:
    """Store a ban."""
    return Change("banned", {"ban": plain(ban), "node": node})


def capture_changed(*, key: str, columns: Mapping[str, Any]) -> Change:
    """Store columns of a packet capture; times are ISO 8601."""
    return Change("capture-changed", {"key": key, "columns": columns})


def orphans_closed(*, node: str, identity: str, at: str) -> Change:
    """Close what an earlier life of this engine left open; `at` is ISO 8601."""
    return Change("orphans-closed", {"node": node, "identity": identity, "at": at})


def line(change: Keepable) -> bytes:
    """Return a change as a line, without its end."""
    return f"{VERSION} {change.kind} {json.dumps(change.told(), default=str)}".encode()


def read(text: bytes) -> Change | None:
    """Return the change of a line; None if it is of another version, or broken."""
    version, _, rest = text.strip().partition(b" ")
    kind, _, arguments = rest.partition(b" ")
    if version != str(VERSION).encode() or kind.decode(errors="replace") not in KINDS:
        return None
    try:
        value = json.loads(arguments)
    except ValueError:
        return None
    return Change(kind.decode(), value) if isinstance(value, dict) else None


def together(batch: Sequence[Callable[[], Any]]) -> list[Callable[[], Any]]:
    """Return fewer writes that come to the same as these, in their order.

    Changes of calls that follow one another become one. Raises what a change does that cannot be
    told.
    """
    writes: list[Callable[[], Any]] = []
    gathering: Gathering | None = None
    for change in batch:
        if not isinstance(change, Keepable):
            gathering = None
            writes.append(change)
        elif change.kind in WRITERS:
            gathering = None
            writes.append(partial(WRITERS[change.kind], **change.told()))
        else:
            if gathering is None:
                gathering = Gathering()
                writes.append(gathering.write)
            GATHERERS[change.kind](gathering, **change.told())
    return writes


def _call_events(gathering: Gathering, entries: list[dict[str, Any]]) -> None:
    read = ({**entry, "at": datetime.fromisoformat(entry["at"])} for entry in entries)
    gathering.call_events(entries=[TimelineEntry(**entry) for entry in read])


def _rejected(gathering: Gathering, rejection: dict[str, Any], at: str) -> None:
    gathering.rejected(rejection=Rejection(**rejection), at=datetime.fromisoformat(at))


def _banned(ban: dict[str, Any], node: str) -> None:
    bans.store(ban=HeldBan(**ban), node=node)


def _orphans_closed(node: str, identity: str, at: str) -> None:
    orphans.close_orphans(node=node, identity=identity, at=datetime.fromisoformat(at))


GATHERERS: dict[str, Callable[..., None]] = {
    "call-started": Gathering.call_started,
    "call-changed": Gathering.call_changed,
    "call-ended": Gathering.call_ended,
    "transferred": Gathering.transferred,
    "call-events": _call_events,
    "call-spoken": Gathering.spoken,
    "sip-messages": Gathering.sip_messages,
    "quality": Gathering.quality_histories,
    "rejected": _rejected,
}
"What is written together with what comes before and after it."
WRITERS: dict[str, Callable[..., Any]] = {
    "banned": _banned,
    "capture-changed": captures.store,
    "orphans-closed": _orphans_closed,
}
"What is written by itself, in its place."
KINDS = GATHERERS.keys() | WRITERS.keys()
