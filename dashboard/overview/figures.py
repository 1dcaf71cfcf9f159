"""The figures of the overview: what happened in the last hour and in the last day."""

import datetime as dt
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db.models import Case, CharField, Count, F, Func, IntegerField, Value, When
from django.utils import timezone

from callengine.models import Call, Rejection
from dashboard.history.outcomes import ANSWERED, FAILED, UNANSWERED
from dashboard.history.queries import Totals, matching, totals
from dashboard.overview.transcodings import Transcodings, transcodings
from dashboard.parts.shown import Badge
from dashboard.trunks.standing import trunk_badge
from trunks.models import Trunk
from trunks.states import with_standing

KINDS = ("answered", "unanswered", "failed", "refused")
_WORDS = {
    "answered": ("Answered", "up"),
    "unanswered": ("Not answered", "wait"),
    "failed": ("Failed", "fail"),
    "refused": ("Refused", "idle"),
}
TRUNKS_SHOWN = 5
_WORST_FIRST = ("fail", "wait", "idle")
HOUR = (300, 12)
DAY = (3600, 24)
"Seconds a bar, and how many bars."


@dataclass(frozen=True, slots=True)
class Series:
    """How often one kind of thing happened, bar by bar."""

    kind: str
    word: str
    tone: str
    values: tuple[int, ...]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time up to now, in bars of equal length."""

    key: str
    word: str
    starts_s: tuple[int, ...]
    "When each bar begins, in seconds since 1970."
    series: tuple[Series, ...]

    @property
    def rows(self) -> list[tuple[dt.datetime, list[int]]]:
        """The same as a table, newest first: when a bar begins, and the count of each kind."""
        times = [dt.datetime.fromtimestamp(start, dt.UTC) for start in self.starts_s]
        columns = [series.values for series in self.series]
        return list(zip(times, map(list, zip(*columns, strict=True)), strict=True))[::-1]


class _Bar(Func):
    """The number of the bar a time falls in, counted from 1970."""

    output_field: ClassVar[Any] = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(
            compiler,
            connection,
            template="CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / %(step)s",
            **context,
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(
            compiler,
            connection,
            template="FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / %(step)s)::integer",
            **context,
        )


def span(key: str, word: str, *, step_s: int, bars: int, rejections: bool) -> Span:
    """Return what happened in the last `bars` bars. Two queries, one without rejections."""
    last = int(timezone.now().timestamp()) // step_s
    first = last - bars + 1
    since = dt.datetime.fromtimestamp(first * step_s, dt.UTC)
    kind = Case(
        When(ANSWERED, then=Value("answered")),
        When(FAILED, then=Value("failed")),
        When(UNANSWERED, then=Value("unanswered")),
        default=Value(""),
        output_field=CharField(),
    )
    calls = (
        Call.objects.filter(started__gte=since)
        .order_by()
        .annotate(bar=_Bar(F("started"), step=step_s), kind=kind)
        .values_list("kind", "bar")
        .annotate(n=Count("started"))
    )
    counted = {(row[0], row[1]): row[2] for row in calls}
    if rejections:
        counted |= {("refused", bar): n for bar, n in _refused(since, step_s)}
    kinds = KINDS if rejections else KINDS[:-1]
    return Span(
        key=key,
        word=word,
        starts_s=tuple(bar * step_s for bar in range(first, last + 1)),
        series=tuple(
            Series(
                kind,
                *_WORDS[kind],
                tuple(counted.get((kind, bar), 0) for bar in range(first, last + 1)),
            )
            for kind in kinds
        ),
    )


def _refused(since: dt.datetime, step_s: int) -> Iterable[tuple[int, int]]:
    return (
        Rejection.objects.filter(at__gte=since)
        .order_by()
        .annotate(bar=_Bar(F("at"), step=step_s))
        .values_list("bar")
        .annotate(n=Count("at"))
    )


@dataclass(frozen=True, slots=True)
class TrunksNow:
    """How many trunks are enabled, and those through which calls may not work."""

    enabled: int
    ready: int
    others: tuple[tuple[int, str, Badge], ...]
    "Key, name and state: the worst first, a few."


@dataclass(frozen=True, slots=True)
class Figures:
    """What the overview shows of calls and trunks, and when it was counted."""

    at: dt.datetime
    calls_now: int
    spans: tuple[Span, ...]
    day: Totals
    trunks: TrunksNow
    transcodings: Transcodings


_lock = threading.Lock()
_last: dict[bool, tuple[float, Figures]] = {}


def figures(*, rejections: bool, at_most_old_s: float = 0.0) -> Figures:
    """Return the figures, counted at most so long ago; ten queries if they are counted now.

    However many pages ask at once, they are counted once for them all. `rejections` is whether the
    reader may see refused requests.
    """
    oldest_s = time.monotonic() - at_most_old_s
    with _lock:
        last = _last.get(rejections)
        if last is None or last[0] < oldest_s:
            last = _last[rejections] = (time.monotonic(), _count(rejections=rejections))
        return last[1]


def _count(*, rejections: bool) -> Figures:
    return Figures(
        at=timezone.now(),
        calls_now=Call.objects.filter(ended__isnull=True).count(),
        spans=(
            span("hour", "Last hour", step_s=HOUR[0], bars=HOUR[1], rejections=rejections),
            span("day", "Last day", step_s=DAY[0], bars=DAY[1], rejections=rejections),
        ),
        day=totals(matching({"time": "day"})),
        trunks=trunks_now(),
        transcodings=transcodings(),
    )


def trunks_now(*, most: int | None = TRUNKS_SHOWN) -> TrunksNow:
    """Return how enabled trunks stand, of those not ready `most`; None: all. Three queries."""
    rows = [(row, trunk_badge(row)) for row in with_standing(Trunk.objects.filter(enabled=True))]
    others = [(row.pk, row.name, badge) for row, badge in rows if badge.tone != "up"]
    others.sort(key=lambda line: (_WORST_FIRST.index(line[2].tone), line[1]))
    return TrunksNow(len(rows), len(rows) - len(others), tuple(others[:most]))
