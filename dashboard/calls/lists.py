"""The page of live calls as it is asked for over HTTP: read and rendered once for all who ask."""

import datetime as dt
import hashlib
import threading
import time
from dataclasses import dataclass, replace
from operator import attrgetter

from django.template.loader import render_to_string
from django.utils import timezone

from callengine.models import Call
from dashboard.calls.list_topic import ENDED_SHOWN, LINGER_S, LIVE_SHOWN, briefly, numbers
from dashboard.calls.presenters import present_row
from dashboard.calls.shown import CallRow


@dataclass(frozen=True, slots=True)
class Lists:
    """What the page shows; two are equal if a reader would see no difference."""

    rows: tuple[CallRow, ...]
    "In progress or just ended, the newest first."
    live_count: int
    live_shown: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """The lists as HTML; durations are those of the moment it was made, and tick in the page."""

    lists: Lists
    began_s: float
    "When it was read, by time.monotonic."
    etag: str
    html: str


_lock = threading.Lock()
_last: dict[bool, Rendered] = {}


def lists() -> Lists:
    """Return the newest calls in progress, and those that have just ended. Five queries at most."""
    now = timezone.now()
    live = Call.objects.filter(ended__isnull=True)
    newest = briefly(live.order_by("-started", "-id")[:LIVE_SHOWN])
    count = len(newest) if len(newest) < LIVE_SHOWN else live.count()
    lately = Call.objects.filter(ended__gte=now - dt.timedelta(seconds=LINGER_S))
    ended = briefly(lately.order_by("-ended")[:ENDED_SHOWN])
    rows = [present_row(call, now=now) for call in (*newest, *ended)]
    rows.sort(key=attrgetter("order"), reverse=True)
    return Lists(tuple(rows), count, len(newest))


def rendered(*, may_add: bool, at_most_old_s: float = 0.0) -> Rendered:
    """Return the lists as HTML, at most so many seconds old when this was called.

    However many ask at once, from whatever threads, they are read and rendered once for them all:
    pages whose websocket is blocked ask every few seconds, and all at once after a restart.
    `may_add` is whether the reader may add connections.
    """
    oldest_s = time.monotonic() - at_most_old_s
    with _lock:
        last = _last.get(may_add)
        if last is None or last.began_s < oldest_s:
            last = _last[may_add] = _render(last, may_add=may_add)
        return last


def context(page: Lists, *, may_add: bool) -> dict[str, object]:
    """Return what the templates want to know."""
    return {
        "etag": _etag(page, may_add=may_add),
        "rows": page.rows,
        "linger_s": LINGER_S,
        "live_limit": LIVE_SHOWN,
        "ended_limit": ENDED_SHOWN,
        "may_add": may_add,
        **numbers(page.live_count, page.live_shown),
    }


def _render(last: Rendered | None, *, may_add: bool) -> Rendered:
    began_s = time.monotonic()
    page = lists()
    if last is not None and last.lists == page:
        return replace(last, began_s=began_s)
    values = context(page, may_add=may_add)
    html = render_to_string("calls/_lists.html", values)
    return Rendered(page, began_s, str(values["etag"]), html)


def _etag(page: Lists, *, may_add: bool) -> str:
    text = f"{may_add} {page!r}".encode(errors="replace")
    return f'"{hashlib.blake2s(text, digest_size=12).hexdigest()}"'
