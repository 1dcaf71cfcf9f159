"""What the journal's thread does: changes go to the database, or to a file while it is away.

The file (`spill`) is written to the database once that is back, also in the next life of the
engine, before anything newer. So neither memory nor order suffers, and no batch waits longer than
one deadline, whatever is wrong with its changes. What can be is written as one (`gathering`); where
that fails each change is written by itself, so that a bad one loses nothing else.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from callengine.record import changes
from callengine.record.database import keep_connected
from callengine.record.spill import Spill
from callengine.record.watchdog import Watchdog

logger = logging.getLogger(__name__)

MAX_TRIES = 3
"How often a change may fail in a database that works before it is set aside."
_AWAY = (OperationalError, InterfaceError)
Write = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """How patient the writing of the record is, and how much may wait."""

    spill: Path | None = None
    "The file for what the database cannot take; None: it is lost instead."
    keep_after_s: float = 0.25
    "How long a batch waits for a database that is locked or away before it goes to the file."
    patience_s: float = 5.0
    "The same where there is no file or it takes nothing, and for what no file keeps."
    retry_s: float = 0.25
    attempt_s: float = 15.0
    "How long a database that is there may take for a batch before it counts as away."
    closing_s: float = 5.0
    "How long a stop waits for a database that is away."
    batch: int = 2000
    pause_s: float = 0.4
    "At most, from the beginning of one transaction to that of the next, if nobody waits for it."
    pause_times: float = 20.0
    "So many times as long as the last one took, within that, and more while changes keep coming."
    max_waiting: int = 20_000
    "Changes in memory; more are lost, and the log says so."
    max_spill_bytes: int = 512 * 1024 * 1024


class RecordWriter:
    """Writes batches in order. For one thread, which it gives a database connection."""

    def __init__(self, settings: WriterSettings, *, is_closing: Callable[[], bool]) -> None:
        self._settings, self._is_closing = settings, is_closing
        self._spill = Spill(settings.spill, max_bytes=settings.max_spill_bytes)
        self._retry_at = 0.0
        "Zero while the database answers."
        self._failures = 0
        self._watchdog = Watchdog(after_s=settings.attempt_s)
        self._kept = self._lost = 0
        self._put_off: list[tuple[float, Write]] = []
        "What no file keeps and the database has not taken, with when it is let go of."

    @property
    def idle_s(self) -> float | None:
        """How long to wait for changes; None: for ever, nothing waits."""
        return max(0.0, self._retry_at - time.monotonic()) if self._waits else None

    @property
    def _waits(self) -> bool:
        return bool(self._put_off) or not self._spill.is_empty

    def write(self, batch: Sequence[Write]) -> None:
        """Write a batch, or keep it in the file behind what is there already."""
        try:
            if not self._waits:
                self._write(batch)
                return
            self._keep(batch)
            if time.monotonic() >= self._retry_at:
                self._replay_some()
            if not self._retry_at:
                self._write_put_off()
        except Exception:
            logger.exception("records could not be kept")
            self._wait()

    def replay(self) -> None:
        """Write what an earlier engine left, unless the database is away."""
        try:
            while not self._spill.is_empty and not self._retry_at:
                self._replay_some()
        except Exception:
            logger.exception("what waits in %s could not be written", self._settings.spill)
            self._wait()

    def close(self, *, until: float) -> None:
        """Write what is in the file until a monotonic time, and leave the rest."""
        while self._waits and time.monotonic() < until:
            time.sleep(max(0.0, self._retry_at - time.monotonic()))
            self.write([])
        if not self._spill.is_empty:
            logger.warning("the database is away; %s waits for it", self._settings.spill)
        self._spill.close()
        self._watchdog.end()
        connection.close()

    # To the database

    def _write(self, batch: Sequence[Write]) -> None:
        """Write a batch in one transaction; one bad change must not lose the others."""
        settings = self._settings
        has_file = settings.spill is not None
        wait_s = settings.keep_after_s if has_file else settings.patience_s
        give_up_at = time.monotonic() + wait_s
        while True:
            try:
                self._in_one_transaction(batch)
            except _AWAY:
                if self._is_closing() or time.monotonic() >= give_up_at:
                    self._give_up(batch)
                    return
                logger.warning("the database is locked or away; trying again", exc_info=True)
                time.sleep(min(settings.retry_s, wait_s))
            except Exception:
                logger.warning("a change failed: each is written by itself", exc_info=True)
                self._write_each(batch)
                return
            else:
                return

    def _write_each(self, batch: Sequence[Write]) -> None:
        """Give each change one try, until the database is away."""
        for index, change in enumerate(batch):
            try:
                self._in_one_transaction([change])
            except _AWAY:
                self._give_up(batch[index:])
                return
            except Exception:
                logger.exception("a record could not be written")

    def _give_up(self, batch: Sequence[Write]) -> None:
        self._keep(batch)
        self._wait()
        if not self._is_closing() and self._is_there():
            self._write_put_off()

    def _write_put_off(self) -> None:
        """Write what no file keeps, each for itself."""
        while self._put_off:
            _, change = self._put_off[0]
            try:
                self._in_one_transaction([change])
            except _AWAY:
                if not self._is_there():
                    self._wait()
                    return
                logger.exception("a record could not be written")
            except Exception:
                logger.exception("a record could not be written")
            del self._put_off[0]

    # To the file

    def _keep(self, batch: Sequence[Write]) -> None:
        """Add changes to the file; details go first if there is no room, then the newest.

        What no file keeps waits in memory, for as long as there is patience.
        """
        self._put_off_others(batch)
        keepable = [change for change in batch if isinstance(change, changes.Keepable)]
        if self._spill.is_half_full:
            keepable = [change for change in keepable if change.kind not in changes.DETAILS]
        lines = [line for change in keepable if (line := _line(change)) is not None]
        count = self._append(lines)
        if count and not self._kept:
            logger.warning("the database is away; records wait in %s", self._settings.spill)
        self._kept += count
        self._lost += len(lines) - count
        if count < len(lines):
            logger.error("there is no room for more records: %s were lost", self._lost)

    def _put_off_others(self, batch: Sequence[Write]) -> None:
        now = time.monotonic()
        let_go_at = now + self._settings.patience_s
        others = [(let_go_at, one) for one in batch if not isinstance(one, changes.Keepable)]
        held = [one for one in self._put_off if one[0] > now]
        self._put_off = [*held, *others][-self._settings.batch :]

    def _append(self, lines: Sequence[bytes]) -> int:
        """Add lines to the file; a want of descriptors or of room is waited out for a while."""
        give_up_at = time.monotonic() + self._settings.patience_s
        while True:
            try:
                return self._spill.append(lines)
            except OSError:
                if self._is_closing() or time.monotonic() >= give_up_at:
                    logger.exception("%s cannot be written", self._settings.spill)
                    return 0
            time.sleep(self._settings.retry_s)

    def _set_aside(self, lines: Sequence[bytes]) -> None:
        try:
            self._spill.set_aside(lines)
        except OSError:  # they must hold up no others
            logger.exception("%s records could not be set aside, and were lost", len(lines))

    def _wait(self) -> None:
        self._retry_at = time.monotonic() + self._settings.retry_s

    # From the file to the database

    def _replay_some(self) -> None:
        lines = self._spill.peek(self._settings.batch)
        readable = [change for text in lines if (change := changes.read(text)) is not None]
        try:
            self._in_one_transaction(readable)
        except Exception:
            logger.debug("what waits in the file cannot be written at once", exc_info=True)
            self._replay_each(lines)
        else:
            self._set_aside([text for text in lines if changes.read(text) is None])
            self._forget(lines)

    def _replay_each(self, lines: Sequence[bytes]) -> None:
        if not self._is_there():
            self._wait()
            return
        for text in lines:
            change = changes.read(text)
            try:
                if change is None:
                    self._set_aside([text])
                else:
                    self._in_one_transaction([change])
            except _AWAY as error:
                self._failures += not _is_locked(error)
                if self._failures < MAX_TRIES or not self._is_there():
                    self._wait()
                    return
                logger.exception("a record could not be written, and was set aside")
                self._set_aside([text])
            except Exception:
                logger.exception("a record could not be written, and was set aside")
                self._set_aside([text])
            self._forget([text])

    def _forget(self, lines: Sequence[bytes]) -> None:
        self._spill.take(lines)
        self._failures, self._retry_at = 0, 0.0
        if self._spill.is_empty:
            logger.warning("the database is back, and has the records that waited in the file")
            self._kept = self._lost = 0

    # The database

    def _in_one_transaction(self, batch: Sequence[Write]) -> None:
        try:
            writes = changes.together(batch)
            self._connect()
            with self._watchdog.watching(connection), transaction.atomic():
                for write in writes:
                    write()
        except _AWAY:
            connection.close()
            raise

    def _connect(self) -> None:
        options = connection.settings_dict["OPTIONS"]
        if self._settings.spill is not None and "pool" in options:
            # A pool has whoever asks wait for seconds while the server is away.
            own = {name: value for name, value in options.items() if name != "pool"}
            connection.settings_dict = {**connection.settings_dict, "OPTIONS": own}
        keep_connected()
        if self._settings.spill is not None and connection.vendor == "sqlite":
            # Its own patience is for those who have nowhere else to put what they write.
            wait_ms = round(self._settings.keep_after_s * 1000)
            connection.connection.execute(f"PRAGMA busy_timeout = {wait_ms}")

    def _is_there(self) -> bool:
        """Tell whether the database takes a transaction now."""
        try:
            self._connect()
            with (
                self._watchdog.watching(connection),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT 1")
        except _AWAY:
            connection.close()
            return False
        return True


def _is_locked(error: Exception) -> bool:
    """Tell whether another writer has SQLite: that says nothing of the change."""
    return getattr(error.__cause__, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def _line(change: changes.Keepable) -> bytes | None:
    try:
        return changes.line(change)
    except Exception:
        logger.exception("a record could not be kept")
        return None
