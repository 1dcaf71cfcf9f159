"""What one browser is still to be sent: bounded, and always the newest."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

WINDOW = 4
"Messages on their way that the browser has not yet put on its page."
MOST_WAITING = 400
"Fragments kept for a browser that is behind; with more, it reads its page anew."
PATIENCE_S = 30.0
"A browser that has shown nothing of what it was sent for so long is let go."

BEAT_S = 3.0
"A browser that was sent nothing for so long is sent a beat, when the feed has its turn."
BEAT = "<!--beat-->"
"Shows nothing: a page that hears nothing any more knows by that that its connection is dead."

READ_ANEW = '<div id="live-refresh"></div>'
"Tells a page to fetch itself: what it was not sent is more than it is worth keeping."


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks at a page, and by what right."""

    user_id: int
    session_key: str
    permission: str


class Fragment(NamedTuple):
    """A piece of HTML for a place in the page; a newer one of the same key replaces it."""

    key: str
    text: str
    row: bool = False


class Batch:
    """What changed at once, the same for every browser on a topic."""

    def __init__(self, fragments: Sequence[Fragment]) -> None:
        self.fragments = fragments

    @cached_property
    def text(self) -> str:
        """The whole as one message."""
        return join(self.fragments)


class Outbox:
    """One browser's queue.

    Nothing in ASGI tells how much of what was sent has arrived: daphne would buffer without end for
    a browser that does not read. So the page acknowledges each message it has shown, and
    at most WINDOW are on their way. Meanwhile newer fragments replace older ones of the same key.
    """

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.close_code: int | None = None
        self._whole: Batch | None = None
        self._waiting: dict[str, Fragment] = {}
        self._stale = False
        self._beats = False
        self._under_way = 0
        self._heard_s = 0.0
        self._sent_s = time.monotonic()
        self._wake = asyncio.Event()

    def put(self, batch: Batch) -> None:
        """Queue a batch; costs next to nothing while the browser keeps up."""
        if self._stale or self.close_code is not None:
            return
        if self._whole is None and not self._waiting:
            self._whole = batch
        else:
            self._merge(batch)
        self._wake.set()

    def skip(self) -> None:
        """Forget what waits; the browser is told to read its page anew instead."""
        self._whole, self._waiting, self._stale = None, {}, True
        self._wake.set()

    def beat(self) -> None:
        """Have something sent, if nothing was for BEAT_S."""
        if time.monotonic() - self._sent_s > BEAT_S:
            self._beats = True
            self._wake.set()

    def close(self, code: int) -> None:
        """Have the websocket closed at once; the first code counts."""
        if self.close_code is None:
            self.close_code = code
        self._whole, self._waiting = None, {}
        self._wake.set()

    def acknowledge(self) -> bool:
        """Note that the browser has shown one more message; false if none was on its way."""
        if self._under_way == 0:
            return False
        self._under_way -= 1
        self._heard_s = time.monotonic()
        self._wake.set()
        return True

    def is_stuck(self) -> bool:
        """Tell whether the browser has shown nothing for PATIENCE_S of what it was sent."""
        return self._under_way > 0 and time.monotonic() - self._heard_s > PATIENCE_S

    async def take(self) -> str | None:
        """Wait for the next message that may be sent; None once the websocket is to be closed."""
        while True:
            if self.close_code is not None:
                return None
            if self._under_way < WINDOW and (self._stale or self._whole or self._waiting):
                return self._next()
            if self._beats:
                # Whatever is on its way: a page that waits for an answer holds that back.
                self._sends()
                return BEAT
            self._wake.clear()
            await self._wake.wait()

    def _sends(self) -> None:
        self._beats, self._sent_s = False, time.monotonic()
        if self._under_way == 0:
            self._heard_s = self._sent_s
        self._under_way += 1

    def _next(self) -> str:
        self._sends()
        if self._stale:
            self._stale = False
            return READ_ANEW
        if self._whole is not None:
            whole, self._whole = self._whole, None
            return whole.text
        waiting, self._waiting = self._waiting, {}
        return join(list(waiting.values()))

    def _merge(self, batch: Batch) -> None:
        older = self._whole.fragments if self._whole else ()
        self._whole = None
        for fragment in (*older, *batch.fragments):
            # The newest goes last: some fragments fill others that came before them.
            self._waiting.pop(fragment.key, None)
            self._waiting[fragment.key] = fragment
        if len(self._waiting) > MOST_WAITING:
            self.skip()


def join(fragments: Sequence[Fragment]) -> str:
    """Return fragments as one message, rows first: a parser drops a `<tr>` after a `<div>`."""
    ordered = sorted(fragments, key=lambda fragment: not fragment.row)
    return "\n".join(fragment.text for fragment in ordered)
