"""Write the record from the event loop: one thread, in order, many changes to a transaction."""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import (
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from callengine.record.database import keep_connected

logger = logging.getLogger(__name__)

MAX_WAITING = 20000
"Changes that may wait for a slow database; more are dropped, and the log says so."
BATCH = 200
AWAY_S = 60.0
"How long a database that is locked or away is waited for before changes are given up."
RETRY_S = 0.25
CLOSING_S = 10.0
"How long a stop waits for what is still to be written."


@dataclass(frozen=True, slots=True)
class _Change:
    write: Callable[[], Any]
    then: Callable[[], None] | None


class Journal:
    """A writer thread with a bounded queue."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changes: queue.Queue[_Change | None] = queue.Queue(MAX_WAITING)
        self._dropped = 0
        self._closing_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def write(self, write: Callable[[], Any], then: Callable[[], None] | None = None) -> None:
        """Queue a change; `then` runs on the event loop once it is in the database (or lost)."""
        try:
            self._changes.put_nowait(_Change(write, then))
        except queue.Full:
            self._dropped += 1
            if self._dropped % 1000 == 1:
                logger.error("the database is too slow: %s records were lost", self._dropped)

    async def flushed(self, timeout_s: float = 10.0) -> None:
        """Wait until everything queued so far has been written."""
        done = asyncio.Event()
        self.write(lambda: None, done.set)
        async with asyncio.timeout(timeout_s):
            await done.wait()

    async def close(self) -> None:
        """Write what is queued and end the thread."""
        self._closing_at = time.monotonic()
        await asyncio.to_thread(self._changes.put, None)
        await asyncio.to_thread(self._thread.join, CLOSING_S + 1.0)

    def _run(self) -> None:
        going = True
        while going:
            batch = [self._changes.get()]
            while len(batch) < BATCH:
                try:
                    batch.append(self._changes.get_nowait())
                except queue.Empty:
                    break
            going = None not in batch
            self._write([change for change in batch if change is not None])
        connection.close()

    def _write(self, batch: list[_Change]) -> None:
        """Write a batch in one transaction; one bad change must not lose the others."""
        give_up_at = time.monotonic() + AWAY_S
        try:
            while not self._tried(batch, last=self._is_over(give_up_at)):
                time.sleep(RETRY_S)
        except Exception:
            if len(batch) > 1:
                for change in batch:
                    self._write([change])
                return
            logger.exception("a record could not be written")
        for change in batch:
            if change.then is not None:
                self._loop.call_soon_threadsafe(change.then)

    def _tried(self, batch: list[_Change], *, last: bool) -> bool:
        """Try to write; return False if the database is away and there is time to try again."""
        try:
            keep_connected()
            with transaction.atomic():
                for change in batch:
                    with transaction.atomic():
                        change.write()
        except (OperationalError, InterfaceError):
            if last:
                raise
            logger.warning("the database is locked or away; trying again", exc_info=True)
            connection.close()
            return False
        return True

    def _is_over(self, give_up_at: float) -> bool:
        if self._closing_at is not None:
            give_up_at = min(give_up_at, self._closing_at + CLOSING_S)
        return time.monotonic() >= give_up_at
