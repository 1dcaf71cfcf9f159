"""Work of the edge that runs beside its sockets: bounded, as strangers have it done."""

import logging
from collections.abc import Coroutine
from typing import Any

from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

MAX_TASKS = 2000


class EdgeTasks:
    """The coroutines that run now, at most `MAX_TASKS`."""

    def __init__(self) -> None:
        self._tasks = BackgroundTasks("the edge")

    def start(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run a coroutine; return False if it was dropped at the bound."""
        if len(self._tasks) >= MAX_TASKS:
            work.close()
            logger.warning("the edge is overloaded, work was dropped")
            return False
        self._tasks.start(work)
        return True

    async def stop(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        await self._tasks.stop()
