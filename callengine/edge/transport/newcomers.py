"""Datagrams that would begin something: what belongs to calls that are under way goes first.

A call takes a dozen messages. Were each read after all that came before it, new calls among them,
every call would take a second where the engine has much to do, and so many more would be under way
at once, each with a process of its own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from callengine.edge.flow import Flow
from callengine.edge.transport.upcalls import OnWaited

UNDER_WAY = (
    b"SIP/2.0 ",
    *(b"ACK ", b"BYE ", b"INFO ", b"NOTIFY ", b"PRACK ", b"REFER ", b"UPDATE "),
)
"""What begins nothing. CANCEL is none of it: it must not overtake its INVITE. Nor is an INVITE that
belongs to a call: it is not read far enough to be known, and may wait for a moment."""
TURN_S = 0.002
"How long newcomers are taken for before others have their turn; one always is."
SHARE = 0.5
"""So long at least, of the time that others had since: were there no end of what belongs to calls,
nobody would be told that there is no room."""
MOST = 512
"Newcomers that wait; beyond these the first is taken at once."
QUEUE = ("newcomers", 0)
"What their waiting is told by, beside that of sockets."


class Newcomers:
    """They wait in their order until a socket has been read; `take(data, flow)` takes one."""

    def __init__(self, take: Callable[[bytes, Flow], None], on_waited: OnWaited) -> None:
        self._take = take
        self._on_waited = on_waited
        self._waiting: deque[tuple[float, bytes, Flow]] = deque()
        self._turn: asyncio.Handle | None = None
        self._served_at = 0.0

    def add(self, data: bytes, flow: Flow) -> None:
        """Have a datagram wait for its turn, in `serve`."""
        if len(self._waiting) >= MOST:
            self._take_first()
        self._waiting.append((time.monotonic(), data, flow))

    def serve(self) -> None:
        """Take those who wait, for a while; the others in the event loop's next turn."""
        if self._turn is not None or not self._waiting:
            return
        now = time.monotonic()
        others_s = now - max(self._served_at, self._waiting[0][0])
        until = now + max(TURN_S, SHARE * others_s)
        while self._waiting and now < until:
            self._take_first()
            now = time.monotonic()
        self._served_at = now
        if self._waiting:
            self._turn = asyncio.get_running_loop().call_soon(self._serve_more)

    def close(self) -> None:
        """Forget those who wait."""
        self._waiting.clear()

    def _serve_more(self) -> None:
        self._turn = None
        self.serve()

    def _take_first(self) -> None:
        since, data, flow = self._waiting.popleft()
        self._on_waited(time.monotonic() - since, QUEUE)
        self._take(data, flow)
