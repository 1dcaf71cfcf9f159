"""Work that runs beside who began it: held while it runs, its failure logged, ended with it.

The event loop itself holds a task weakly, and tells of its failure once nobody holds it any more:
of one that a long-lived object holds, never.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any

logger = logging.getLogger(__name__)


class BackgroundTasks:
    """The tasks of one owner that run now; `whose` names it in the log."""

    def __init__(self, whose: str) -> None:
        self._whose = whose
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        return iter(self._running)

    def start(self, work: Coroutine[Any, Any, None], *, name: str = "") -> asyncio.Task[None]:
        """Run a coroutine; if it fails, the log says so at once."""
        task = asyncio.get_running_loop().create_task(work, name=name or None)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("work of %s failed", self._whose, exc_info=error)

    def cancel(self) -> None:
        """Call off what runs, without waiting for its end; it does not count any more."""
        for task in self._running:
            task.cancel()
        self._running = set()

    async def stop(self) -> None:
        """Call off what runs, and wait until it has ended."""
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
