"""SIP over UDP: datagrams in, and out of the socket that their peer talks to."""

import asyncio
import contextlib
import logging
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable

from callengine.edge.flow import UDP, Flow
from callengine.edge.transport.icmp import OnUndelivered, ask_for_errors, take_error
from callengine.edge.transport.lineends import with_crlf
from callengine.edge.transport.newcomers import UNDER_WAY, Newcomers
from callengine.edge.transport.stun import binding_response, is_answer, is_stun
from callengine.edge.transport.upcalls import MayRead, OnWaited, Upcalls

logger = logging.getLogger(__name__)

MAX_DATAGRAM_BYTES = 65536
_BATCH = 64
"Datagrams handled in one turn of the event loop: timers and other sockets come in between."
_BATCH_S = 0.02
"How long it may take."
_TIMED = 8
"Each so many of them, it is asked how long the next one had waited."
_MAX_DROPPED = 1024
"Datagrams dropped in one turn: that costs next to nothing, and the kernel's buffer is small."
_MAX_ERRORS = 256
"ICMP errors taken in one turn."
_SENT_AGAIN = 3
"How often a datagram is sent again that the kernel has refused for another one's sake."
_MAX_REMEMBERED = 20_000
_SO_TIMESTAMPNS = 35
"Have the kernel say when it took a datagram; the same number marks that (Linux, socket(7))."
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_MOST_WAITED_S = 60.0
"More is no waiting: the clock was set."


class UdpListener:
    """One UDP socket, read in batches; nothing a peer sends can raise out of it."""

    def __init__(
        self,
        sock: socket.socket,
        on_datagram: Callable[[bytes, Flow, "UdpListener"], None],
        may_read: MayRead = lambda _, __: 0.0,
        on_undelivered: OnUndelivered | None = None,
        on_waited: OnWaited = lambda *_: None,
        on_read: Callable[[], None] = lambda: None,
    ):
        """Without `on_undelivered` nobody asks the kernel what ICMP said.

        `on_waited` is told how long the first of each batch, and one now and then, had waited;
        `on_read` that a batch is over.
        """
        self.sock = sock
        self.host, self.port = sock.getsockname()[:2]
        self.family = sock.family
        self._on_datagram = on_datagram
        self._may_read = may_read
        self._on_undelivered = on_undelivered
        self._on_waited = on_waited
        self._on_read = on_read
        # What is read anew each time would be made as large, then cut to what came: whatever
        # is kept of it lies behind a gap that only smaller things fill, and the heap grows.
        self._buffer = memoryview(bytearray(MAX_DATAGRAM_BYTES))
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        if on_undelivered is not None:
            ask_for_errors(sock)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read)

    def _read(self) -> None:
        self._read_errors()
        self._read_batch()
        self._on_read()

    def _read_batch(self) -> None:
        handled, until = 0, time.monotonic() + _BATCH_S
        for _ in range(_MAX_DROPPED):
            try:
                data, address = self._received(handled % _TIMED == 0)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # An ICMP error for what was sent before: told of by the queue of errors.
                logger.debug("UDP read on port %d: %s", self.port, error)
                return
            flow = Flow(UDP, address[0], address[1])
            if self._may_read(data, flow):
                continue
            self._on_datagram(data, flow, self)
            handled += 1
            if handled >= _BATCH or time.monotonic() >= until:
                return

    def _received(self, is_timed: bool) -> tuple[bytes, tuple[str, int]]:
        """Return the next datagram and where it came from."""
        if not is_timed:
            count, address = self.sock.recvfrom_into(self._buffer)
            return bytes(self._buffer[:count]), address
        count, more, _, address = self.sock.recvmsg_into((self._buffer,), _ANCILLARY_BYTES)
        for level, kind, value in more:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
                waited_s = time.time() - seconds - nanoseconds / 1e9
                if 0.0 <= waited_s < _MOST_WAITED_S:
                    self._on_waited(waited_s, (self.host, self.port))
        return bytes(self._buffer[:count]), address

    def _read_errors(self) -> None:
        if self._on_undelivered is not None:
            for _ in range(_MAX_ERRORS):
                if not take_error(self.sock, self._on_undelivered):
                    return

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram; what the network refuses is lost, as on any wire."""
        for _ in range(1 + _SENT_AGAIN):
            try:
                self.sock.sendto(data, (host, port))
            except OSError as error:
                # With IP_RECVERR also what ICMP said of a datagram to somebody else, once.
                logger.debug("UDP send to %s:%d: %s", host, port, error)
            else:
                return

    def close(self) -> None:
        self._loop.remove_reader(self.sock.fileno())
        self.sock.close()


class UdpTransport:
    """All public UDP sockets."""

    def __init__(self, upcalls: Upcalls, *, max_message_bytes: int) -> None:
        self.listeners: list[UdpListener] = []
        self.on_stun_answer: Callable[[bytes, str], None] = lambda *_: None
        "Takes what answers a Binding request of ours, and the host it came from."
        self._upcalls = upcalls
        self._max_message_bytes = max_message_bytes
        self._heard_on: OrderedDict[Flow, UdpListener] = OrderedDict()
        self._newcomers = Newcomers(
            lambda data, flow: upcalls.on_message(with_crlf(data), flow), upcalls.on_waited
        )

    def listen(self, sock: socket.socket) -> None:
        """Read from a bound socket."""
        upcalls = self._upcalls
        listener = UdpListener(
            sock,
            self._take,
            upcalls.may_read,
            upcalls.on_undelivered,
            upcalls.on_waited,
            self._newcomers.serve,
        )
        self.listeners.append(listener)

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self.listeners = []
        self._newcomers.close()

    def _take(self, data: bytes, flow: Flow, listener: UdpListener) -> None:
        self._remember(flow, listener)
        if is_stun(data) and is_answer(data):
            self.on_stun_answer(data, flow.host)
        elif is_stun(data):
            if answer := binding_response(data, flow.host, flow.port):
                listener.send(answer, flow.host, flow.port)
        elif not data.strip(b"\r\n\0 "):
            # A ping is answered on streams alone (RFC 5626 section 4.4.1).
            return
        elif len(data) > self._max_message_bytes:
            self._upcalls.on_broken(data[: self._max_message_bytes], flow, True)
        elif data.startswith(UNDER_WAY):
            self._upcalls.on_message(with_crlf(data), flow)
        else:
            self._newcomers.add(data, flow)

    def _remember(self, flow: Flow, listener: UdpListener) -> None:
        """Note which socket a peer talks to, unless it is the one we would use anyway.

        A phone behind NAT hears us from there alone (RFC 3581 section 4).
        """
        if flow not in self._heard_on:
            if listener is self.listener_for(flow):
                return
            if len(self._heard_on) >= _MAX_REMEMBERED:
                self._heard_on.popitem(last=False)
        self._heard_on[flow] = listener
        self._heard_on.move_to_end(flow)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send one datagram from the socket its peer talks to."""
        if listener := self.listener_for(flow):
            listener.send(data, flow.host, flow.port)

    def listener_for(self, flow: Flow) -> UdpListener | None:
        """Return the socket this peer talks to, or the first of its family."""
        if (listener := self._heard_on.get(flow)) is not None:
            return listener
        family = socket.AF_INET6 if ":" in flow.host else socket.AF_INET
        for item in self.listeners:
            if item.family == family:
                return item
        return None
