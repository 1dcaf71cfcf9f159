"""The calls of an engine that is being stopped: let end, then hung up, then closed."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.node.stopping import Step

CLEARING_S = 3.0
"How long calls hung up at a stop may take to confirm it."
_STOPPED = Termination(
    "engine",
    Reason.SHUTTING_DOWN,
    503,
    "The engine was stopped and the grace period is over. Call again.",
)


class LastCalls:
    """Of one engine; no new call may come once its `ending` has begun."""

    def __init__(
        self, book: CallBook, *, grace_s: float, hang_up: Callable[[LiveCall, Termination], None]
    ) -> None:
        self._book, self._grace_s, self._hang_up = book, grace_s, hang_up
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """End the grace period under way."""
        self._hurry.set()

    def ending(self) -> Iterator[Step]:
        """Let calls end within the grace period, hang up the rest, and close their record."""
        yield Step("letting calls end", partial(self._over, self._grace_s), self._grace_s + 1)
        for call in list(self._book.calls.values()):
            yield Step("hanging up a call", partial(self._hang_up, call, _STOPPED))
        yield Step("waiting for calls to end", partial(self._over, CLEARING_S))
        for call in list(self._book.calls.values()):  # not confirmed; its process is ended next
            yield Step("closing a call's record", partial(self._book.close, call, _STOPPED))

    async def _over(self, timeout_s: float) -> None:
        """Wait until no call is up, at most `timeout_s`, or until told to hurry."""
        if not self._book.calls:
            return
        over, hurried = asyncio.ensure_future(self._book.over.wait()), self._hurry.wait()
        waits = {over, asyncio.ensure_future(hurried)}
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._hurry.clear()
