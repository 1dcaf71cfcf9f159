"""Bans as they are stored: every engine reads them, pages show and lift them. Synchronous."""

from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from callengine.edge import bans
from callengine.models import MAX_PARTY_LENGTH, Ban
from callengine.record.cleaning import clean_text

REMEMBERED = timedelta(seconds=bans.REMEMBERED_S)
MOST_READ = 10_000


def store(*, ban: bans.HeldBan, node: str) -> None:
    """Store a ban; one of the same source and user becomes this one."""
    Ban.objects.filter(until__lt=datetime.fromtimestamp(ban.since, UTC) - REMEMBERED).delete()
    Ban.objects.update_or_create(
        source=clean_text(ban.source, 100),
        user=clean_text(ban.user, MAX_PARTY_LENGTH),
        defaults={
            "rule": ban.rule,
            "since": datetime.fromtimestamp(ban.since, UTC),
            "until": datetime.fromtimestamp(ban.until, UTC),
            "failures": ban.failures,
            "times": min(ban.times, 32767),
            "node": clean_text(node, 100),
        },
    )


def remembered(*, now: datetime) -> list[bans.HeldBan]:
    """Return the bans that hold and those of the last day, as an engine needs them. One query."""
    rows = Ban.objects.filter(until__gt=now - REMEMBERED)[:MOST_READ]
    return [
        bans.HeldBan(
            source=row.source,
            user=row.user,
            rule=row.rule,
            since=row.since.timestamp(),
            until=row.until.timestamp(),
            failures=row.failures,
            times=row.times,
        )
        for row in rows
    ]


def holding(*, now: datetime) -> QuerySet[Ban]:
    """Return the bans that hold, the newest first."""
    return Ban.objects.filter(until__gt=now)


def lift(*, ban_id: int) -> Ban | None:
    """Delete a ban and return what it was; None if it was gone already."""
    row = Ban.objects.filter(pk=ban_id).first()
    if row is not None:
        Ban.objects.filter(pk=ban_id).delete()
    return row
