"""The list of live calls: what a page shows of it, and what changes on it."""

import heapq
import uuid
from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter

from asgiref.sync import sync_to_async
from django.db.models import Prefetch, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone

from callengine.core.snapshot import CallSnapshot
from callengine.models import Call, CallEvent
from callengine.notices import groups
from callengine.notices.calls import CallChanged, CallsMeasured
from callengine.notices.wire import Reader
from callengine.record.reading import brief_legs, snapshot
from dashboard.calls import figures
from dashboard.calls.presenters import present_row
from dashboard.calls.shown import CallRow
from dashboard.calls.untold import as_told, without_engine
from dashboard.live.outbox import Fragment
from dashboard.live.topics import Topic

LIVE_SHOWN = 100
"Rows of calls in progress, the newest; of those beyond a page only tells the number."
ENDED_SHOWN = 30
"Rows of calls that have just ended: they stay where they are for a while."
LINGER_S = 60.0
"So long, from when a page shows the end; longer while somebody points at the list."
MOST_COMPARED = 500
"Calls read at once if what was heard and the database differ."


def numbers(live: int, rows: int) -> dict[str, int]:
    """Return what the templates say of calls in progress that have no row."""
    return {"live_count": live, "live_shown": rows, "live_more": live - rows}


def briefly(calls: QuerySet[Call]) -> list[CallSnapshot]:
    """Return calls with their legs and without their timelines. Three queries at most."""
    nothing = Prefetch("events", queryset=CallEvent.objects.none())
    rows = list(calls.prefetch_related(brief_legs(), nothing))
    silent = without_engine(rows)
    return [as_told(call, snapshot(call), silent) for call in rows]


class ListTopic(Topic):
    """The page of live calls. Knows all of them, renders those that a page shows."""

    reader: Reader[CallChanged | CallsMeasured] = Reader(CallChanged, CallsMeasured)

    def __init__(self) -> None:
        super().__init__("calls", groups.CALLS)
        self._live: dict[str, CallRow] = {}
        self._shown: dict[str, CallRow] = {}
        self._heard: dict[str, CallSnapshot] = {}
        self._heard_again: set[str] = set()
        self._counted: tuple[int, int] = (0, 0)
        self._measured: dict[str, dict[str, list[float | None]]] = {}
        "What was heard of calls' figures, by UUID."

    async def load(self) -> None:
        """Read the calls in progress; a page asks for them itself once it has joined."""
        live = Call.objects.filter(ended__isnull=True)
        for call in await sync_to_async(briefly)(live):
            row = present_row(call, now=timezone.now())
            self._live[row.key] = row
        self._shown = self._newest()
        self._counted = (len(self._live), len(self._shown))

    def hear(self, told: CallChanged | CallsMeasured) -> None:
        """Keep only the newest state of each call, and its newest figures."""
        if isinstance(told, CallsMeasured):
            self._measured |= told.calls
            self.changed = self.changed or bool(told.calls)
            return
        call = told.call
        if call["id"] in self._heard:
            self._heard_again.add(call["id"])
        self._heard[call["id"]] = call
        self.changed = True

    async def check(self) -> None:
        """Read anew the calls the database knows otherwise: lost messages leave rows behind."""
        calls, missing = await sync_to_async(_differing)(set(self._live))
        for call in calls:
            self._heard.setdefault(call["id"], call)
        for key in missing:
            self._live.pop(key, None)
        self.changed = self.changed or bool(calls or missing)

    def fragments(self) -> Iterator[Fragment]:
        """Yield the rows that a page shows and that changed, and those that leave it."""
        self.changed = False
        ended, repeated = self._sort()
        before, self._shown = self._shown, self._newest()
        oldest = min((row.order for row in self._shown.values()), default="")
        for key in before.keys() - self._shown.keys() - {row.key for row in ended}:
            yield _gone(key)
        for key, row in self._shown.items():
            if before.get(key) != row or key in repeated:
                yield _row(row)
        # Where it is; at its place in the list if it came and went between two looks.
        told = [
            row
            for row in ended
            if row.key in before or f"{row.started.timestamp() * 1000:015.0f}" >= oldest[:15]
        ]
        for row in heapq.nlargest(ENDED_SHOWN, told, key=attrgetter("ended")):
            yield _row(row)
        for row in heapq.nsmallest(len(told) - ENDED_SHOWN, told, key=attrgetter("ended")):
            yield _gone(row.key)
        yield from self._figures()
        yield from self._count()

    def _figures(self) -> Iterator[Fragment]:
        """Yield the figures of rows that a page shows, where they read otherwise than before."""
        measured, self._measured = self._measured, {}
        for uuid_text, legs in measured.items():
            key = uuid_text.replace("-", "")
            row = self._shown.get(key)
            if row is None:
                continue
            a, b = (figures.measured(legs.get(name, ())) for name in row.leg_names)
            told = figures.row_figures(a, b)
            if told == row.figures:
                continue
            self._live[key] = self._shown[key] = replace(row, figures=told)
            context = {"figures": told, "key": key, "oob": True}
            yield Fragment(f"fig-{key}", render_to_string("calls/_figures.html", context))

    def _sort(self) -> tuple[list[CallRow], set[str]]:
        """Take in what was heard; return the calls that ended, and what was heard of twice."""
        heard, self._heard = self._heard, {}
        again, self._heard_again = self._heard_again, set()
        ended, repeated, now = [], set(), timezone.now()
        for call in heard.values():
            row = present_row(call, now=now)
            if row.live:
                self._live[row.key] = row
            else:
                self._live.pop(row.key, None)
                ended.append(row)
            if call["id"] in again:
                # There and back again: the same as before, yet a page may show what was between.
                repeated.add(row.key)
        return ended, repeated

    def _newest(self) -> dict[str, CallRow]:
        rows = heapq.nlargest(LIVE_SHOWN, self._live.values(), key=attrgetter("order"))
        return {row.key: row for row in rows}

    def _count(self) -> Iterator[Fragment]:
        counted = (len(self._live), len(self._shown))
        if counted != self._counted:
            self._counted = counted
            context = {**numbers(*counted), "oob": True}
            for name in ("count", "more"):
                yield Fragment(name, render_to_string(f"calls/_live_{name}.html", context))


def _gone(key: str) -> Fragment:
    text = f'<tr id="live-{key}" hx-swap-oob="delete"></tr>'
    return Fragment(f"live-{key}", text, row=True)


def _row(row: CallRow) -> Fragment:
    context = {"call": row, "row": "live", "last": "started", "oob": True}
    return Fragment(f"live-{row.key}", render_to_string("calls/_row.html", context), row=True)


def _differing(heard: set[str]) -> tuple[list[CallSnapshot], set[str]]:
    """Compare the calls in progress with those `known` to be, UUIDs as 32 digits.

    Return the calls that are in one of the two alone, and which of them have no record.
    """
    live = {pk.hex for pk in Call.objects.filter(ended__isnull=True).values_list("pk", flat=True)}
    keys = set(sorted(live ^ heard)[:MOST_COMPARED])
    calls = briefly(Call.objects.filter(pk__in=map(uuid.UUID, keys))) if keys else []
    return calls, keys - {uuid.UUID(call["id"]).hex for call in calls}
