"""Changes of the record, gathered: start, changes and end of a call become one row, written once.

What comes of it is what the changes would come to one after the other. Rows are written table by
table: calls, what they came to, transfers, then what belongs to calls; what belongs to a call that
is not stored is left out by the statement itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from callengine.core.history import QualityHistory
from callengine.core.outcomes import Rejection
from callengine.core.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    LegSnapshot,
    MessageSnapshot,
    SpokenSnapshot,
)
from callengine.models import Call
from callengine.record import rows
from callengine.record.cleaning import clean_json


@dataclass(frozen=True)
class TimelineEntry:
    """One line of a call's timeline, ready to store."""

    call_id: str
    at: datetime
    leg: str
    kind: str
    text: str
    number: int | None = None
    "Its place, from 1; a line that is there already becomes this one."


@dataclass(slots=True)
class _Folded:
    first: rows.Row | None = None
    "The columns of its beginning, if that is among the changes."
    columns: dict[str, Any] = field(default_factory=dict)
    is_changed: bool = False
    is_over: bool = False
    legs: dict[str, LegSnapshot] = field(default_factory=dict)
    sessions: dict[str, AgentSnapshot] = field(default_factory=dict)
    headers: Sequence[rows.Row] = ()

    def take(self, snapshot: CallSnapshot, columns: Mapping[str, Any]) -> None:
        self.columns |= columns
        self.legs |= {leg["name"]: leg for leg in snapshot["legs"]}
        self.sessions |= {session["leg"]: session for session in snapshot.get("agents", ())}


