"""Wait for what has no event of its own: files, processes, other programs' state."""

import asyncio
from collections.abc import Callable


async def until(
    condition: Callable[[], bool], complaint: str, *, timeout_s: float = 20.0, every_s: float = 0.03
) -> None:
    """Look again and again until the condition holds."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(complaint)
        await asyncio.sleep(every_s)
