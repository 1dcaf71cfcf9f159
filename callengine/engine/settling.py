"""What peers see of a call before its call process has told the engine: waited for, a moment.

A device may refer, or pick a call up, as soon as it has seen an answer or a ringing; the word of
the call process about that comes a moment later, on a busy machine a long one.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from callengine.core.states import CallState
from callengine.engine.livecall import LiveCall

SETTLING_S, LOOK_S = 1.0, 0.02
"How long, and how often, that is looked for."
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
    until = time.monotonic() + SETTLING_S
    while not call.ended:
        if (known := look()) is not None or time.monotonic() >= until:
            return known
        await asyncio.sleep(LOOK_S)
    return None
