"""UDP and TCP sockets of the edge: who sent which bytes, and bytes to whoever is named by a flow.

A flow is `udp:HOST:PORT` or `tcp:HOST:PORT`, the address of the other side. IPv6 hosts stand in
square brackets.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Literal, cast

from callengine.edge.framing import Broken, Event, Framed, Ping, StreamFramer
from callengine.edge.settings import EdgeSettings, Listen
from callengine.edge.stun import binding_response, is_stun

log = logging.getLogger(__name__)

SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
MAX_DATAGRAM_BYTES = 65536
_BATCH = 64
"Datagrams handled in one turn of the event loop: timers and other sockets come in between."
_MAX_DROPPED = 1024
"Datagrams dropped in one turn: that costs next to nothing, and the kernel's buffer is small."
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
"socket(7) of Linux; Python does not name them."
_MAX_REMEMBERED = 20_000
_MAX_UNSENT_BYTES = 256 * 1024
_CLOSE_S = 2.0
_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0

OnMessage = Callable[[bytes, str], None]
MayRead = Callable[[bytes, str, str], float]
"Take data, flow and host; return 0 if the message may be read, else the seconds until it may."
OnBroken = Callable[[bytes, str, bool], None]


class AddressTakenError(OSError):
    """A listening address cannot be used; the message names it and says what to do."""


def make_flow(transport: str, host: str, port: int) -> str:
    """Return the flow of a peer address."""
    return f"{transport}:[{host}]:{port}" if ":" in host else f"{transport}:{host}:{port}"


def split_flow(flow: str) -> tuple[str, str, int]:
    """Return transport, host without brackets, and port.

    Raises:
        ValueError: it is no flow.
    """
    transport, _, rest = flow.partition(":")
    host, _, port = rest.rpartition(":")
    if transport not in ("udp", "tcp") or not host:
        raise ValueError(f"not a flow: {flow!r}")
    return transport, host.strip("[]"), int(port)


class UdpListener:
    """One UDP socket, read in batches; nothing a peer sends can raise out of it."""

    def __init__(
        self,
        sock: socket.socket,
        on_datagram: Callable[[bytes, str, "UdpListener"], None],
        may_read: MayRead = lambda _, __, ___: 0.0,
    ):
        self.sock = sock
        self.host, self.port = sock.getsockname()[:2]
        self._on_datagram = on_datagram
        self._may_read = may_read
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read)

    def _read(self) -> None:
        handled = 0
        for _ in range(_MAX_DROPPED):
            try:
                data, address = self.sock.recvfrom(MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.debug("UDP read on port %d: %s", self.port, error)
                return
            flow = make_flow("udp", address[0], address[1])
            if self._may_read(data, flow, address[0]):
                continue
            self._on_datagram(data, flow, self)
            handled += 1
            if handled >= _BATCH:
                return

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send one datagram; what the network refuses is lost, as on any wire."""
        try:
            self.sock.sendto(data, (host, port))
        except OSError as error:
            log.debug("UDP send to %s:%d: %s", host, port, error)

    def close(self) -> None:
        """Stop reading and close."""
        self._loop.remove_reader(self.sock.fileno())
        self.sock.close()


