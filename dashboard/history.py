"""The record of calls: filtered, counted and added up.

Everything is looked for in order of time in one index that holds all columns a filter may ask
for (`call_history`); the rows, which are wide, are read only for the page that is shown. An
expression such as `Substr` keeps the database from preferring an index that is in no order.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce, Substr
from django.utils import timezone

from audiocodecs.chips import Chip, chip
from callengine.models import Call
from dashboard.outcomes import CONDITIONS

FEW = 1000
"Up to so many calls are read by their keys."
TOTALLED = 20_000
"Calls added up at most, the newest that match."
PRESETS = {
    "hour": dt.timedelta(hours=1),
    "day": dt.timedelta(days=1),
    "week": dt.timedelta(days=7),
    "month": dt.timedelta(days=30),
}
NEWEST_FIRST = ("-started", "-id")


@dataclass(frozen=True, slots=True)
class CodecShare:
    """How many calls had a codec on a leg."""

    name: str
    calls: int
    percent: float

    @property
    def chip(self) -> Chip:
        """The codec as it is shown."""
        return chip(self.name)

    @property
    def width(self) -> str:
        """The percentage as SVG writes it."""
        return f"{self.percent:.1f}"


@dataclass(frozen=True, slots=True)
class Totals:
    """What the calls that match come to."""

    calls: int
    "At most TOTALLED."
    more: bool
    "Whether more match than were added up."
    answered: int
    answer_percent: float | None
    "Of the calls that were answered or have ended."
    average_s: float | None
    "Talking time of the answered calls that have ended."
    codecs_a: tuple[CodecShare, ...]
    codecs_b: tuple[CodecShare, ...]


def matching(asked: Mapping[str, Any]) -> QuerySet[Call]:
    """Return the calls that match a valid `CallFilterForm`'s `cleaned_data`, in no order."""
    calls = Call.objects.alias(
        party_source=Coalesce("source", Value("")),
        party_destination=Coalesce("destination", Value("")),
        side_a=Coalesce("codec_a", Value("")),
        side_b=Coalesce("codec_b", Value("")),
    )
    calls = calls.filter(time_condition("started", asked))
    if number := asked.get("number"):
        size = len(number)
        calls = calls.alias(
            from_start=Substr("from_user", 1, size), to_start=Substr("to_user", 1, size)
        ).filter(Q(from_start=number) | Q(to_start=number))
    for field, kind in (("connection", "connection"), ("trunk", "trunk")):
        if name := asked.get(field):
            party = f"{kind}:{name}"
            calls = calls.filter(Q(party_source=party) | Q(party_destination=party))
    if codec := asked.get("codec"):
        calls = calls.filter(Q(side_a=codec) | Q(side_b=codec))
    if outcome := asked.get("outcome"):
        calls = calls.filter(CONDITIONS[outcome])
    return calls


def time_condition(column: str, asked: Mapping[str, Any]) -> Q:
    """Return what a valid `TimesForm` says of a column."""
    condition = Q()
    if preset := asked.get("time"):
        condition &= Q(**{f"{column}__gte": timezone.now() - PRESETS[preset]})
    if since := asked.get("since"):
        condition &= Q(**{f"{column}__gte": since})
    if until := asked.get("until"):
        condition &= Q(**{f"{column}__lt": until})
    return condition


def narrowed(calls: QuerySet[Call]) -> QuerySet[Call]:
    """Return the same calls, by their keys if they are few: what follows need not look again.

    One query. Without it each further one would go through the whole record for a few calls.
    """
    found = list(calls.order_by(*NEWEST_FIRST).values_list("pk", flat=True)[:FEW])
    return calls if len(found) == FEW else Call.objects.filter(pk__in=found)


def totals(calls: QuerySet[Call]) -> Totals:
    """Add up the newest calls of these. One query."""
    # One more than is added up tells whether there are more; it comes with the rest.
    newest = calls.order_by(*NEWEST_FIRST).values(*_SUMMED)[: TOTALLED + 1]
    compiler = newest.query.get_compiler(connection=connection, elide_empty=False)
    sql, parameters = compiler.as_sql()
    with connection.cursor() as cursor:
        # The ORM cannot group what it has cut; what it compiled is cut here as it stands.
        cursor.execute(_GROUPED.format(newest=sql), parameters)
        groups = [_Group(*row) for row in cursor.fetchall()]
    counted = sum(group.calls for group in groups)
    answered = sum(group.answered for group in groups)
    decided = sum(group.decided for group in groups)
    talks = sum(group.talks for group in groups)
    return Totals(
        calls=min(counted, TOTALLED),
        more=counted > TOTALLED,
        answered=answered,
        answer_percent=100 * answered / decided if decided else None,
        average_s=sum(group.talked_s for group in groups) / talks if talks else None,
        codecs_a=_shares((group.codec_a, group.calls) for group in groups),
        codecs_b=_shares((group.codec_b, group.calls) for group in groups),
    )


_SUMMED = ("codec_a", "codec_b", "answered", "ended", "talk_s")
_GROUPED = (
    "SELECT codec_a, codec_b, COUNT(*), COUNT(answered), COUNT(COALESCE(answered, ended)), "
    "COUNT(talk_s), COALESCE(SUM(talk_s), 0) FROM ({newest}) AS newest GROUP BY codec_a, codec_b"
)


class _Group(NamedTuple):
    codec_a: str
    codec_b: str
    calls: int
    answered: int
    decided: int
    talks: int
    talked_s: int


def _shares(counts: Iterable[tuple[str, int]]) -> tuple[CodecShare, ...]:
    counted: Counter[str] = Counter()
    for name, calls in counts:
        if name:
            counted[name] += calls
    total = counted.total()
    return tuple(CodecShare(name, n, 100 * n / total) for name, n in counted.most_common())
