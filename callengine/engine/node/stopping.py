"""Ending what was begun: every step is taken, whatever became of those before it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be done at a stop."""

    name: str
    "What is done, for the log: `closing the edge`."
    work: Callable[[], Awaitable[None] | None]
    within_s: float = 5.0
    "How long it may take before the next one is taken all the same."


async def take_all(steps: Iterable[Step]) -> None:
    """Take steps one after the other; what fails or hangs is logged and holds up no other.

    A step is asked for when those before it are over, so that a generator sees what they did.
    """
    for step in steps:
        try:
            await _take(step)
        except Exception:
            logger.exception("%s failed; the stop goes on", step.name)


async def _take(step: Step) -> None:
    outcome = step.work()
    if outcome is None:
        return
    task = asyncio.ensure_future(outcome)
    # Not `asyncio.timeout`: that would wait for work that does not heed being cancelled.
    over, _ = await asyncio.wait({task}, timeout=step.within_s)
    if task.cancelled():
        raise RuntimeError("it was cancelled from within")
    if over:
        task.result()
        return
    task.cancel()
    task.add_done_callback(lambda late: late.cancelled() or late.exception())
    logger.error("%s took longer than %g s; the stop goes on", step.name, step.within_s)
