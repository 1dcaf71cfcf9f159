"""What may be wrong with the file in which the record waits, and with whoever waits for it."""

import asyncio
import os
import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from callengine.core.outcomes import Rejection as Refusal
from callengine.record import changes
from callengine.record.journal import Journal
from callengine.record.spill import Spill
from callengine.record.writer import WriterSettings
from tests.callengine.record.reading import read
from tests.callengine.record.test_database_away import refuse, rules
from tests.peers import services
from tests.peers.services import Postgres
from tests.peers.waiting import until

AT = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def impatient(tmp_path: Path) -> WriterSettings:
    return WriterSettings(
        spill=tmp_path / "unwritten-records", patience_s=0.5, retry_s=0.1, closing_s=0.5
    )


def line(rule: str) -> bytes:
    rejection = Refusal("192.0.2.1", "eve", "INVITE", 404, rule, "Add it.")
    return changes.line(changes.rejected(rejection=rejection, at=AT))


@contextmanager
def locked(database: Path) -> Iterator[None]:
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield
    holder.execute("ROLLBACK")
    holder.close()


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Take every descriptor this process may have."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    taken = []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    try:
        yield
    finally:
        for file in taken:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("spoil", [make_folder, make_link])
async def test_a_file_that_cannot_be_opened_keeps_nothing_from_the_database(
    database: Path, impatient: WriterSettings, spoil: object
) -> None:
    assert impatient.spill is not None
    spoil(impatient.spill)  # type: ignore[operator]
    journal = Journal(asyncio.get_running_loop(), impatient)
    refuse(journal, "one")
    await journal.flushed(5)
    await journal.close()
    assert await read(rules) == ["one"]


async def test_a_line_that_can_be_neither_read_nor_set_aside_holds_up_nothing(
    database: Path, impatient: WriterSettings
) -> None:
    assert impatient.spill is not None
    left = Spill(impatient.spill, max_bytes=10_000)
    left.append([b"2 from-the-future {}", line("left")])
    left.close()
    impatient.spill.with_name("unwritten-records.unreadable").mkdir()
    journal = Journal(asyncio.get_running_loop(), impatient)
    refuse(journal, "new")
    await journal.flushed(5)
    await journal.close()
    assert await read(rules) == ["left", "new"]
    assert not impatient.spill.exists()


def test_a_file_that_could_not_be_opened_once_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "unwritten-records"
    left = Spill(path, max_bytes=10_000)
    left.append([b"left"])
    left.close()
    with no_descriptors():
        spill = Spill(path, max_bytes=10_000)
    assert spill.append([b"new"]) == 1
    assert spill.peek(9) == [b"left\n", b"new\n"]


def test_what_waits_is_read_without_another_descriptor(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "unwritten-records", max_bytes=1_000_000)
    spill.append([b"one", b"x" * 200_000, b"three"])
    with no_descriptors():
        assert spill.peek(2) == [b"one\n", b"x" * 200_000 + b"\n"]
        spill.take(spill.peek(2))
        assert spill.peek(2) == [b"three\n"]


def test_a_disk_that_was_full_when_the_file_was_made_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "unwritten-records"
    spill = Spill(path, max_bytes=10_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            spill.append([b"one"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert spill.append([b"two"]) == 1
    spill.close()
    assert Spill(path, max_bytes=10_000).peek(9) == [b"two\n"]


def test_what_is_set_aside_takes_the_place_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "unwritten-records"
    Spill(path, max_bytes=10_000).set_aside([b"a record\n"])
    path.write_bytes(b"something else\n")
    Spill(path, max_bytes=10_000)
    kept = sorted(file.read_bytes() for file in tmp_path.iterdir())
    assert kept == [b"a record\n", b"something else\n"]


async def test_a_want_of_descriptors_for_a_moment_loses_nothing(
    database: Path, impatient: WriterSettings
) -> None:
    assert impatient.spill is not None
    journal = Journal(asyncio.get_running_loop(), replace(impatient, patience_s=10.0))
    refuse(journal, "before")
    await journal.flushed()
    with locked(database):
        with no_descriptors():
            refuse(journal, "starved")
            await asyncio.sleep(0.8)
        await until(impatient.spill.exists, "it is not kept")
    await journal.close()
    assert await read(rules) == ["before", "starved"]


async def test_what_is_lost_is_told_to_whoever_waits(database: Path) -> None:
    """The end of a call is shown, whatever becomes of its record."""
    told: list[int] = []
    journal = Journal(asyncio.get_running_loop(), WriterSettings(max_waiting=2))
    with locked(database):
        for number in range(10):
            refused = Refusal("192.0.2.1", "eve", "INVITE", 404, "rule", "Add it.")
            change = changes.rejected(rejection=refused, at=AT)
            journal.write(change, lambda number=number: told.append(number))  # type: ignore[misc]
        with pytest.raises(TimeoutError):
            await journal.flushed(0.1)
    await until(lambda: sorted(told) == list(range(10)), "somebody waits for ever")
    await journal.close()


@pytest.mark.skipif(not services.available(), reason="needs Debian's postgresql")
async def test_a_connection_that_hangs_is_cut_without_another_descriptor(
    postgres: Postgres, impatient: WriterSettings, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(asyncio.get_running_loop(), replace(impatient, attempt_s=0.5))
    pids: list[int] = []

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids.append(cursor.fetchone()[0])

    journal.write(ask)
    await journal.flushed()
    os.kill(pids[0], signal.SIGSTOP)
    try:
        with no_descriptors():
            refuse(journal, "under-way")
            refuse(journal, "queued")
            await until(lambda: "connection is cut" in caplog.text, "it hangs")
        await journal.flushed(5)
    finally:
        os.kill(pids[0], signal.SIGCONT)
        await journal.close()
    assert await read(rules) == ["under-way", "queued"]


async def test_what_sqlite_holds_up_is_in_the_file_at_once_and_nothing_else_is_lost(
    database: Path, tmp_path: Path
) -> None:
    """Who is killed while another process writes for long has lost a moment of the record."""
    spill = tmp_path / "unwritten-records"
    journal = Journal(asyncio.get_running_loop(), WriterSettings(spill=spill))
    refuse(journal, "before")
    await journal.flushed()
    seen: list[str] = []
    with locked(database):
        began = time.monotonic()
        refuse(journal, "held")
        journal.write(lambda: seen.append("no file keeps this"))
        await until(lambda: b"held" in (spill.read_bytes() if spill.exists() else b""), "not kept")
        assert time.monotonic() - began < WriterSettings().patience_s / 2
    await until(lambda: bool(seen), "it was left out, though the database was back soon")
    await journal.close()
    assert await read(rules) == ["before", "held"]
