"""SIP over TCP: connections accepted and opened within bounds, and closed within bounds."""

import asyncio
import logging
import socket
import time

from callengine.edge.flow import Flow
from callengine.edge.links import OnUnreachable, TcpLink, TcpLinks
from callengine.edge.listeners import address_taken
from callengine.edge.settings import EdgeSettings
from callengine.edge.upcalls import Upcalls

log = logging.getLogger(__name__)

_CLOSE_S, _ABORT_S = 2.0, 1.0
"How long all connections together may take to close, and then to be cut off."
_MAKE_ROOM_S, _SPARED_S = 0.1, 5.0
"How often a stranger's connection may make room for another, and how long it must be silent."
_BACKLOG = 1024
TOO_MANY = "too-many-connections"


class TcpTransport:
    """All public TCP sockets and connections."""

    def __init__(self, settings: EdgeSettings, upcalls: Upcalls) -> None:
        self.addresses: list[tuple[str, int]] = []
        "Where it listens."
        self._settings = settings
        self._upcalls = upcalls
        self._servers: list[asyncio.Server] = []
        self._links = TcpLinks()
        self._connecting: set[asyncio.Task[None]] = set()
        self._room_made_at = 0.0
        self._is_closed = False

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket.

        Raises:
            AddressTakenError: somebody else does already.
        """
        host, port = sock.getsockname()[:2]
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(self._accepted, sock=sock, backlog=_BACKLOG)
        except OSError as error:
            sock.close()
            raise address_taken("tcp", host, port, error) from error
        self._servers.append(server)
        self.addresses.append((host, port))

    async def close(self) -> None:
        """Close every socket and connection, in bounded time whatever a peer does."""
        self._is_closed = True
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
        self._servers = []

    async def _until_lost(self, timeout_s: float) -> None:
        waits = [asyncio.ensure_future(link.lost.wait()) for link in self._links]
        if waits:
            _, late = await asyncio.wait(waits, timeout=timeout_s)
            for wait in late:
                wait.cancel()

    def _accepted(self) -> TcpLink:
        return TcpLink(self, self._upcalls, max_message_bytes=self._settings.max_message_bytes)

    def admit(self, link: TcpLink) -> bool:
        """Hold an accepted connection; refuse it above the bounds."""
        host, settings = link.flow.host, self._settings
        if self._is_closed or self._upcalls.may_read(b"", link.flow):
            return False
        is_full = len(self._links) >= settings.max_tcp_connections and not self._make_room()
        if is_full or self._links.accepted_from(host) >= settings.max_tcp_connections_per_host:
            self._upcalls.on_cut(link.flow, TOO_MANY)
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
        strangers = (link for link in accepted if not self._upcalls.is_known(link.flow))
        idlest = min(strangers, key=lambda link: link.last_heard, default=None)
        if idlest is None or now - idlest.last_heard < _SPARED_S:
            return False
        self._upcalls.on_cut(idlest.flow, TOO_MANY)
        idlest.abort()
        return True

    def forget(self, link: TcpLink) -> None:
        """Let go of a connection that is lost."""
        self._links.discard(link)

    def has_connection(self, flow: Flow) -> bool:
        """Tell whether a flow is still connected (or about to be)."""
        return self._links.get(flow) is not None

    def has_room_for(self, host: str) -> bool:
        """Tell whether one more connection with a host keeps within the bounds."""
        settings = self._settings
        is_full = len(self._links) >= settings.max_tcp_connections
        return not is_full and self._links.with_host(host) < settings.max_tcp_connections_per_host

    def send(self, flow: Flow, data: bytes, on_unreachable: OnUnreachable) -> None:
        """Send on the connection of a flow; one that is not there is opened."""
        link = self._links.get(flow)
        if link is None and not self._is_closed:
            link = self._open(flow)
        if link is not None:
            link.send(data, on_unreachable)

    def _open(self, flow: Flow) -> TcpLink:
        link = TcpLink(
            self, self._upcalls, flow, max_message_bytes=self._settings.max_message_bytes
        )
        self._links.add(link)
        task = asyncio.get_running_loop().create_task(self._connect(link))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return link

    async def _connect(self, link: TcpLink) -> None:
        loop, is_refused = asyncio.get_running_loop(), False
        try:
            async with asyncio.timeout(self._settings.tcp_connect_s):
                await loop.create_connection(lambda: link, link.flow.host, link.flow.port)
        except OSError as error:
            log.info("cannot connect to %s: %s", link.flow, error)
            is_refused = True
        finally:
            if not link.was_connected:
                self._links.discard(link)
        if is_refused:
            link.give_up()
            self._upcalls.on_unreachable(link.flow)

    def close_idle(self, now: float) -> None:
        """Close connections that were silent too long or slow; `now` is monotonic seconds."""
        for link in self._links:
            if rule := link.overdue(now, self._settings.tcp_message_s):
                self._upcalls.on_cut(link.flow, rule)
                link.close()
            elif self._is_idle(link, now - link.last_heard):
                link.close()

    def _is_idle(self, link: TcpLink, silent_s: float) -> bool:
        if silent_s <= self._settings.tcp_stranger_idle_s:
            return False
        is_stranger = not link.opened_by_us and not self._upcalls.is_known(link.flow)
        return is_stranger or silent_s > self._settings.tcp_idle_s
