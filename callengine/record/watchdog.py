"""A database that accepts and then says nothing: its connection is cut after a while.

A server that is stopped in its tracks, or behind a firewall that forgot us, keeps its TCP
connection open. No query would ever end, and libpq has no time-out of its own for one.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from callengine.record.threads import show_name

logger = logging.getLogger(__name__)


class Watchdog:
    """One thread that watches what another one does with its database connection."""

    def __init__(self, *, after_s: float) -> None:
        self._after_s = after_s
        self._change = threading.Condition()
        self._watched: int | None = None
        self._deadline = 0.0
        self._thread: threading.Thread | None = None
        self._ended = False

    @contextlib.contextmanager
    def watching(self, connection: Any) -> Iterator[None]:
        """Cut this open connection of Django's if the body takes too long; not one of SQLite."""
        file = getattr(connection.connection, "fileno", None)
        if file is None:
            yield
            return
        self._set(file())
        try:
            yield
        finally:
            self._set(None)

    def end(self) -> None:
        """End the thread."""
        with self._change:
            self._ended = True
            self._change.notify()

    def _set(self, file: int | None) -> None:
        with self._change:
            self._watched, self._deadline = file, time.monotonic() + self._after_s
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        show_name()
        with self._change:
            while not self._ended:
                left_s = self._deadline - time.monotonic()
                if self._watched is not None and left_s <= 0:
                    logger.error("the database says nothing; its connection is cut")
                    _cut(self._watched)
                    self._watched = None
                self._change.wait(max(left_s, 0.05) if self._watched is not None else 1.0)


def _cut(file: int) -> None:
    with contextlib.suppress(OSError):
        same = socket.socket(fileno=file)  # no copy: there may be no descriptor left for one
        try:
            same.shutdown(socket.SHUT_RDWR)
        finally:
            # Not closed: it is its owner's, who would read from whatever has its number next.
            same.detach()
