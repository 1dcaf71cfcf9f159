"""One TCP connection: messages out of a stream, no faster than its source may send."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, cast

from callengine.edge.flows import make_flow, split_flow
from callengine.edge.framing import Broken, Event, Framed, Ping, StreamFramer

if TYPE_CHECKING:
    from callengine.edge.transport import Transports

_MAX_UNSENT_BYTES = 256 * 1024
_CLOSING_S = 2.0
_MOST_AT_ONCE = 64
"Messages taken in one turn of the event loop: timers and other sockets come in between."
_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0


class TcpLink(asyncio.Protocol):
    """One TCP connection, accepted or opened by us."""

    def __init__(self, transports: "Transports", flow: str = "") -> None:
        self.flow = flow
        self.opened_by_us = bool(flow)
        self.made_at = self.last_heard = time.monotonic()
        self.heard_message = False
        self.began_at: float | None = None
        "When the first byte came of a message that is not whole yet."
        self.lost = asyncio.Event()
        self._transports = transports
        self._framer = StreamFramer(transports.settings.max_message_bytes)
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._arrived: deque[Event] = deque()
        "What has not been taken yet; nothing more is read meanwhile."
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=_MAX_UNSENT_BYTES)
        if not self.opened_by_us:
            peer = transport.get_extra_info("peername")
            if not peer:
                transport.abort()
                return
            self.flow = make_flow("tcp", peer[0], peer[1])
            if not self._transports.admit(self):
                transport.abort()
                return
        for data in self._unsent:
            transport.write(data)
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        self.last_heard = time.monotonic()
        events = self._framer.feed(data)
        self._arrived += events
        if not self._framer.is_amid_message:
            self.began_at = None
        elif events or self.began_at is None:
            self.began_at = self.last_heard
        if not self._paused:
            self._take()

    def _take(self) -> None:
        """Take what has arrived, as fast as its source may send."""
        taken = 0
        while self._arrived:
            if taken >= _MOST_AT_ONCE:
                self._pause(0.0)
                return
            event = self._arrived[0]
            if isinstance(event, Broken):
                self._arrived.clear()
                self._transports.on_broken(event.data, self.flow, event.too_large)
                self.close()
                return
            data = event.data if isinstance(event, Framed) else b""
            if wait_s := self._transports.may_read(data, self.flow, split_flow(self.flow)[1]):
                self._pause(wait_s)
                return
            self._arrived.popleft()
            taken += 1
            if isinstance(event, Ping):
                self.send(b"\r\n")
            else:
                self.heard_message = True
                self._transports.on_message(event.data, self.flow)

    def _pause(self, wait_s: float) -> None:
        """Read nothing for a while, so that the peer's own system holds it back."""
        if self._transport is None or self._transport.is_closing():
            return
        self._paused = True
        self._transport.pause_reading()
        pause_s = min(max(wait_s, _LEAST_PAUSE_S), _LONGEST_PAUSE_S)
        asyncio.get_running_loop().call_later(pause_s, self._resume)

    def _resume(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._paused = False
        if self.began_at is not None:  # nothing could come meanwhile
            self.began_at = time.monotonic()
        self._transport.resume_reading()
        self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._transports.forget(self)

    def send(self, data: bytes) -> None:
        """Send, or keep until the connection is up; a peer that does not read is cut off."""
        if self._transport is None:
            self._unsent.append(data)
        elif self._transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Close after what is queued has left; a peer that does not take it is cut off."""
        if self._transport is not None:
            self._transport.close()
            asyncio.get_running_loop().call_later(_CLOSING_S, self._transport.abort)

    def overdue(self, now: float) -> str:
        """Return the rule a connection breaks by its slowness, or an empty string."""
        settings = self._transports.settings
        if self._paused:
            return ""
        if self.began_at is not None and now - self.began_at > settings.tcp_message_s:
            return "message-too-slow"
        is_mute = not self.heard_message and not self.opened_by_us
        if is_mute and now - self.made_at > settings.tcp_message_s:
            return "no-message"
        return ""

    @property
    def was_connected(self) -> bool:
        """Tell whether the connection ever came up."""
        return self._transport is not None

    @property
    def is_open(self) -> bool:
        """Tell whether bytes may still be sent, now or once it is connected."""
        return self._transport is None or not self._transport.is_closing()
