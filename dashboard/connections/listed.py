"""What the list of connections says of each besides its row: number, last call, by index alone."""

from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Concat

from callengine.models import Call
from connections.models import Connection
from trunks.models import Number


def with_facts(rows: QuerySet[Connection]) -> QuerySet[Connection]:
    """Add `number`, the first that leads there, `numbers_count`, and when it last had a call.

    `last_from`, `last_to`, and `last_taken`: one that was for somebody else.
    """
    numbers = Number.objects.filter(connection=OuterRef("pk")).order_by("number")
    label = Concat(Value("connection:"), OuterRef("sip_user"))
    count = numbers.order_by().values("connection").annotate(count=Count("pk")).values("count")

    def newest(column: str) -> Subquery:
        calls = Call.objects.filter(**{column: label}).order_by("-started")
        return Subquery(calls.values("started")[:1])

    return rows.annotate(
        number=Subquery(numbers.values("number")[:1]),
        numbers_count=Coalesce(Subquery(count), 0),
        last_from=newest("source"),
        last_to=newest("destination"),
        last_taken=newest("taken_by"),
    )


def last_call(row: Any) -> datetime | None:
    """Return when a connection last called or was called; None if it never did."""
    times = (row.last_from, row.last_to, row.last_taken)
    return max((at for at in times if at is not None), default=None)
