"""What a topic asks of engines now and then, as long as somebody looks."""

import asyncio
import contextlib

from callengine.notices import groups

ASKING_S = 3.0


class Asking:
    """Asks one thing of all engines; that none is reached is said elsewhere."""

    def __init__(self, command: object) -> None:
        self._command = command
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Ask, without waiting for it."""
        self._task = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ASKING_S):
                await groups.tell(groups.ENGINES, self._command)
