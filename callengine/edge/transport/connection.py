"""One TCP connection: messages out of a stream, no faster than its source may send."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Protocol, cast

from callengine.core.reasons import Rule
from callengine.edge.flow import NOWHERE, Flow, Transport
from callengine.edge.sources import source_key
from callengine.edge.transport.framing import Broken, Event, Framed, Ping, StreamFramer
from callengine.edge.transport.upcalls import Upcalls

_MAX_UNSENT_BYTES = 256 * 1024
_CLOSING_S = 2.0
_MOST_DISCARDED_BYTES = 1024 * 1024
"Of what a peer still sends that has been told why it is cut off."
_RESET = struct.pack("ii", 1, 0)
"For SO_LINGER: throw away what has not left, and reset the connection."
_MOST_AT_ONCE = 64
"Messages taken in one turn of the event loop: timers and other sockets come in between."
OnUnreachable = Callable[[str], None]
"Takes why, as the rest of a sentence."
_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0


class Keeper(Protocol):
    """Who holds connections while they live."""

    def admit(self, connection: "TcpConnection") -> bool:
        """Hold an accepted connection and return True, or return False to refuse it."""

    def forget(self, connection: "TcpConnection") -> None: ...


class TcpConnection(asyncio.Protocol):
    """One TCP connection, accepted or opened by us; messages go both ways (RFC 3261 section 18)."""

    def __init__(
        self,
        keeper: Keeper,
        upcalls: Upcalls,
        flow: Flow | None = None,
        *,
        kind: Transport,
        max_message_bytes: int,
    ) -> None:
        self.kind = kind
        self.flow = flow or NOWHERE
        self.certified_names: tuple[str, ...] = ()
        "Whom the peer's certificate names that it showed when it connected to us."
        self.opened_by_us = flow is not None
        self.made_at = self.last_heard = time.monotonic()
        self.heard_message = False
        self.heard_bytes = 0
        self.began_at: float | None = None
        "When the first byte came of a message that is not whole yet."
        self.lost = asyncio.Event()
        self._keeper = keeper
        self._upcalls = upcalls
        self._framer = StreamFramer(max_message_bytes)
        self._carrier: asyncio.Transport | None = None
        "What the handshake of TLS goes over."
        self._transport: asyncio.Transport | None = None
        self._early = b""
        "What came right behind the handshake, before it was known to be through."
        self._unsent: list[tuple[bytes, OnUnreachable]] = []
        self._held_back: Event | None = None
        "What may not be taken yet; nothing more is read meanwhile."
        self._paused = False
        self._abort_timer: asyncio.TimerHandle | None = None
        self._may_still_come: int | None = None
        "Bytes that are thrown away before it closes; None: it goes on."

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        if self.arrive(transport):
            self.begin(transport)

    def arrive(self, carrier: asyncio.Transport) -> bool:
        """Note that the network's connection is up; return False if it may not be."""
        self._carrier = carrier
        if self.opened_by_us:
            return True
        if peer := carrier.get_extra_info("peername"):
            self.flow = Flow(self.kind, peer[0], peer[1])
            if self._keeper.admit(self):
                return True
        self._transport = carrier
        carrier.abort()
        return False

    def begin(self, transport: asyncio.Transport) -> None:
        """Send and take messages from now on."""
        self._transport = transport
        transport.set_write_buffer_limits(high=_MAX_UNSENT_BYTES)
        for data, _ in self._unsent:
            transport.write(data)
        self._unsent.clear()
        if early := self._early:
            self._early = b""
            self.data_received(early)

    def fail(self) -> None:
        """Note that the handshake came to nothing."""
        if self._carrier is not None:
            self._carrier.abort()
        self.lost.set()
        self._keeper.forget(self)

    def data_received(self, data: bytes) -> None:
        self.last_heard = time.monotonic()
        self.heard_bytes += len(data)
        if self._transport is None:
            self._early += data
            return
        if self._may_still_come is not None:
            self._discard(len(data))
            return
        self._framer.feed(data)
        if not self._paused:
            self._take()

    def _take(self) -> None:
        """Take what has arrived, as fast as its source may send."""
        taken = 0
        while (event := self._held_back or self._framer.next()) is not None:
            self._held_back = event
            if taken >= _MOST_AT_ONCE:
                self._pause(0.0)
                return
            if isinstance(event, Broken):
                # Where the next message begins nobody can say any more (RFC 3261 section 18.3).
                self._held_back = None
                self._upcalls.on_broken(event.data, self.flow, event.too_large)
                self._part()
                return
            data = event.data if isinstance(event, Framed) else b""
            if wait_s := self._upcalls.may_read(data, self.flow):
                self._pause(wait_s)
                return
            self._held_back = None
            taken += 1
            if isinstance(event, Ping):
                self.send(b"\r\n")  # RFC 5626 section 4.4.1: the pong
            else:
                self.heard_message = True
                self._upcalls.on_message(event.data, self.flow)
        if not self._framer.is_amid_message:
            self.began_at = None
        elif taken or self.began_at is None:
            self.began_at = self.last_heard

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

    def _part(self) -> None:
        """Close so that the peer reads why, though it is amid its message.

        To bytes that nobody takes TCP answers with a reset, after which many a peer reads no more.
        """
        if self._transport is None or not self._transport.can_write_eof():
            self.close()
            return
        self._transport.write_eof()
        self._may_still_come = _MOST_DISCARDED_BYTES
        self._abort_timer = asyncio.get_running_loop().call_later(_CLOSING_S, self.abort)

    def _discard(self, count: int) -> None:
        self._may_still_come = (self._may_still_come or 0) - count
        if self._may_still_come < 0:
            self.abort()

    def eof_received(self) -> None:
        # asyncio would wait for as long as the peer leaves unread what is queued for it.
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._abort_timer is not None:
            self._abort_timer.cancel()
        self.lost.set()
        self._keeper.forget(self)
        if self.opened_by_us and self.was_connected:
            self._upcalls.on_lost(self.flow, self.heard_bytes > 0)

    def send(self, data: bytes, on_unreachable: OnUnreachable = lambda _: None) -> None:
        """Send, or keep until the connection is up; a peer that does not read is cut off.

        `on_unreachable` is called if the connection never comes up.
        """
        if self._transport is None:
            if sum(len(kept) for kept, _ in self._unsent) <= _MAX_UNSENT_BYTES:
                self._unsent.append((data, on_unreachable))
        elif self._transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self.abort()
        elif self.is_open:
            self._transport.write(data)

    def give_up(self, why: str) -> None:
        """Tell whoever sent something that it could not be connected, and why."""
        unsent, self._unsent = self._unsent, []
        for _, on_unreachable in unsent:
            on_unreachable(why)

    def close(self) -> None:
        """Close after what is queued has left; a peer that does not take it is cut off."""
        if self._transport is None:
            self.abort()
            return
        self._transport.close()
        if self._abort_timer is None:
            later = asyncio.get_running_loop().call_later
            self._abort_timer = later(_CLOSING_S, self.abort)

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
        if self._transport is None:
            if self._carrier is not None:
                self._carrier.abort()
            return
        if self._transport.get_write_buffer_size():
            # Else the system would go on offering the peer what it has not read, for minutes.
            raw: socket.socket = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def overdue(self, now: float, message_s: float) -> Rule | None:
        """Return the rule a connection breaks by its slowness, or None."""
        if self._paused or self._may_still_come is not None:
            return None
        if self.began_at is not None and now - self.began_at > message_s:
            return Rule.MESSAGE_TOO_SLOW
        is_mute = not self.heard_message and not self.opened_by_us
        return Rule.NO_MESSAGE if is_mute and now - self.made_at > message_s else None

    @property
    def is_paused(self) -> bool:
        """Tell whether nothing is read, as its source has sent enough for now."""
        return self._paused

    @property
    def was_connected(self) -> bool:
        """Tell whether the connection ever came up."""
        return self._transport is not None

    @property
    def is_in_handshake(self) -> bool:
        """Tell whether the network's connection is up, and TLS over it not yet."""
        return self._transport is None and self._carrier is not None

    @property
    def is_open(self) -> bool:
        """Tell whether bytes may still be sent, now or once it is connected."""
        if self._transport is None:
            return True
        return self._may_still_come is None and not self._transport.is_closing()


