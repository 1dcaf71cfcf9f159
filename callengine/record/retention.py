"""Deleting what the record need no longer hold, a little at a time. Synchronous."""

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from callengine.models import (
    AgentSession,
    AgentSessionLine,
    Call,
    CallEvent,
    CallHeader,
    CallShare,
    Leg,
    PacketCapture,
    Rejection,
    SipMessage,
)
from callengine.record.database import keep_connected
from callengine.record.threads import show_name
from connections.services import delete_expired_registrations

logger = logging.getLogger(__name__)

BATCH = 500
"Calls, or other rows, in one transaction: the engine, which writes too, never waits long."
LONGEST_CALL = timedelta(days=7)
"A call with no end that began longer ago than the limit and this is no call any more."
ADVISORY_LOCK = 0x564E_5052
"Of PostgreSQL's, held while one node of several prunes."


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long the record is kept, and how gently it is pruned."""

    keep_days: int = 0
    "0: for ever."
    first_s: float = 60.0
    "After the start; later than what a start has to do."
    every_s: float = 3600.0
    pause_s: float = 0.5
    "Between two batches, so that whoever else writes gets their turn."
    batch: int = 100


class Retention:
    """A thread that prunes the record now and then, while no other node does."""

    def __init__(self, settings: RetentionSettings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless everything is kept."""
        if self._settings.keep_days:
            self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        """End after the batch under way."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        show_name()
        wait_s = self._settings.first_s
        while not self._stopping.wait(wait_s):
            wait_s = self._settings.every_s
            try:
                self._prune()
            except Exception:
                logger.warning("the record could not be pruned; later again", exc_info=True)
            finally:
                connection.close()

    def _prune(self) -> None:
        now = timezone.now()
        before = now - timedelta(days=self._settings.keep_days)
        deleted: Counter[str] = Counter()
        keep_connected()
        with _alone() as is_alone:
            if not is_alone:
                return
            for kind, count in prune(now=now, before=before, batch=self._settings.batch):
                deleted[kind] += count
                if self._stopping.wait(self._settings.pause_s):
                    break
        if deleted.total():
            counts = ", ".join(f"{count} {kind}" for kind, count in deleted.items())
            logger.info("the record was pruned of what is before %s: %s", before, counts)


def prune(*, now: datetime, before: datetime, batch: int = 0) -> Iterator[tuple[str, int]]:
    """Delete what ended before a time and registrations that have expired.

    Yields what was deleted and how many, batch by batch, each a transaction of its own.
    """
    yield from (("calls", count) for count in prune_calls(before=before, batch=batch))
    yield from (("rejections", count) for count in prune_rejections(before=before, batch=batch))
    yield "expired registrations", delete_expired_registrations(now=now)


def prune_calls(*, before: datetime, batch: int = 0) -> Iterator[int]:
    """Delete calls that ended before this, with all that belongs to them; yield how many each time.

    A call in progress stays, however long it has been; one that never got an end (its engine was
    never started again) goes after LONGEST_CALL more. Each batch is a transaction.
    """
    ended = Call.objects.filter(ended__lt=before).order_by("ended")
    lost = Call.objects.filter(ended__isnull=True, started__lt=before - LONGEST_CALL)
    for calls in (ended, lost):
        while keys := list(calls.values_list("pk", flat=True)[: batch or BATCH]):
            with transaction.atomic():
                for model in (
                    SipMessage,
                    CallEvent,
                    CallHeader,
                    AgentSessionLine,
                    AgentSession,
                    PacketCapture,
                    CallShare,
                    Leg,
                ):
                    _delete(model._base_manager.filter(call__in=keys))
                _delete(Call.objects.filter(pk__in=keys))
            yield len(keys)


def prune_rejections(*, before: datetime, batch: int = 0) -> Iterator[int]:
    """Delete rejections of before this; yield how many each time. Each batch is a transaction."""
    old = Rejection.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)
    while keys := list(old[: batch or BATCH]):
        _delete(Rejection.objects.filter(pk__in=keys))
        yield len(keys)


def _delete(rows: QuerySet[Model]) -> None:
    # Not `delete()`, which first reads what it deletes: nothing listens to these rows' signals.
    rows._raw_delete(rows.db)


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    """Tell whether no other node prunes, and keep others from it; SQLite has one node only."""
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        row = cursor.fetchone()
        is_alone = bool(row and row[0])
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
