"""Requests that are worked on to their end, whoever goes away meanwhile.

Django calls a page off, wherever it is, once its browser is gone. That saves nothing, as a page
runs in a thread and a thread goes on; but what the thread then ends with is nobody's. asgiref does
not look at a thread that ended while it was being called off, and asyncio fills the log with a
traceback that no fault is behind. And a page is left half way, which none is written for.
"""

import asyncio
import logging
from functools import partial
from typing import Any

logger = logging.getLogger(__name__)

ENDING_S = 10.0
"How long a server that stops waits for what is being worked on."
LETTING_GO_S = 1.0
"How long for what is called off then."


class Undisturbed:
    """Django's ASGI application, which never hears that a browser whose request came whole is gone.

    What would be streamed to nobody ends with its next piece. The server has its connection back at
    once; a page that fails after that is logged here, as the server does not look any more.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._working: dict[asyncio.Task[None], _Exchange] = {}
        self._ended = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; return early if its browser goes."""
        if self._ended:
            return
        exchange = _Exchange(receive, send)
        work = asyncio.create_task(self._application(scope, exchange.receive, exchange.send))
        self._working[work] = exchange
        work.add_done_callback(partial(self._done, exchange))
        try:
            await asyncio.wait((work, exchange.gone), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not exchange.is_whole:
                work.cancel()  # no page has begun, and none would
            raise
        finally:
            # Whoever calls this off is the server that stops: nothing reaches the browser either.
            exchange.leave()
            exchange.is_left_to_us = not work.done()
        if work.done():
            work.result()

    def _done(self, exchange: "_Exchange", work: asyncio.Task[None]) -> None:
        del self._working[work]
        if exchange.is_left_to_us and not work.cancelled() and (error := work.exception()):
            logger.error("a page failed after its browser had gone", exc_info=error)

    async def end(self) -> None:
        """Begin no more, and wait a while for what is being worked on.

        A thread that still has a page would wait for this event loop, and the process for it. So
        what takes too long is called off, and what its thread asks of the loop ends.
        """
        self._ended = True
        if not self._working:
            return
        _, late = await asyncio.wait(self._working, timeout=ENDING_S)
        if not late:
            return
        pages = "1 page was" if len(late) == 1 else f"{len(late)} pages were"
        logger.error("%s not done %.0f s after the server was told to stop", pages, ENDING_S)
        for work in late:
            self._working[work].call_off()
        await asyncio.wait(late, timeout=LETTING_GO_S)


class _Exchange:
    """One request and its answer, as the application hears and says them."""

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive, self._send = receive, send
        self.is_whole = self.is_left_to_us = False
        self.gone = asyncio.get_running_loop().create_future()
        self._called_off = asyncio.Event()

    async def receive(self) -> Any:
        """Return the next piece of the request; then, if ever, that the page is called off."""
        if self.is_whole:
            listening = asyncio.ensure_future(self._receive())
            listening.add_done_callback(lambda _: self.leave())
            try:
                await self._called_off.wait()
            finally:
                listening.cancel()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request":
            self.is_whole = not message.get("more_body", False)
        return message

    async def send(self, message: Any) -> None:
        """Pass on a piece of the answer; a long answer to nobody ends here."""
        if self.gone.done() and message.get("more_body", False):
            # As if called off while it waits to send: so Django gives up an answer, and closes it.
            raise asyncio.CancelledError
        await self._send(message)

    def call_off(self) -> None:
        """Have Django give the page up, as it does by itself when a browser goes."""
        self._called_off.set()

    def leave(self) -> None:
        """Note that nobody hears the answer any more."""
        if not self.gone.done():
            self.gone.set_result(None)