class Gathering:
    """Changes in the order in which they came; `write` has them in the database. Synchronous."""

    def __init__(self) -> None:
        self._calls: dict[UUID, _Folded] = {}
        self._transfers: list[tuple[UUID, Mapping[str, Any]]] = []
        self._histories: dict[tuple[UUID, str], QualityHistory] = {}
        self._events: dict[object, rows.Row] = {}
        self._spoken: dict[tuple[UUID, int], rows.Row] = {}
        self._messages: dict[tuple[UUID, int], rows.Row] = {}
        self._rejections: list[rows.Row] = []

    # What may be told

    def call_started(
        self, *, snapshot: CallSnapshot, plan: Mapping[str, Any], node: str, identity: str = ""
    ) -> None:
        """Take that a call began, with its plan, JSON-ready and free of secrets."""
        key = UUID(snapshot["id"])
        call = self._calls.setdefault(key, _Folded())
        if call.first is not None:
            return  # it may come again, and must not take back what came after it
        call.first = rows.first_columns(snapshot, plan, node, identity)
        call.headers = rows.headers(key, plan)
        if not call.is_changed:
            call.take(snapshot, rows.changing(snapshot))

    def call_changed(self, *, snapshot: CallSnapshot) -> None:
        """Take how a call is now; one closed because its engine seemed lost is open again."""
        call = self._calls.setdefault(UUID(snapshot["id"]), _Folded())
        if not call.is_over:
            call.is_changed = True
            call.take(snapshot, {**rows.changing(snapshot), **rows.OPEN})

    def call_ended(self, *, snapshot: CallSnapshot) -> None:
        """Take the one termination of a call; what is told of it afterwards changes nothing."""
        call = self._calls.setdefault(UUID(snapshot["id"]), _Folded())
        if not call.is_over:
            call.is_changed = call.is_over = True
            call.take(snapshot, {**rows.changing(snapshot), **rows.ending(snapshot)})

    def transferred(self, *, call_id: str, transfer: Mapping[str, Any]) -> None:
        """Take a transfer: the plan's JSON-ready record with `to`, `by` and `at`."""
        self._transfers.append((UUID(call_id), transfer))

    def quality_histories(self, *, call_id: str, histories: Mapping[str, QualityHistory]) -> None:
        """Take the quality of legs over a call so far, by leg name."""
        self._histories |= {(UUID(call_id), name): told for name, told in histories.items()}

    def call_events(self, *, entries: Sequence[TimelineEntry]) -> None:
        """Take lines of any calls' timelines, in order."""
        for entry in entries:
            key = UUID(entry.call_id)
            place = object() if entry.number is None else (key, entry.number)
            self._events[place] = (
                key, entry.number, entry.at, entry.leg, entry.kind, entry.text,
            )  # fmt: skip

    def spoken(self, *, call_id: str, lines: Sequence[SpokenSnapshot]) -> None:
        """Take lines of what was said in a call, each in its place."""
        key = UUID(call_id)
        for line in lines:
            self._spoken[key, line["number"]] = rows.line(key, line)

    def sip_messages(self, *, messages: Mapping[str, Sequence[MessageSnapshot]]) -> None:
        """Take masked SIP messages by call."""
        for call_id, told in messages.items():
            key = UUID(call_id)
            for message in told:
                place = (key, message["number"])
                if place not in self._messages:
                    self._messages[place] = rows.message(key, message)

    def rejected(self, *, rejection: Rejection, at: datetime) -> None:
        """Take a request that never became a call."""
        self._rejections.append(rows.rejection(rejection, at))

    # To the database

    @transaction.atomic(savepoint=False)  # the journal has many in one transaction
    def write(self) -> int:
        """Write all of it; return of how many calls the row is as it was told."""
        written = self._write_calls()
        self._write_legs()
        for key, transfer in self._transfers:
            _add_transfer(key, transfer)
        rows.HISTORIES.update(
            ((told, key, name) for (key, name), told in self._histories.items()),
            setting="history = %s",
            where="call_id = %s AND name = %s",
        )
        rows.EVENTS.insert(
            self._events.values(),
            of=rows.CALLS,
            on_conflict="update",
            # All of it: it may take the place of the end of a call whose engine only seemed lost.
            update=rows.EVENT_FIELDS,
        )
        rows.LINES.insert(
            self._spoken.values(), of=rows.CALLS, on_conflict="update", update=rows.LINE_FIELDS
        )
        rows.MESSAGES.insert(
            self._messages.values(),
            of=rows.CALLS,
            on_conflict="nothing",  # a batch may come again after the database went away
        )
        rows.REJECTIONS.insert(self._rejections)
        return written

    def _write_calls(self) -> int:
        new = {key: call for key, call in self._calls.items() if call.first is not None}
        count = rows.CALLS.insert(
            (rows.new_call(call.first or (), call.columns) for call in new.values()),
            on_conflict="nothing",
        )
        # One that began before, or whose beginning came again.
        earlier = self._calls if count < len(new) else self._calls.keys() - new.keys()
        return count + rows.CHANGES.update(
            (
                rows.changed_call(key, self._calls[key].columns)
                for key in earlier
                if self._calls[key].is_changed
            ),
            setting=rows.SETTING,
            where=f"id = %s AND {rows.NOT_CLOSED}",
        )

    def _write_legs(self) -> None:
        for is_changed in (False, True):
            calls = [(k, call) for k, call in self._calls.items() if call.is_changed is is_changed]
            # The first of a call alone must not take back what came after it.
            rows.LEGS.insert(
                (
                    (*rows.leg(key, leg), call.columns.get("ended"))
                    for key, call in calls
                    for leg in call.legs.values()
                ),
                of=rows.CALLS,
                which=rows.IS_AS_TOLD,
                on_conflict="update" if is_changed else "nothing",
                update=rows.LEG_FIELDS if is_changed else (),
            )
        rows.SESSIONS.insert(
            (
                (*rows.session(key, session), call.columns.get("ended"))
                for key, call in self._calls.items()
                for session in call.sessions.values()
            ),
            of=rows.CALLS,
            which=rows.IS_AS_TOLD,
            on_conflict="update",
            update=rows.SESSION_FIELDS,
        )
        rows.HEADERS.insert(
            (row for call in self._calls.values() for row in call.headers),
            of=rows.CALLS,
            on_conflict="nothing",
        )


def _add_transfer(key: UUID, transfer: Mapping[str, Any]) -> None:
    """Add a transfer to the plan of a call, and the sources of the lists that hold now."""
    row = Call.objects.filter(pk=key)
    for plan in row.values_list("plan", flat=True):
        added, transfers = clean_json(dict(transfer)), plan.get("transfers", ())
        if added in transfers:
            return  # it came again
        names = ("vn_a_source", "vn_b_source", "near")
        sources = {name: added[name] for name in names if name in added}
        row.update(plan={**plan, **sources, "transfers": [*transfers, added]})
