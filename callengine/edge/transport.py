"""UDP and TCP sockets of the edge: who sent which bytes, and bytes to whoever a flow names."""

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from callengine.edge.flows import make_flow, split_flow
from callengine.edge.links import OnUnreachable, TcpLink, TcpLinks
from callengine.edge.settings import EdgeSettings, Listen
from callengine.edge.stun import binding_response, is_stun

__all__ = ["Transports", "UdpListener", "make_flow", "split_flow"]

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
_CLOSE_S, _ABORT_S = 2.0, 1.0
"How long all connections together may take to close, and then to be cut off."
_MAKE_ROOM_S, _SPARED_S = 0.1, 5.0
"How often a stranger's connection may make room for another, and how long it must be silent."

OnMessage = Callable[[bytes, str], None]
OnBroken = Callable[[bytes, str, bool], None]
MayRead = Callable[[bytes, str, str], float]
"Take data, flow and host; return 0 if the message may be read, else the seconds until it may."
OnCut = Callable[[str, str], None]
"Take flow and rule: a connection that was refused or closed for it."


class AddressTakenError(OSError):
    """A listening address cannot be used; the message names it and says what to do."""


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
        is_known: Callable[[str], bool] = lambda _: True,
        on_cut: OnCut = lambda _, __: None,
    ) -> None:
        """`is_known(flow)` tells whether a call or a registration hangs on a connection."""
        self.may_read = may_read
        self._is_known = is_known
        self._on_cut = on_cut
        self._room_made_at = 0.0
        self.settings = settings
        self.on_message = on_message
        self.on_broken = on_broken
        self.udp: list[UdpListener] = []
        self.tcp: list[tuple[str, int]] = []
        self._on_unreachable = on_unreachable
        self._servers: list[asyncio.Server] = []
        self._links = TcpLinks()
        self._is_stopped = False
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
        """Close every socket and connection, in bounded time whatever a peer does."""
        self._is_stopped = True
        for listener in self.udp:
            listener.close()
        for server in self._servers:
            server.close()
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for link in self._links:
            link.close()
        await self._until_lost(_CLOSE_S)
        for link in self._links:
            link.abort()
        await self._until_lost(_ABORT_S)
        self.udp, self._servers = [], []

    async def _until_lost(self, timeout_s: float) -> None:
        waits = [asyncio.ensure_future(link.lost.wait()) for link in self._links]
        if waits:
            _, late = await asyncio.wait(waits, timeout=timeout_s)
            for wait in late:
                wait.cancel()

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
        """Hold an accepted connection; refuse it above the bounds."""
        host, settings = split_flow(link.flow)[1], self.settings
        if self._is_stopped or self.may_read(b"", link.flow, host):
            return False
        is_full = len(self._links) >= settings.max_tcp_connections and not self._make_room()
        if is_full or self._links.accepted_from(host) >= settings.max_tcp_connections_per_host:
            self._on_cut(link.flow, "too-many-connections")
            return False
        self._links.add(link)
        return True

    def _make_room(self) -> bool:
        """Close the stranger's connection that was silent longest, in favour of a new one."""
        now = time.monotonic()
        if now - self._room_made_at < _MAKE_ROOM_S:
            return False
        self._room_made_at = now
        accepted = (link for link in self._links if not link.opened_by_us and link.is_open)
        strangers = (link for link in accepted if not self._is_known(link.flow))
        idlest = min(strangers, key=lambda link: link.last_heard, default=None)
        if idlest is None or now - idlest.last_heard < _SPARED_S:
            return False
        self._on_cut(idlest.flow, "too-many-connections")
        idlest.abort()
        return True

    def forget(self, link: TcpLink) -> None:
        """Let go of a connection that is lost."""
        self._links.discard(link)

    def has_connection(self, flow: str) -> bool:
        """Tell whether a TCP flow is still connected (or about to be)."""
        return self._links.get(flow) is not None

    def has_room_for(self, host: str) -> bool:
        """Tell whether one more connection with a host keeps within the bounds."""
        settings = self.settings
        is_full = len(self._links) >= settings.max_tcp_connections
        return not is_full and self._links.with_host(host) < settings.max_tcp_connections_per_host

    def send(self, flow: str, data: bytes, on_unreachable: OnUnreachable = lambda: None) -> None:
        """Send to a flow; a TCP connection that is not there is opened.

        If that fails, `on_unreachable()` is called later, and the `on_unreachable(flow)` of all.
        """
        transport, host, port = split_flow(flow)
        if transport == "udp":
            if listener := self.listener_for(flow):
                listener.send(data, host, port)
        elif (link := self._links.get(flow)) is not None:
            link.send(data, on_unreachable)
        elif not self._is_stopped:
            self._open(flow, host, port).send(data, on_unreachable)

    def listener_for(self, flow: str) -> UdpListener | None:
        """Return the UDP socket this peer talks to, or the first of its family."""
        if (known := self._heard_on.get(flow)) is not None:
            return known
        is_v6 = "[" in flow or flow.count(":") > 2
        family = socket.AF_INET6 if is_v6 else socket.AF_INET
        return next((item for item in self.udp if item.sock.family == family), None)

    def _open(self, flow: str, host: str, port: int) -> TcpLink:
        link = TcpLink(self, flow)
        self._links.add(link)
        task = asyncio.get_running_loop().create_task(self._connect(link, host, port))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return link

    async def _connect(self, link: TcpLink, host: str, port: int) -> None:
        loop, is_refused = asyncio.get_running_loop(), False
        try:
            async with asyncio.timeout(self.settings.tcp_connect_s):
                await loop.create_connection(lambda: link, host, port)
        except OSError as error:
            log.info("cannot connect to %s: %s", link.flow, error)
            is_refused = True
        finally:
            if not link.was_connected:
                self._links.discard(link)
        if is_refused:
            link.give_up()
            self._on_unreachable(link.flow)

    def close_idle(self, now: float) -> None:
        """Close connections that were silent too long or slow; `now` is monotonic seconds."""
        settings = self.settings
        for link in self._links:
            silent_s = now - link.last_heard
            if rule := link.overdue(now):
                self._on_cut(link.flow, rule)
                link.close()
            elif silent_s > settings.tcp_idle_s or (
                silent_s > settings.tcp_stranger_idle_s
                and not link.opened_by_us
                and not self._is_known(link.flow)
            ):
                link.close()
