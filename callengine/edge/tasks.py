"""Work of the edge that runs beside its sockets: bounded, and a failure of it is never lost."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)

MAX_TASKS = 2000


class BackgroundTasks:
    """The coroutines that run now, at most `MAX_TASKS`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine and log its failure; return False if it was dropped at the bound."""
        if len(self._running) >= MAX_TASKS:
            work.close()
            logger.warning("the edge is overloaded, work was dropped")
            return False
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return True

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("work of the edge failed", exc_info=error)

    async def stop(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
