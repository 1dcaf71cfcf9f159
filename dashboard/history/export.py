"""The record as CSV, piece by piece: however much it is, little of it is in memory.

Each piece is a query of its own that goes on where the last one ended, so nothing is held open
in the database while a slow browser reads.
"""

from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from callengine.models import Call
from dashboard.history.queries import NEWEST_FIRST
from dashboard.parts.csvtext import cell, csv_text

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
    "post_dial_s",
    "worst_mos_a",
    "worst_mos_b",
    "was_silent",
    "state",
    "ended_by",
    "reason",
    "code",
    "advice",
)


async def lines(calls: QuerySet[Call]) -> AsyncIterator[str]:
    """Yield the calls as CSV (RFC 4180), newest first, a heading line first.

    A generator of the event loop: a plain one would be read to its end before the first byte
    is sent.
    """
    yield csv_text([COLUMNS])
    calls = calls.filter(started__lte=timezone.now())
    last: Call | None = None
    while True:
        piece = await sync_to_async(_piece)(calls, last)
        if piece:
            last = piece[-1]
            yield csv_text([[cell(getattr(call, name)) for name in COLUMNS] for call in piece])
        if len(piece) < PIECE:
            return


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
