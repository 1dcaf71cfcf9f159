"""The writer of the record: in order, many to a transaction, patient with its database."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from django.db import OperationalError
from django.utils import timezone

from callengine.models import Rejection
from callengine.record.journal import Journal
from callengine.record.writer import WriterSettings
from tests.peers.waiting import until


@pytest.fixture
async def journal(database: Path) -> AsyncIterator[Journal]:
    opened = Journal(asyncio.get_running_loop())
    yield opened
    await opened.close()


def store(rule: str) -> None:
    Rejection.objects.create(
        at=timezone.now(), source_address="127.0.0.1", method="INVITE", code=404, rule=rule
    )


def rules(database: Path) -> list[str]:
    """Return what another program finds in the file."""
    with sqlite3.connect(database) as other:
        rows = other.execute("SELECT rule FROM callengine_rejection ORDER BY id").fetchall()
    other.close()
    return [rule for (rule,) in rows]


async def test_changes_are_written_in_order(journal: Journal, database: Path) -> None:
    for number in range(500):
        journal.write(lambda number=number: store(f"rule-{number}"))  # type: ignore[misc]
    await journal.flushed()
    assert rules(database) == [f"rule-{number}" for number in range(500)]


async def test_then_runs_on_the_loop_once_the_change_is_committed(
    journal: Journal, database: Path
) -> None:
    seen: list[tuple[list[str], bool]] = []
    ours = threading.current_thread()

    def then() -> None:
        seen.append((rules(database), threading.current_thread() is ours))

    journal.write(lambda: store("one"), then)
    journal.write(lambda: store("two"), then)
    await journal.flushed()
    assert len(seen) == 2
    assert "one" in seen[0][0]
    assert seen[1] == (["one", "two"], True)


@pytest.mark.parametrize("error", [ValueError, KeyError, AttributeError])
async def test_a_bad_change_loses_only_itself(
    journal: Journal, database: Path, error: type[Exception]
) -> None:
    def bad() -> None:
        store("half-done")
        raise error("a bug")

    for name in ("first", "", "last"):
        journal.write((lambda name=name: store(name)) if name else bad)  # type: ignore[misc]
    await journal.flushed()
    journal.write(lambda: store("later"))
    await journal.flushed()
    assert rules(database) == ["first", "last", "later"]


async def test_a_locked_database_is_waited_for(
    journal: Journal, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer than the database's own time-out, so that writing fails several times."""
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    done: list[str] = []
    for name in ("one", "two"):
        journal.write(
            lambda name=name: store(name),  # type: ignore[misc]
            lambda name=name: done.append(name),  # type: ignore[misc]
        )
    await until(lambda: caplog.text.count("trying again") >= 2, "it was not even tried")
    assert done == []
    holder.execute("ROLLBACK")
    holder.close()
    await journal.flushed()
    assert rules(database) == ["one", "two"] == done


async def test_a_database_that_stays_away_holds_up_nothing_for_ever(
    database: Path,
) -> None:
    journal = Journal(asyncio.get_running_loop(), WriterSettings(patience_s=0.5))

    def away() -> None:
        raise OperationalError("the server closed the connection")

    journal.write(away)
    journal.write(lambda: store("later"))
    await journal.flushed()
    assert rules(database) == ["later"]
    await journal.close()


async def test_what_waits_is_bounded(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened = Journal(asyncio.get_running_loop(), WriterSettings(max_waiting=10))
    writing, go = threading.Event(), threading.Event()

    def hold() -> None:
        writing.set()
        go.wait()

    opened.write(hold)
    assert await asyncio.to_thread(writing.wait, 5.0)
    for number in range(50):
        opened.write(lambda number=number: store(f"rule-{number}"))  # type: ignore[misc]
    go.set()
    await opened.close()
    kept = rules(database)
    assert kept == [f"rule-{number}" for number in range(10)]
    assert "records were lost" in caplog.text


async def test_closing_writes_what_waits(database: Path) -> None:
    opened = Journal(asyncio.get_running_loop())
    for number in range(300):
        opened.write(lambda number=number: store(f"rule-{number}"))  # type: ignore[misc]
    await opened.close()
    assert len(rules(database)) == 300
