"""What the database says has changed, asked without waiting: microseconds on an event loop.

One `News` a process. It is told by the triggers of `triggers`, so nothing that writes can forget
it. `drain` costs one look at SQLite's file or at a socket, and finds whatever was committed before:
so each call can ask.
"""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import psycopg
from django.db import connections
from psycopg import pq

from callengine.directory.triggers import ALL, CHANNEL, TABLE, missing

logger = logging.getLogger(__name__)

BUSY_S = 0.05
"How long a look at SQLite may wait for a lock that readers hardly ever meet."
ANSWER_S = 3.0
"How long PostgreSQL may owe an answer until the connection counts as lost."
MISSING = "the database's triggers are not in place; put them there with: manage.py migrate"


class TableChange(NamedTuple):
    """One row that has changed."""

    kind: str
    "As in `triggers.WATCHED`; `all`: anything may have."
    key: int
    node: str = ""
    "Of a registration: the engine that wrote it; empty: it was no engine."


EVERYTHING = TableChange(ALL, 0)


class LostError(OSError):
    """The database cannot be asked now; the text says why."""


class News(Protocol):
    """Where changes are heard of."""

    def open(self) -> None:
        """Begin to listen; what is read after is complete. May wait: not on an event loop.

        Raises LostError.
        """

    def drain(self) -> list[TableChange]:
        """Return what was committed since the last time. Raises LostError: open it again."""

    def check(self) -> None:
        """See to it that silence means no changes; once a second. Raises LostError."""

    def close(self) -> None:
        """Listen no more."""


def news() -> News:
    """Return what suits the database of the settings."""
    return PostgresNews() if connections["default"].vendor == "postgresql" else SqliteNews()


class SqliteNews:
    """Reads the table that triggers write; a look costs some ten microseconds."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._last = 0

    def open(self) -> None:
        """Begin after the last change there is."""
        self.close()
        given: dict[str, Any] = connections["default"].get_connection_params()
        try:
            self._connection = sqlite3.connect(
                given["database"],
                timeout=BUSY_S,
                isolation_level=None,
                check_same_thread=False,
                uri=bool(given.get("uri")),
            )
            (last,) = self._connection.execute(f"SELECT max(id) FROM {TABLE}").fetchone()  # noqa: S608
            is_missing = missing(self._connection.execute, "sqlite")
        except sqlite3.Error as error:
            raise LostError(str(error)) from error
        if is_missing:
            raise LostError(MISSING)
        self._last = last or 0

    def drain(self) -> list[TableChange]:
        """Return what was committed since the last time."""
        if self._connection is None:
            raise LostError("it was never opened")
        try:
            committed = self._connection.execute(_SINCE, (self._last,)).fetchall()
        except sqlite3.Error as error:
            raise LostError(str(error)) from error
        # The last one read is there still, unless more came than are kept.
        if not committed or committed[0][0] != self._last:
            self._last = committed[-1][0] if committed else 0
            return [EVERYTHING]
        if len(committed) == 1:
            return []
        self._last = committed[-1][0]
        return [TableChange(kind, key) for _, kind, key in committed[1:]]

    def check(self) -> None:
        """Nothing can be lost on the way."""

    def close(self) -> None:
        """Listen no more."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_SINCE = f"SELECT id, kind, key FROM {TABLE} WHERE id >= ? ORDER BY id"  # noqa: S608


class PostgresNews:
    """LISTENs on a connection of its own.

    Notifications come in the order of the commits, and before the answer to a later query on the
    same connection: an answer to `check` says that all was heard that was committed before it.
    """

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._asked_at: float | None = None

    def open(self) -> None:
        """Connect, and make sure that notifications come through: a pooler may keep them."""
        self.close()
        given = dict(connections["default"].get_connection_params())
        for name in ("cursor_factory", "context", "prepare_threshold"):
            given.pop(name, None)
        try:
            connection = psycopg.connect(**given, autocommit=True)
            self._connection = connection
            heard: list[psycopg.Notify] = []
            connection.add_notify_handler(heard.append)
            connection.execute(f"LISTEN {CHANNEL}")
            connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, f"{_HELLO}:0"])
            connection.execute("SELECT 1")  # What was notified comes before the answer to this.
            if not heard:
                raise LostError(
                    "PostgreSQL's notifications do not come through. If DATABASE_URL leads to "
                    "PgBouncer, have it pool sessions, or connect to the server itself"
                )
            if missing(connection.execute, "postgresql"):
                raise LostError(MISSING)
            connection.pgconn.nonblocking = 1
        except psycopg.Error as error:
            self.close()
            raise LostError(str(error)) from error
        except LostError:
            self.close()
            raise
        self._asked_at = None

    def drain(self) -> list[TableChange]:
        """Return what has come in; one look at a socket."""
        if self._connection is None:
            raise LostError("it is not connected")
        pgconn = self._connection.pgconn
        try:
            pgconn.consume_input()
        except psycopg.Error as error:
            raise LostError(str(error)) from error
        return list(self._heard(pgconn))

    def _heard(self, pgconn: Any) -> Iterator[TableChange]:
        while (told := pgconn.notifies()) is not None:
            kind, key, *node = told.extra.decode().split(":", 2)
            if kind != _HELLO and key.lstrip("-").isdigit():
                yield TableChange(kind, int(key), *node)

    def check(self) -> None:
        """Ask something, and see that what was asked before has been answered."""
        if self._connection is None:
            raise LostError("it is not connected")
        pgconn = self._connection.pgconn
        try:
            pgconn.consume_input()
            while self._asked_at is not None and not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    self._asked_at = None
                elif result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
                    raise LostError("PostgreSQL refused a question")
            if self._asked_at is None:
                pgconn.send_query(b"SELECT 1")
                pgconn.flush()
                self._asked_at = time.monotonic()
            elif time.monotonic() - self._asked_at > ANSWER_S:
                raise LostError(f"PostgreSQL has not answered for {ANSWER_S:g} s")
        except psycopg.Error as error:
            raise LostError(str(error)) from error

    def close(self) -> None:
        """Listen no more."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


_HELLO = "hello"
