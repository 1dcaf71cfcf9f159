"""Deleting what the record need no longer hold, a little at a time. Synchronous."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model, QuerySet

from callengine.models import Call, CallEvent, Leg, Rejection, SipMessage

BATCH = 500
"Calls, or other rows, in one transaction: the engine, which writes too, never waits long."
LONGEST_CALL = timedelta(days=7)
"A call with no end that began longer ago than the limit and this is no call any more."


def prune_calls(*, before: datetime) -> Iterator[int]:
    """Delete calls that ended before this, with all that belongs to them; yield how many each time.

    A call in progress stays, however long it has been; one that never got an end (its engine was
    never started again) goes after LONGEST_CALL more. Each batch is a transaction.
    """
    ended = Call.objects.filter(ended__lt=before).order_by("ended")
    lost = Call.objects.filter(ended__isnull=True, started__lt=before - LONGEST_CALL)
    for calls in (ended, lost):
        while keys := list(calls.values_list("pk", flat=True)[:BATCH]):
            with transaction.atomic():
                for model in (SipMessage, CallEvent, Leg):
                    _delete(model._base_manager.filter(call__in=keys))
                _delete(Call.objects.filter(pk__in=keys))
            yield len(keys)


def prune_rejections(*, before: datetime) -> Iterator[int]:
    """Delete rejections of before this; yield how many each time. Each batch is a transaction."""
    while keys := list(
        Rejection.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:BATCH]
    ):
        _delete(Rejection.objects.filter(pk__in=keys))
        yield len(keys)


def _delete(rows: QuerySet[Model]) -> None:
    # Not `delete()`, which first reads what it deletes: nothing listens to these rows' signals.
    rows._raw_delete(rows.db)
