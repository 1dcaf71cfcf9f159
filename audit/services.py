"""Writing the log. What is written in a transaction that is rolled back did not happen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from django.db import models, transaction

from audit.actors import Actor, actor
from audit.models import AuditAction, AuditEntry
from audit.values import Changes

_quiet: ContextVar[bool] = ContextVar("audit_quiet", default=False)


def is_quiet() -> bool:
    """Whether single rows are left to somebody who tells of all of them together."""
    return _quiet.get()


def record(
    action: AuditAction,
    *,
    row: models.Model | None = None,
    kind: str = "",
    name: str = "",
    changes: Changes | None = None,
    note: str = "",
    by: Actor | None = None,
) -> None:
    """Write one entry about a row, or about something that has none. One query."""
    who = by or actor()
    AuditEntry.objects.create(
        actor=_fit("actor", who.name),
        actor_kind=who.kind,
        via=who.via,
        address=_fit("address", who.address),
        action=action,
        kind=row._meta.label_lower if row is not None else kind,
        key=str(row.pk) if row is not None else "",
        name=_fit("name", name or (str(row) if row is not None else "")),
        changes=changes or {},
        note=_fit("note", note),
    )


def did(note: str, *, row: models.Model | None = None, kind: str = "", name: str = "") -> None:
    """Write what somebody did that changed no row, such as `hung up`."""
    record(AuditAction.DID, row=row, kind=kind, name=name, note=note)


@contextmanager
def quietly() -> Iterator[None]:
    """Write nothing of what happens in here: nobody did it."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


@contextmanager
def as_one(row: models.Model, label: str, read: Callable[[], Any]) -> Iterator[None]:
    """Tell of everything written in here as one change of a row, from what `read` gives to that.

    For lists kept as rows of their own, however they are written.
    """
    with transaction.atomic(savepoint=False):
        before = read()
        with quietly():
            yield
        after = read()
        if before != after:
            change = {"label": label, "before": before, "after": after}
            record(AuditAction.CHANGED, row=row, changes={label: change})


def _fit(name: str, text: str) -> str:
    """Return a text as its column holds it: one line, no longer than that."""
    length = cast("models.CharField[str, str]", AuditEntry._meta.get_field(name)).max_length
    return "".join(char if char.isprintable() else " " for char in text)[:length]