class TcpConnections:
    """Every connection that lives, and for each flow the one to send on.

    Connections themselves are held, and what is counted is what is held: one that closes slowly
    counts until it is lost, and never after, whatever took its place meanwhile.
    """

    def __init__(self) -> None:
        self._connections: set[TcpConnection] = set()
        self._by_source: dict[str, set[TcpConnection]] = {}
        self._by_flow: dict[Flow, TcpConnection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[TcpConnection]:
        return iter(list(self._connections))

    def add(self, connection: TcpConnection) -> None:
        """Hold a connection; from now on it is the one to send on (RFC 3261 section 18.1.1)."""
        self._connections.add(connection)
        self._by_source.setdefault(source_key(connection.flow.host), set()).add(connection)
        self._by_flow[connection.flow] = connection

    def discard(self, connection: TcpConnection) -> None:
        self._connections.discard(connection)
        source = source_key(connection.flow.host)
        if of_source := self._by_source.get(source):
            of_source.discard(connection)
            if not of_source:
                del self._by_source[source]
        if self._by_flow.get(connection.flow) is connection:
            del self._by_flow[connection.flow]

    def get(self, flow: Flow) -> TcpConnection | None:
        """Return the connection to send on, if it may still be sent on."""
        connection = self._by_flow.get(flow)
        return connection if connection is not None and connection.is_open else None

    def in_handshake(self, host: str = "") -> int:
        """Return how many that were accepted are not through it, from a host or in all."""
        among = self._of_source(host) if host else self._connections
        return sum(not item.opened_by_us and item.is_in_handshake for item in among)

    def accepted_from(self, host: str) -> int:
        """Return how many connections a host (`sources.source_key`) has opened to us."""
        return sum(not connection.opened_by_us for connection in self._of_source(host))

    def with_host(self, host: str) -> int:
        """Return how many connections there are with a host, whoever opened them."""
        return len(self._of_source(host))

    def _of_source(self, host: str) -> set[TcpConnection]:
        return self._by_source.get(source_key(host), set())
