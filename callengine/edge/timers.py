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


class _Step:
    """What is to be done at one moment of an event loop, in the order it was asked for."""

    __slots__ = ("handle", "lapses")

    def __init__(self) -> None:
        self.lapses: dict[_Lapse, None] = {}
        self.handle: asyncio.TimerHandle | None = None


class _Lapse:
    """One timer; cancelled, it leaves nothing behind: what ends a call comes hours before."""

    __slots__ = ("call", "steps", "when")

    def __init__(self, call: Callable[[], None], steps: "_Steps", when: int) -> None:
        self.call: Callable[[], None] | None = call
        self.steps = steps
        self.when = when

    def cancel(self) -> None:
        self.call = None
        if (step := self.steps.get(self.when)) is None:
            return
        step.lapses.pop(self, None)
        if not step.lapses and step.handle is not None:
            step.handle.cancel()
            del self.steps[self.when]


_Steps = dict[int, _Step]
_steps: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Steps]" = WeakKeyDictionary()


def later(delay_s: float, call: Callable[[], None]) -> Timer:
    """Call back once, after so many seconds of the running event loop, or STEP_S more."""
    loop = asyncio.get_running_loop()
    if delay_s < COARSE_FROM_S:
        return loop.call_later(delay_s, call)
    steps = _steps.setdefault(loop, {})
    when = int((loop.time() + delay_s) / STEP_S) + 1
    step = steps.get(when)
    if step is None:
        step = steps[when] = _Step()
        step.handle = loop.call_at(when * STEP_S, _done, loop, steps, when)
    lapse = _Lapse(call, steps, when)
    step.lapses[lapse] = None
    return lapse


def _done(loop: asyncio.AbstractEventLoop, steps: _Steps, when: int) -> None:
    for lapse in steps.pop(when).lapses:
        loop.call_soon(_lapsed, lapse)  # by itself: a failure of one is not the others'


def _lapsed(lapse: _Lapse) -> None:
    if (call := lapse.call) is not None:
        call()
