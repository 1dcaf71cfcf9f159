"""The record as CSV, piece by piece: however much it is, little of it is in memory.

Each piece is a query of its own that goes on where the last one ended, so nothing is held open
in the database while a slow browser reads.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from callengine.models import Call
from dashboard.history.queries import NEWEST_FIRST

PIECE = 1000
"Calls in one piece."
COLUMNS = (
    "id",
    "started",
    "answered",
    "ended",
    "from_user",
    "from_name",
    "to_user",
    "source",
    "destination",
    "taken_by",
    "codec_a",
    "codec_b",
    "transcoded",
    "talk_s",
    "state",
    "ended_by",
    "reason",
    "code",
    "advice",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"What a formula begins with; some spreadsheets take the full-width signs for the others."
# Where the comma is the decimal sign, a spreadsheet cuts lines at semicolons, or at tabs.
_NEXT_CELL = re.compile("(?<=[;\t\r\n])(?= *[=+@\uff1d\uff0b\uff0d\uff20-])")
_E164 = re.compile(r"\A\+[0-9]{1,15}\Z")


async def lines(calls: QuerySet[Call]) -> AsyncIterator[str]:
    """Yield the calls as CSV (RFC 4180), newest first, a heading line first.

    A generator of the event loop: a plain one would be read to its end before the first byte
    is sent.
    """
    yield _csv([COLUMNS])
    calls = calls.filter(started__lte=timezone.now())
    last: Call | None = None
    while True:
        piece = await sync_to_async(_piece)(calls, last)
        if piece:
            last = piece[-1]
            yield _csv([[cell(getattr(call, name)) for name in COLUMNS] for call in piece])
        if len(piece) < PIECE:
            return


def cell(value: object) -> str:
    """Return a value as a spreadsheet may safely open it.

    Times are ISO 8601 in UTC. Text that a spreadsheet would take for a formula begins with an
    apostrophe, and so does what begins a cell where lines are cut at semicolons; a telephone
    number such as +12025550100 does nothing there and stays as it is.
    """
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = _NEXT_CELL.sub("'", str(value))
    if text.startswith(_FORMULA) and not _E164.match(text):
        return f"'{text}"
    return text


def _piece(calls: QuerySet[Call], last: Call | None) -> list[Call]:
    """Return the next calls after `last`. Two queries."""
    if last is not None:
        older = Q(started__lt=last.started) | Q(pk__lt=last.pk)
        calls = calls.filter(older, started__lte=last.started)
    keys = list(calls.order_by(*NEWEST_FIRST).values_list("pk", flat=True)[:PIECE])
    read = Call.objects.only(*COLUMNS).in_bulk(keys)
    # Not kept between pieces: many slow downloads must not use up the database's connections.
    close_old_connections()
    return [read[key] for key in keys if key in read]


def _csv(rows: object) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()
