"""Timers of the event loop: exact where peers may notice, else many behind one.

A call leaves some twenty timers of five seconds and more, after which something is forgotten. In
the loop's heap, which compares them in Python, they would make each other timer dearer.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

COARSE_FROM_S = 5.0
"Timers B, D, F, H, J and K of RFC 3261 (section 17), but none that repeats anything."
STEP_S = 0.25
"By how much a coarse timer is late at most."


class Timer(Protocol):
    """What is to be done later, unless it is cancelled."""

    def cancel(self) -> None:
        """Have it not done."""


Later = Callable[[float, Callable[[], None]], Timer]
"Call back once, after so many seconds."


class _Lapse:
    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


_Steps = dict[int, list[_Lapse]]
_steps: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Steps]" = WeakKeyDictionary()


def later(delay_s: float, call: Callable[[], None]) -> Timer:
    """Call back once, after so many seconds of the running event loop, or STEP_S more."""
    loop = asyncio.get_running_loop()
    if delay_s < COARSE_FROM_S:
        return loop.call_later(delay_s, call)
    steps = _steps.setdefault(loop, {})
    step = int((loop.time() + delay_s) / STEP_S) + 1
    lapses = steps.get(step)
    if lapses is None:
        lapses = steps[step] = []
        loop.call_at(step * STEP_S, _done, loop, steps, step)
    lapse = _Lapse(call)
    lapses.append(lapse)
    return lapse


def _done(loop: asyncio.AbstractEventLoop, steps: _Steps, step: int) -> None:
    for lapse in steps.pop(step):
        if lapse.call is not None:
            loop.call_soon(_lapsed, lapse)  # by itself: a failure of one is not the others'


def _lapsed(lapse: _Lapse) -> None:
    if (call := lapse.call) is not None:
        call()
