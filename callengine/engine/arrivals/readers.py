"""Threads that read the directory for the event loop, each with its own database connection."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

from callengine.record.database import keep_connected
from callengine.record.threads import show_name

THREADS = 4
T = TypeVar("T")


class Readers:
    """A few threads; a read that finds its connection cut is tried once more."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(
            THREADS, thread_name_prefix="directory", initializer=show_name
        )

    async def read(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what the function returns; raise what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _with_connection, function, arguments)

    def close(self) -> None:
        """Begin nothing any more; what is being read is not waited for."""
        self._threads.shutdown(wait=False)


def _with_connection(function: Callable[..., T], arguments: Sequence[Any]) -> T:
    """Call in a reader thread, with a database connection that has not gone stale."""
    try:
        keep_connected()
        return function(*arguments)
    except (InterfaceError, OperationalError):
        # A kept connection may have been cut (PostgreSQL restarted, say); reads bear repeating.
        connection.close()
        keep_connected()
        return function(*arguments)
