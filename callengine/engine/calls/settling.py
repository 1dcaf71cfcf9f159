"""What peers see of a call before its call process has told the engine: waited for, a moment.

A device may refer, or pick a call up, as soon as it has seen an answer or a ringing; the word of
the call process about that comes a moment later, on a busy machine a long one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from callengine.core.states import CallState
from callengine.engine.calls.livecall import LiveCall

SETTLING_S = 5.0
"""How long that is waited for: a call process may be held up for so long on a machine far too busy.
Who has not answered at all is not waited for: ask the edge first (`is_answered`)."""
Known = TypeVar("Known")


async def partner(call: LiveCall, leg: str) -> str | None:
    """Return whom a leg talks to; None: nobody, also after a moment."""
    return await _settled(call, lambda: call.facing(leg) if _talks(call) else None)


async def is_rung(call: LiveCall, leg: str) -> bool:
    """Tell whether a leg is up that somebody picks up while it rings."""
    return await _settled(call, lambda: _is_up(call, leg)) or False


def _talks(call: LiveCall) -> bool:
    return CallState(call.snapshot["state"]).is_talking


def _is_up(call: LiveCall, leg: str) -> bool | None:
    """Return whether a leg has not ended; None before its call process has told of it."""
    states = [one["state"] for one in call.snapshot["legs"] if one["name"] == leg]
    return states[0] != "ended" if states and call.taken else None


async def _settled(call: LiveCall, look: Callable[[], Known | None]) -> Known | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLING_S):
            while not call.ended and look() is None:
                call.news.clear()
                await call.news.wait()
    return None if call.ended else look()
