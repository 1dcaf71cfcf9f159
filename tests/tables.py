"""The tables of the tests: made by migrations in one test process, copied by the others of a run.

`migrate` still runs in each of them; it finds nothing left to do.
"""

import fcntl
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from django.db import connection
from django.test import TransactionTestCase

LOCKED_S = 30.0
"How long a transaction that some thread has not ended yet is waited for."


class Tables:
    """A file in which a run's first test process leaves its database for the others."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tables.sqlite3"
        self._turn = (folder / "tables.lock").open("w")
        self._memory = sqlite3.connect(connection.creation._get_test_db_name(), uri=True)

    def fill(self) -> None:
        """Copy what another process has made; if there is nothing yet, have others wait for us."""
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        if self._file.exists():
            self._leave()
            self.restore()

    def keep(self) -> None:
        """Leave our tables for the others; have transactional tests end by going back to them."""
        if not self._file.exists():
            with closing(sqlite3.connect(self._file)) as file:
                self._memory.backup(file)
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
