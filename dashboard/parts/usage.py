"""How many calls somebody has up and how long they talked today, beside what they may."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from audiocodecs.models import PlatformSettings
from callengine.core.limits import NODE_SILENCE_S
from callengine.directory import nodes
from callengine.directory.minutes import midnight_before, talked_s
from callengine.models import Call


@dataclass(frozen=True, slots=True)
class InUse:
    """What is in use now."""

    calls: int
    limit: int | None
    "Of each engine: they count their own calls."
    engines: int = 1
    minutes: int | None = None
    "Talked through trunks today; None: without a limit nobody counts."
    daily_minutes: int | None = None

    @property
    def is_worth_a_row(self) -> bool:
        """Whether a list says it: of those without a limit and without a call there are many."""
        return bool(self.calls) or self.limit is not None

    @property
    def text(self) -> str:
        """`7 of 10 calls in use`, or `No call up`."""
        if self.limit is None:
            return f"{self.calls or 'No'} call{'s' if self.calls > 1 else ''} up"
        if self.engines > 1:
            return f"{self.calls} calls up, {self.limit} allowed on each of {self.engines} engines"
        return f"{self.calls} of {self.limit} calls in use"

    @property
    def minutes_text(self) -> str:
        """`12 of 600 minutes used today`; empty without a limit."""
        if self.minutes is None:
            return ""
        return f"{self.minutes} of {self.daily_minutes} minutes used today"

    @property
    def is_full(self) -> bool:
        """Whether nothing is left of what may be used."""
        calls = self.limit is not None and self.engines == 1 and self.calls >= self.limit
        minutes = self.minutes is not None and self.minutes >= (self.daily_minutes or 0)
        return calls or minutes


def in_use(label: str, *, limit: int | None, daily_minutes: int | None) -> InUse:
    """Return what `connection:alice` or `trunk:carrier-one` uses. Five queries at most."""
    now = timezone.now()
    minutes = None
    if daily_minutes is not None:
        midnight = midnight_before(now, PlatformSettings.load().time_zone)
        minutes = int(talked_s(label, since=midnight, now=now) // 60)
    return InUse(
        calls=calls_up([label])[label],
        limit=limit,
        engines=_engines(now) if limit is not None else 1,
        minutes=minutes,
        daily_minutes=daily_minutes,
    )


def calls_in_use(limits: Mapping[str, int | None]) -> dict[str, InUse]:
    """Return what each of these uses of its concurrent calls, by label. Two queries at most."""
    up = calls_up(limits)
    is_limited = any(limit is not None for limit in limits.values())
    engines = _engines(timezone.now()) if is_limited else 1
    return {label: InUse(up[label], limit, engines) for label, limit in limits.items()}


def calls_up(labels: Iterable[str]) -> Counter[str]:
    """Count the live calls of each label, from and to. One query, by index."""
    wanted = list(labels)
    rows = Call.objects.filter(Q(source__in=wanted) | Q(destination__in=wanted), ended=None)
    ends = rows.order_by().values_list("source", "destination")
    return Counter(label for pair in ends for label in {*pair} & set(wanted))


def _engines(now: dt.datetime) -> int:
    silent_since = now - dt.timedelta(seconds=NODE_SILENCE_S)
    seen = (dt.datetime.fromisoformat(node["seen"]) for node in nodes.snapshots())
    return max(sum(at > silent_since for at in seen), 1)
