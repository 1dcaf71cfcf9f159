"""The tables of the tests: made by migrations in one test process, copied by the others of a run.

They are kept for the next run, until a migration or what is installed changes. A process that has
copied them migrates nothing: to find that nothing is left to do took each more than a second.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.core import management
from django.db import connection
from django.test import TransactionTestCase

ROOT = Path(__file__).resolve().parents[1]
MADE_OF = ("requirements.lock", "callengine/directory/triggers.py", "dashboard/accounts/roles.py")
"Beside our migrations: those of packages, and what is done after each `migrate`."
LOCKED_S = 30.0
"How long a transaction that some thread has not ended yet is waited for."


def version(root: Path = ROOT) -> str:
    """Return a word for all that the tables and their first rows are made of."""
    made_of = [*(root / name for name in MADE_OF), *sorted(root.glob("*/migrations/*.py"))]
    digest = hashlib.sha256()
    for path in made_of:
        text = path.read_bytes()
        digest.update(f"{path.relative_to(root)} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:16]


@contextmanager
def unmigrated() -> Iterator[None]:
    """Have a test database made without `migrate`: its tables are there."""
    call = management.call_command

    def call_another(name: str, *arguments: Any, **options: Any) -> None:
        if name != "migrate":
            call(name, *arguments, **options)

    with patch.object(management, "call_command", call_another):
        yield


class Kept:
    """What an earlier run has left in a folder, of one version. Runs of one checkout share it."""

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._file = folder / f"{version}.sqlite3"

    def lend(self, file: Path) -> bool:
        """Copy it to there; return whether there was any."""
        try:
            shutil.copyfile(self._file, file)
        except FileNotFoundError:
            return False
        return True

    def take(self, file: Path) -> None:
        """Keep a copy, and no other version's."""
        unfinished = self._file.with_suffix(f".{os.getpid()}")
        shutil.copyfile(file, unfinished)
        for other in self._folder.glob("*.sqlite3"):
            other.unlink(missing_ok=True)
        unfinished.rename(self._file)


class Tables:
    """A file in which a run's first test process leaves its database for the others."""

    def __init__(self, folder: Path, kept: Kept | None = None) -> None:
        self._kept = kept
        self._file = folder / "tables.sqlite3"
        self._turn = (folder / "tables.lock").open("w")
        self._memory = sqlite3.connect(connection.creation._get_test_db_name(), uri=True)

    def fill(self) -> bool:
        """Copy what is kept or another process has made; of nothing, have others wait for us.

        Returns whether there was anything: then there is nothing to migrate.
        """
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        is_there = self._file.exists() or (self._kept is not None and self._kept.lend(self._file))
        if is_there:
            self._leave()
            self.restore()
        return is_there

    def keep(self) -> None:
        """Leave our tables for the others; have transactional tests end by going back to them."""
        if not self._file.exists():
            with closing(sqlite3.connect(self._file)) as file:
                self._memory.backup(file)
            if self._kept is not None:
                self._kept.take(self._file)
        self._leave()
        TransactionTestCase._fixture_teardown = lambda _: self.restore()

    def restore(self) -> None:
        """Make of the database in memory what it was before the first test.

        Raises:
            TimeoutError: a connection that some thread left open holds a lock.
        """
        deadline = time.monotonic() + LOCKED_S

        def watch(_: int, remaining: int, __: int) -> None:
            if remaining and time.monotonic() > deadline:
                raise TimeoutError("a connection to the test database is in a transaction still")

        with closing(sqlite3.connect(self._file)) as file:
            file.backup(self._memory, progress=watch)

    def close(self) -> None:
        self._turn.close()
        self._memory.close()

    def _leave(self) -> None:
        fcntl.flock(self._turn, fcntl.LOCK_UN)
