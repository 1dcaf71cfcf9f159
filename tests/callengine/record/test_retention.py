"""The engine prunes its record by itself: gently, off its event loop, one node at a time."""

import asyncio
import threading
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.utils import timezone

from callengine.models import Call, Rejection
from callengine.record.retention import ADVISORY_LOCK, Retention, RetentionSettings
from tests.callengine.record.reading import read
from tests.dashboard.record import call, rejection
from tests.peers import services
from tests.peers.services import Postgres

DAY_S = 86400
SOON = RetentionSettings(keep_days=30, first_s=0.0, every_s=0.1, pause_s=0.05, batch=2)


def fill() -> None:
    for _ in range(5):
        call(ago_s=31 * DAY_S)
        rejection(ago_s=31 * DAY_S)
    call(ago_s=29 * DAY_S)
    rejection(ago_s=29 * DAY_S)


def kept() -> tuple[int, int]:
    return Call.objects.count(), Rejection.objects.count()


async def kept_until(expected: tuple[int, int]) -> None:
    def wait() -> tuple[int, int]:
        deadline = time.monotonic() + 30
        while (now := kept()) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return now

    assert await read(wait) == expected


async def test_what_is_older_than_the_setting_goes_a_little_at_a_time(database: Path) -> None:
    await read(fill)
    retention = Retention(SOON)
    began, thread = time.monotonic(), threading.active_count()
    retention.start()
    assert threading.active_count() == thread + 1
    await kept_until((1, 1))
    # Three batches of each, two rows at most, with a pause after every one.
    assert time.monotonic() - began > 5 * SOON.pause_s
    await retention.stop()
    oldest = timezone.now() - timedelta(days=30)
    assert await read(Call.objects.filter(ended__lt=oldest).count) == 0


async def test_it_stops_between_two_batches(database: Path) -> None:
    await read(fill)
    retention = Retention(RetentionSettings(keep_days=30, first_s=0, pause_s=30, batch=2))
    retention.start()
    await kept_until((4, 6))
    began = time.monotonic()
    await retention.stop()
    assert time.monotonic() - began < 20
    assert await read(kept) == (4, 6)


async def test_zero_days_keep_everything(database: Path) -> None:
    await read(fill)
    threads = threading.active_count()
    retention = Retention(RetentionSettings(keep_days=0, first_s=0))
    retention.start()
    assert threading.active_count() == threads
    await retention.stop()
    assert await read(kept) == (6, 6)


@pytest.mark.skipif(not services.available(), reason="needs Debian's postgresql")
async def test_one_node_at_a_time_prunes(postgres: Postgres) -> None:
    await read(fill)
    retention = Retention(SOON)
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as other:
        await other.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        retention.start()
        await asyncio.sleep(5 * SOON.every_s)
        assert await read(kept) == (6, 6)
    await kept_until((1, 1))
    await retention.stop()
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as other:
        cursor = await other.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        assert await cursor.fetchone() == (True,)
