"""The newest calls from or to one party, for its page."""

import datetime as dt
from uuid import UUID

from django.utils import timezone

from callengine.models import Call
from dashboard.calls.list_topic import briefly
from dashboard.calls.presenters import present_row
from dashboard.calls.shown import CallRow

LATELY = 10


def recent_calls(label: str, *, limit: int = LATELY) -> list[CallRow]:
    """Return the newest calls from and to a party, such as `trunk:carrier-one`.

    Five queries, all by index.
    """
    keys: dict[UUID, dt.datetime] = {}
    for part in ("source", "destination", "taken_by"):
        calls = Call.objects.filter(**{part: label})
        keys |= dict(calls.order_by("-started", "-id").values_list("pk", "started")[:limit])
    newest = sorted(keys, key=lambda key: keys[key], reverse=True)[:limit]
    now = timezone.now()
    rows = [present_row(call, now=now) for call in briefly(Call.objects.filter(pk__in=newest))]
    return sorted(rows, key=lambda call: call.started, reverse=True)