def bind(transport: Literal["udp", "tcp"], host: str, port: int) -> socket.socket:
    """Return a bound non-blocking socket.

    Raises:
        AddressTakenError: the address is taken, not ours, or not permitted.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    if transport == "tcp":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        _enlarge(sock)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise AddressTakenError(error.errno, _bind_advice(transport, host, port, error)) from error
    return sock


def _enlarge(sock: socket.socket) -> None:
    """Give a socket large buffers: what the kernel cannot hold while we are busy is lost."""
    for name, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
        sock.setsockopt(socket.SOL_SOCKET, name, SOCKET_BUFFER_BYTES)
        with contextlib.suppress(OSError):  # beyond the system's limit, if we are allowed to
            sock.setsockopt(socket.SOL_SOCKET, forced, SOCKET_BUFFER_BYTES)


def _bind_advice(transport: str, host: str, port: int, error: OSError) -> str:
    where = f"{transport}:{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is already taken by another program; choose another SIP listening port"
    return f"cannot listen on {where}: {error.strerror}"


class TcpLink(asyncio.Protocol):
    """One TCP connection, accepted or opened by us."""

    def __init__(self, transports: "Transports", flow: str = "") -> None:
        self.flow = flow
        self.opened_by_us = bool(flow)
        self.last_heard = time.monotonic()
        self.heard_message = False
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
        self._arrived += self._framer.feed(data)
        if not self._paused:
            self._take()

    def _take(self) -> None:
        """Take what has arrived, as fast as its source may send."""
        while self._arrived:
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
        """Close after what is queued has left."""
        if self._transport is not None:
            self._transport.close()

    @property
    def was_connected(self) -> bool:
        """Tell whether the connection ever came up."""
        return self._transport is not None

    @property
    def is_open(self) -> bool:
        """Tell whether bytes may still be sent, now or once it is connected."""
        return self._transport is None or not self._transport.is_closing()


class Transports:
    """All public sockets; sends to flows and reports messages."""

    def __init__(
        self,
        settings: EdgeSettings,
        *,
        on_message: OnMessage,
        on_broken: OnBroken,
        on_unreachable: Callable[[str], None],
        may_read: MayRead = lambda _, __, ___: 0.0,
    ) -> None:
        self.may_read = may_read
        self.settings = settings
        self.on_message = on_message
        self.on_broken = on_broken
        self.udp: list[UdpListener] = []
        self.tcp: list[tuple[str, int]] = []
        self._on_unreachable = on_unreachable
        self._servers: list[asyncio.Server] = []
        self._links: dict[str, TcpLink] = {}
        self._per_host: dict[str, int] = {}
        self._heard_on: OrderedDict[str, UdpListener] = OrderedDict()
        self._connecting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open every listener, or none.

        Raises:
            AddressTakenError: one cannot be opened.
        """
        try:
            for listen in self.settings.listen:
                await self._listen(listen)
        except OSError:
            await self.stop()
            raise

    async def _listen(self, listen: Listen) -> None:
        transport, host, port = listen
        sock = bind(transport, host, port)
        if transport == "udp":
            self.udp.append(UdpListener(sock, self._datagram, self.may_read))
            return
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: TcpLink(self), sock=sock, backlog=1024)
        except OSError as error:
            sock.close()
            raise AddressTakenError(
                error.errno, _bind_advice(transport, host, port, error)
            ) from error
        self._servers.append(server)
        self.tcp.append(sock.getsockname()[:2])

    async def stop(self) -> None:
        """Close every socket and connection."""
        for listener in self.udp:
            listener.close()
        for server in self._servers:
            server.close()
        for task in self._connecting:
            task.cancel()
        links = list(self._links.values())
        for link in links:
            link.close()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        async with asyncio.timeout(_CLOSE_S):
            await asyncio.gather(*(link.lost.wait() for link in links if link.was_connected))
        self.udp, self._servers = [], []

    def _datagram(self, data: bytes, flow: str, listener: UdpListener) -> None:
        self._remember(flow, listener)
        if is_stun(data):
            _, host, port = split_flow(flow)
            if answer := binding_response(data, host, port):
                listener.send(answer, host, port)
        elif not data.strip(b"\r\n\0 "):
            # RFC 5626 answers a ping on streams alone; lone CRLFs over UDP want no answer.
            return
        elif len(data) > self.settings.max_message_bytes:
            self.on_broken(data[: self.settings.max_message_bytes], flow, True)
        else:
            self.on_message(data, flow)

    def _remember(self, flow: str, listener: UdpListener) -> None:
        """Note which socket a peer talks to, unless it is the one we would use anyway."""
        if flow not in self._heard_on:
            if listener is self.listener_for(flow):
                return
            if len(self._heard_on) >= _MAX_REMEMBERED:
                self._heard_on.popitem(last=False)
        self._heard_on[flow] = listener
        self._heard_on.move_to_end(flow)

    def admit(self, link: TcpLink) -> bool:
        """Count an accepted connection; refuse it above the bounds."""
        _, host, _ = split_flow(link.flow)
        count = self._per_host.get(host, 0)
        if (
            len(self._links) >= self.settings.max_tcp_connections
            or count >= self.settings.max_tcp_connections_per_host
        ):
            log.warning("too many TCP connections, %s refused", link.flow)
            return False
        self._per_host[host] = count + 1
        self._links[link.flow] = link
        return True

    def forget(self, link: TcpLink) -> None:
        """Drop a closed connection."""
        if self._links.get(link.flow) is not link:
            return
        del self._links[link.flow]
        if not link.opened_by_us:
            _, host, _ = split_flow(link.flow)
            self._per_host[host] -= 1
            if not self._per_host[host]:
                del self._per_host[host]

    def has_connection(self, flow: str) -> bool:
        """Tell whether a TCP flow is still connected (or about to be)."""
        link = self._links.get(flow)
        return link is not None and link.is_open

    def send(self, flow: str, data: bytes) -> None:
        """Send to a flow; a TCP connection that is not there is opened.

        `on_unreachable(flow)` is called later if that fails.
        """
        transport, host, port = split_flow(flow)
        if transport == "udp":
            if listener := self.listener_for(flow):
                listener.send(data, host, port)
        elif self.has_connection(flow):
            self._links[flow].send(data)
        else:
            self._open(flow, host, port).send(data)

    def listener_for(self, flow: str) -> UdpListener | None:
        """Return the UDP socket this peer talks to, or the first of its family."""
        if (known := self._heard_on.get(flow)) is not None:
            return known
        is_v6 = "[" in flow or flow.count(":") > 2
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        return next((item for item in self.udp if item.sock.family == family), None)

    def _open(self, flow: str, host: str, port: int) -> TcpLink:
        link = TcpLink(self, flow)
        self._links[flow] = link
        task = asyncio.get_running_loop().create_task(self._connect(link, host, port))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return link

    async def _connect(self, link: TcpLink, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.settings.tcp_connect_s):
                await loop.create_connection(lambda: link, host, port)
        except OSError as error:
            log.info("cannot connect to %s: %s", link.flow, error)
            self.forget(link)
            self._on_unreachable(link.flow)

    def close_idle(self, now: float) -> None:
        """Close connections that were silent too long; `now` is monotonic seconds."""
        for link in list(self._links.values()):
            silent_s = now - link.last_heard
            limit = self.settings.tcp_idle_s
            if not link.heard_message and not link.opened_by_us:
                limit = self.settings.tcp_first_message_s
            if silent_s > limit:
                link.close()
