"""How long was talked today, for limits of minutes a day. Synchronous; reads the record."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from callengine.core.directory import Destination, Source
from callengine.core.permissions import Holder
from callengine.models import Call

LONGEST = dt.timedelta(days=8)
"Since when a call that ran past midnight may have begun."


def minutes_today(source: Source, destination: Destination, zone: str) -> dict[str, float]:
    """Return the minutes of calls through trunks since midnight, of those who have a limit.

    By label, of whoever calls and of the trunks that the call may go through. Two queries each, by
    index.
    """
    now = timezone.now()
    midnight = midnight_before(now, zone)
    return {
        holder.label: talked_s(holder.label, since=midnight, now=now) / 60
        for holder in _limited(source, destination)
    }


def midnight_before(now: dt.datetime, zone: str) -> dt.datetime:
    """Return when this day began in a time zone; a zone that is gone counts as UTC."""
    try:
        local = now.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        local = now.astimezone(dt.UTC)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def talked_s(label: str, *, since: dt.datetime, now: dt.datetime) -> float:
    """Return for how many seconds a party has talked through trunks since then."""
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
