"""The last changes of a codec list, from the audit log: who, when, from what to what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet

from audiocodecs.arranging import StoredList
from audiocodecs.services import ListFields
from audit.models import AuditEntry

LAST = 10
LOOKED_AT = 200
"Entries by which it is told what a list was, the newest."
_State = dict[str, Any]
"Fields of a list by name; one that is missing is not known."


@dataclass(frozen=True, slots=True)
class ListChange:
    """One change of a list."""

    number: int
    "Which entry of the audit log it is."
    at: datetime
    who: str
    before: StoredList
    after: StoredList


def list_changes(fields: ListFields, row: models.Model) -> tuple[ListChange, ...]:
    """Return the last ten changes of a row's list, the newest first. One query.

    The audit log keeps single fields. What the others were is told by the changes that came before,
    or by those that came after where a template gave the row its lists in between: the log has no
    entry of this row for what was changed there.
    """
    names = [name for name in (fields.codecs, fields.force) if name]
    looked_for = [name for name in (*names, fields.follows) if name]
    touched = Q(*(Q(changes__has_key=name) for name in looked_for), _connector=Q.OR)
    entries = AuditEntry.objects.filter(
        Q(action="created") | Q(touched, action="changed"),
        kind=row._meta.label_lower,
        key=str(row.pk),
    )
    now = _state(fields, row)
    changes = []
    for entry, before, after in reversed(_as_told_before(entries, fields, names)):
        after = now | after
        now = after | before
        if any(name in entry.changes for name in names):
            states = _stored(fields, now), _stored(fields, after)
            changes.append(ListChange(entry.pk, entry.at, entry.actor, *states))
    return tuple(changes[:LAST])


def _as_told_before(
    entries: QuerySet[AuditEntry], fields: ListFields, names: Sequence[str]
) -> list[tuple[AuditEntry, _State, _State]]:
    """Return changes, the oldest first, with what each and those before it tell of the list."""
    told = []
    carried: _State = {}
    is_following = False
    for entry in reversed(list(entries.order_by("-id")[:LOOKED_AT])):
        before = carried | _told(entry, names, "before")
        after = before | _told(entry, names, "after")
        if entry.action == "created":  # what it does not name is as of any new row
            after = _state(fields, fields.model()) | after
        else:
            told.append((entry, before, after))
        if fields.follows in entry.changes:
            is_following = bool(entry.changes[fields.follows].get("after"))
        carried = {} if is_following else after
    return told


def _state(fields: ListFields, row: models.Model) -> _State:
    stored = fields.read(row)
    return {fields.codecs: stored.codecs, fields.force: stored.force}


def _told(entry: AuditEntry, names: Sequence[str], word: str) -> _State:
    return {name: entry.changes[name].get(word) for name in names if name in entry.changes}


def before_change(fields: ListFields, row: models.Model, number: int) -> StoredList:
    """Return what the list was before one of its last changes; LookupError if it is none."""
    for change in list_changes(fields, row):
        if change.number == number:
            return change.before
    raise LookupError(f"no. {number} is none of the last {LAST} changes of this list")


def _stored(fields: ListFields, state: _State) -> StoredList:
    return StoredList(tuple(state[fields.codecs] or ()), bool(fields.force and state[fields.force]))
