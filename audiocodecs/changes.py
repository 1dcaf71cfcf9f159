"""The last changes of a codec list, from the audit log: who, when, from what to what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q

from audiocodecs.arranging import StoredList
from audiocodecs.services import ListFields
from audit.models import AuditEntry

LAST = 10


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

    The audit log keeps single fields: what the others were is told by the changes that came after.
    """
    names = [name for name in (fields.codecs, fields.force) if name]
    touched = Q(*(Q(changes__has_key=name) for name in names), _connector=Q.OR)
    entries = AuditEntry.objects.filter(
        touched, kind=row._meta.label_lower, key=str(row.pk), action="changed"
    )
    changes = []
    now = fields.read(row)
    for entry in entries.order_by("-id")[:LAST]:
        after = _with(now, fields, entry.changes, "after")
        now = _with(after, fields, entry.changes, "before")
        changes.append(ListChange(entry.pk, entry.at, entry.actor, now, after))
    return tuple(changes)


def before_change(fields: ListFields, row: models.Model, number: int) -> StoredList:
    """Return what the list was before one of its last changes; LookupError if it is none."""
    for change in list_changes(fields, row):
        if change.number == number:
            return change.before
    raise LookupError(f"no. {number} is none of the last {LAST} changes of this list")


def _with(state: StoredList, fields: ListFields, changes: dict[str, Any], word: str) -> StoredList:
    codecs = changes.get(fields.codecs, {}).get(word, state.codecs)
    force = changes.get(fields.force, {}).get(word, state.force) if fields.force else False
    return StoredList(tuple(codecs or ()), bool(force))
