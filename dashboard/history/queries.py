"""The record of calls: filtered, counted and added up.

Everything is looked for in order of time in one index that holds all columns a filter may ask
for (`call_history`); the rows, which are wide, are read only for the page that is shown.
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Substr
from django.db.models.lookups import Exact
from django.utils import timezone

from audiocodecs.chips import Chip, chip
from callengine.models import Call
from dashboard.history.outcomes import ALL_FAILED, CONDITIONS, FAILED, SOUNDS

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
    condition = time_condition("started", asked)
    if number := asked.get("number"):
        condition &= _named(number)
    for field in ("connection", "trunk"):
        if name := asked.get(field):
            party = f"{field}:{name}"
            called = _equals("destination", party) | _equals("taken_by", party)
            condition &= _equals("source", party) | called
    if codec := asked.get("codec"):
        condition &= _equals("codec_a", codec) | _equals("codec_b", codec)
    if outcome := asked.get("outcome"):
        condition &= FAILED if outcome == ALL_FAILED[0] else CONDITIONS[outcome]
    if sound := asked.get("quality"):
        condition &= SOUNDS[sound]
    return Call.objects.filter(condition)


# SQLite, without statistics, prefers an index of the column itself, which is in no order when
# two are asked at once, and then sorts everything; it is kept from it by an expression.
# PostgreSQL chooses well by its statistics, which it has of columns alone.


def _equals(column: str, value: str) -> Q:
    if connection.vendor == "sqlite":
        return Q(Exact(Coalesce(F(column), Value("")), value))
    return Q(**{column: value})


def _named(text: str) -> Q:
    """A number is meant from its first digit on; a name, wherever it stands."""
    if not any(letter.isalpha() for letter in text):
        return _begins("from_user", text) | _begins("to_user", text)
    # Display names are long: they have an index of their own, which is read alone.
    named = Call.objects.filter(from_name__icontains=text).order_by().values("pk")
    users = Q(from_user__icontains=text) | Q(to_user__icontains=text)
    return users | Q(pk__in=named)


def _begins(column: str, start: str) -> Q:
    if connection.vendor == "sqlite":
        return Q(Exact(Substr(F(column), 1, len(start)), start))
    return Q(**{f"{column}__startswith": start})


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


@dataclass(frozen=True, slots=True)
class Matches:
    """The calls that match, and which of them are the newest."""

    calls: QuerySet[Call]
    "All of them, in no order."
    newest: list[uuid.UUID]
    "FEW at most, the newest first."

    def page(self, start: int, end: int) -> list[uuid.UUID]:
        """Return the keys of a page of them, newest first. One query, none for the first pages."""
        if end <= len(self.newest) or len(self.newest) < FEW:
            return self.newest[start:end]
        return list(self.calls.order_by(*NEWEST_FIRST).values_list("pk", flat=True)[start:end])


def matches(calls: QuerySet[Call]) -> Matches:
    """Look for the newest of these. One query.

    If they are few, what follows finds all of them by their keys: without that, each query would
    go through the whole record for a handful of calls.
    """
    newest = list(calls.order_by(*NEWEST_FIRST).values_list("pk", flat=True)[:FEW])
    return Matches(calls if len(newest) == FEW else Call.objects.filter(pk__in=newest), newest)


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
