"""How long was talked today, for limits of minutes a day; reads the record."""

import datetime as dt
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from zoneinfo import ZoneInfo

from django.db import Error
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from callengine.core.directory import Destination, Source
from callengine.core.permissions import Holder
from callengine.directory.current import Read
from callengine.models import Call

logger = logging.getLogger(__name__)

MAX_AGE_S = 1.0
MAX_KNOWN = 10_000
LONGEST = dt.timedelta(days=8)
"Since when a call that ran past midnight may have begun."


class Minutes:
    """What has been talked today, as the record had it a second ago at most."""

    def __init__(self, read: Read, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, dt.datetime, float]] = OrderedDict()
        "By label: when it was read, since which midnight, seconds."

    async def today(self, source: Source, destination: Destination, zone: str) -> dict[str, float]:
        """Return the minutes of calls through trunks since midnight, of those who have a limit.

        By label, of whoever calls and of the trunks that the call may go through. While the
        database is away, as they were known last.
        """
        holders = list(_limited(source, destination))
        if not holders:
            return {}
        now = timezone.now()
        midnight = midnight_before(now, zone)
        return {one.label: await self._of(one.label, midnight, now) / 60 for one in holders}

    async def _of(self, label: str, midnight: dt.datetime, now: dt.datetime) -> float:
        read_at, since, known_s = self._known.get(label, (-math.inf, midnight, 0.0))
        known_s = known_s if since == midnight else 0.0
        if since == midnight and self._clock() - read_at < MAX_AGE_S:
            return known_s
        try:
            known_s = await self._read(partial(talked_s, label, since=midnight, now=now))
        except Error as error:
            logger.warning("how long %s has talked today is not known anew: %s", label, error)
        self._known[label] = self._clock(), midnight, known_s
        self._known.move_to_end(label)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return known_s


def midnight_before(now: dt.datetime, zone: str) -> dt.datetime:
    """Return when this day began in a time zone; a zone that is gone counts as UTC."""
    try:
        local = now.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        local = now.astimezone(dt.UTC)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def talked_s(label: str, *, since: dt.datetime, now: dt.datetime) -> float:
    """Return for how many seconds a party has talked through trunks since then. Two queries."""
    calls = _calls(label).filter(started__gt=since - LONGEST, answered__isnull=False)
    whole = calls.filter(answered__gte=since, ended__isnull=False)
    whole_s = whole.aggregate(total=Sum("talk_s"))["total"] or 0
    # Those that go on, and those that were going on then.
    cut = calls.filter(Q(ended__isnull=True) | Q(answered__lt=since, ended__gt=since))
    parts_s = sum(
        ((ended or now) - max(answered, since)).total_seconds()
        for answered, ended in cut.values_list("answered", "ended")
        if answered is not None
    )
    return float(whole_s + max(parts_s, 0))


def _calls(label: str) -> QuerySet[Call]:
    if label.startswith("trunk:"):
        return Call.objects.filter(destination=label).order_by()
    return Call.objects.filter(source=label, destination__startswith="trunk:").order_by()


def _limited(source: Source, destination: Destination) -> Iterator[Holder]:
    trunks = {trunk.name: trunk for trunk in destination.all_trunks()}
    if not trunks:
        return
    for holder in (source.holder, *(trunk.holder for trunk in trunks.values())):
        if holder.permissions.daily_minutes is not None:
            yield holder
