"""Write the record from the event loop: one thread, in order, many changes to a transaction.

The first change is written at once; what follows within a moment is gathered (`pace`), so that
under load a call that begins, rings and ends is a few rows and not a few dozen.

What the thread does with a database that is away is in `writer`.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from callengine.record.pace import WritingPace
from callengine.record.threads import show_name
from callengine.record.writer import RecordWriter, WriterSettings

logger = logging.getLogger(__name__)

ATTEMPT_S = 17.0
"A little more than `WriterSettings.attempt_s`: a stop waits for one attempt that is under way."


@dataclass(frozen=True, slots=True)
class _Change:
    write: Callable[[], Any]
    then: Callable[[], None] | None


class Journal:
    """A writer thread with a bounded queue."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: WriterSettings | None = None
    ) -> None:
        self._loop = loop
        self._settings = settings or WriterSettings()
        self._changes: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._hurry = threading.Event()
        "Set while somebody waits for what is queued."
        self._pace = WritingPace(times=self._settings.pause_times, most_s=self._settings.pause_s)
        self._dropped = 0
        self._closing_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def write(self, write: Callable[[], Any], then: Callable[[], None] | None = None) -> None:
        """Queue a change; `then` runs on the event loop once it is in the database (or lost).

        A `changes.Keepable` outlasts a database that is away: `then` runs once it is in the file.
        Anything else is left out while it is.
        """
        if self._changes.qsize() < self._settings.max_waiting:
            self._changes.put(_Change(write, then))
            return
        self._dropped += 1
        if self._dropped % 1000 == 1:
            logger.error("the database is too slow: %s records were lost", self._dropped)
        if then is not None:
            self._loop.call_soon_threadsafe(then)

    async def flushed(self, timeout_s: float = 10.0) -> None:
        """Wait until everything queued so far has been dealt with."""
        done = asyncio.Event()
        last = _Change(lambda: None, done.set)
        async with asyncio.timeout(timeout_s):
            # Not `write`: what that leaves out, it has dealt with too soon.
            self._put(last)
            await done.wait()

    async def close(self) -> None:
        """Write what is queued, or keep it for the next engine, and end the thread."""
        self._closing_at = time.monotonic()
        closing_s = self._settings.closing_s
        self._put(None)
        await asyncio.to_thread(self._thread.join, closing_s + ATTEMPT_S)

    def _put(self, change: _Change | None) -> None:
        """Queue what somebody waits for, however much is queued."""
        self._changes.put(change)
        self._hurry.set()

    def _run(self) -> None:
        show_name()
        writer = RecordWriter(self._settings, is_closing=lambda: self._closing_at is not None)
        writer.replay()
        going = True
        while going:
            batch = self._next(writer.idle_s)
            going = None not in batch
            changes = [change for change in batch if change is not None]
            writer.write([change.write for change in changes])
            self._pace.ended(time.monotonic())
            if thens := [change.then for change in changes if change.then is not None]:
                self._loop.call_soon_threadsafe(_tell, thens)
        writer.close(until=(self._closing_at or 0.0) + self._settings.closing_s)

    def _next(self, timeout_s: float | None) -> list[_Change | None]:
        """Return what waits; wait for something, but not longer than this."""
        batch: list[_Change | None] = []
        with contextlib.suppress(queue.Empty):
            batch.append(self._changes.get(timeout=timeout_s))
            now = time.monotonic()
            self._hurry.wait(self._pace.next_at(now) - now)
            self._hurry.clear()
            self._pace.begun(time.monotonic())
            while len(batch) < self._settings.batch:
                batch.append(self._changes.get_nowait())
        return batch


def _tell(thens: list[Callable[[], None]]) -> None:
    for then in thens:
        try:
            then()
        except Exception:  # the others are to be told all the same
            logger.exception("pages could not be told of a change")
