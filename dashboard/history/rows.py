"""Rows of the record as lists show them: from the call's own columns, without legs and timeline."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.utils import timezone

from callengine.core.snapshot import LegSnapshot
from callengine.models import Call, CallEvent, Leg
from callengine.record.reading import snapshot
from dashboard.calls.presenters import present_row
from dashboard.calls.shown import CallRow

MAX_ROWS = 10_000
"A list ends here: who looks further narrows the filter, or exports."
_NOTHING_MORE = (
    Prefetch("legs", queryset=Leg.objects.none()),
    Prefetch("events", queryset=CallEvent.objects.none()),
)
"What a list shows of the legs stands with the call."


class CountedPaginator(Paginator[Any]):
    """Pages of something already counted; no query for that, and none of more than MAX_ROWS."""

    def __init__(self, rows: Any, per_page: int, *, count: int) -> None:
        super().__init__(rows, per_page)
        self.count = min(count, MAX_ROWS)


def rows_of(keys: Sequence[UUID]) -> list[CallRow]:
    """Return the rows of these calls, in this order. One query."""
    now = timezone.now()
    calls = Call.objects.prefetch_related(*_NOTHING_MORE).in_bulk(keys)
    return [row_of(calls[key], now=now) for key in keys if key in calls]


def row_of(call: Call, *, now: dt.datetime) -> CallRow:
    """Return the row of a call that was fetched with _NOTHING_MORE; no query."""
    legs = [_leg("A", call.codec_a, str(call.plan.get("browser") or "")), _leg("B", call.codec_b)]
    return present_row({**snapshot(call), "legs": legs}, now=now)


def _leg(name: str, codec: str, user_agent: str = "") -> LegSnapshot:
    return {
        "name": name,
        "label": "",
        "call_id": "",
        "user_agent": user_agent,
        "offered": [],
        "allowed": [],
        "codec": codec or None,
        "payload_type": None,
        "remote": "",
        "encryption": "",
        "state": "",
        "quality": None,
    }
