"""The audit log: who did what, filtered, and all of it as CSV."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import cast

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django_filters import CharFilter, ChoiceFilter, FilterSet

from audit.models import ActorKind, AuditAction, AuditEntry
from audit.watching import WATCHED
from dashboard.audit.presenters import change_lines, present_entry
from dashboard.parts.access import requires
from dashboard.parts.csvtext import cell, csv_text
from dashboard.parts.tables import listing, refused_export

SORTS = {"newest": ("-id",), "oldest": ("id",)}
PIECE = 1000
"Entries in one piece of the file."
COLUMNS = ("at", "actor", "actor_kind", "via", "address", "action", "kind", "key", "name", "note")
_TIMES = {
    "hour": ("Last hour", dt.timedelta(hours=1)),
    "day": ("Last day", dt.timedelta(days=1)),
    "week": ("Last week", dt.timedelta(days=7)),
    "month": ("Last 30 days", dt.timedelta(days=30)),
}
_OTHERS = {
    "callengine.call": "call",
    "callengine.ban": "ban",
    "axes.accessattempt": "wrong passwords",
}
"Kinds of what is done to rows that are not watched."


def kinds() -> dict[str, str]:
    """Return what people call each kind of row that an entry may be about."""
    watched = {model._meta.label_lower: str(model._meta.verbose_name) for model in WATCHED}
    return {**watched, **_OTHERS}


def _kind_choices() -> list[tuple[str, str]]:
    parts = {model._meta.label_lower for model, watched in WATCHED.items() if watched.part_of}
    return sorted(
        ((kind, word.capitalize()) for kind, word in kinds().items() if kind not in parts),
        key=lambda choice: choice[1],
    )


class AuditFilter(FilterSet):  # type: ignore[misc]
    """What the log is asked for."""

    q = CharFilter(label="What", max_length=200, method="about")
    who = CharFilter(label="Who", max_length=200, method="by")
    kind = ChoiceFilter(
        label="Kind", choices=_kind_choices, empty_label="Anything", method="of_kind"
    )
    action = ChoiceFilter(
        label="Done", choices=AuditAction.choices, empty_label="All", field_name="action"
    )
    how = ChoiceFilter(
        label="By", choices=ActorKind.choices, empty_label="Anybody", field_name="actor_kind"
    )
    time = ChoiceFilter(
        label="Time",
        choices=[(word, words) for word, (words, _) in _TIMES.items()],
        empty_label="Any time",
        method="lately",
    )

    def about(self, rows: QuerySet[AuditEntry], _: str, text: str) -> QuerySet[AuditEntry]:
        """Keep those about what is called so."""
        return rows.filter(Q(name__icontains=text) | Q(note__icontains=text))

    def by(self, rows: QuerySet[AuditEntry], _: str, text: str) -> QuerySet[AuditEntry]:
        """Keep those of somebody, or from an address."""
        return rows.filter(Q(actor__icontains=text) | Q(address__startswith=text))

    def of_kind(self, rows: QuerySet[AuditEntry], _: str, kind: str) -> QuerySet[AuditEntry]:
        """Keep those about one kind of row."""
        return rows.filter(kind=kind)

    def lately(self, rows: QuerySet[AuditEntry], _: str, word: str) -> QuerySet[AuditEntry]:
        """Keep those since then."""
        return rows.filter(at__gt=timezone.now() - _TIMES[word][1])


@requires("audit.view_auditentry")
def audit_log(request: HttpRequest) -> HttpResponse:
    """List what was done, newest first."""
    page = listing(request, AuditFilter, AuditEntry.objects.all(), sorts=SORTS)
    words = kinds()
    lines = [present_entry(entry, words) for entry in page.rows]
    return render(request, "audit/list.html", {"listing": page, "lines": lines})


@requires("audit.view_auditentry")
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """Stream the entries that match as CSV, newest first, all of them."""
    filters = AuditFilter(request.GET, AuditEntry.objects.all())
    if (refused := refused_export(request, filters.form, page="audit-log")) is not None:
        return refused
    rows = cast("QuerySet[AuditEntry]", filters.qs)
    name = f"audit-log-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        _lines(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _lines(rows: QuerySet[AuditEntry]) -> AsyncIterator[str]:
    yield csv_text([[*COLUMNS, "changes"]])
    last: int | None = None
    while True:
        piece = await sync_to_async(_piece)(rows, last)
        if piece:
            last = piece[-1].pk
            yield csv_text([_cells(entry) for entry in piece])
        if len(piece) < PIECE:
            return


def _cells(entry: AuditEntry) -> list[str]:
    changes = "; ".join(str(line) for line in change_lines(entry.changes))
    return [*(cell(getattr(entry, name)) for name in COLUMNS), cell(changes)]


def _piece(rows: QuerySet[AuditEntry], last: int | None) -> list[AuditEntry]:
    older = rows if last is None else rows.filter(pk__lt=last)
    piece = list(older.order_by("-id")[:PIECE])
    # Not kept between pieces: many slow downloads must not use up the database's connections.
    close_old_connections()
    return piece
