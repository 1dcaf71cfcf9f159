"""SIP over TCP: connections accepted and opened within bounds, and closed within bounds."""

import asyncio
import logging
import socket
import time

from callengine.core.reasons import Rule
from callengine.edge.flow import TCP, Flow
from callengine.edge.settings import EdgeSettings
from callengine.edge.transport.connection import OnUnreachable, TcpConnection, TcpConnections
from callengine.edge.transport.listeners import address_taken
from callengine.edge.transport.upcalls import Upcalls

log = logging.getLogger(__name__)

_CLOSE_S, _ABORT_S = 2.0, 1.0
"How long all connections together may take to close, and then to be cut off."
_MAKE_ROOM_S, _SPARED_S = 0.1, 5.0
"How often a stranger's connection may make room for another, and how long it must be silent."
_BACKLOG = 1024
TOO_MANY = Rule.TOO_MANY_CONNECTIONS


class TcpTransport:
    """All public TCP sockets and connections."""

    def __init__(self, settings: EdgeSettings, upcalls: Upcalls) -> None:
        self.addresses: list[tuple[str, int]] = []
        "Where it listens."
        self._settings = settings
        self._upcalls = upcalls
        self._servers: list[asyncio.Server] = []
        self._connections = TcpConnections()
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
            raise address_taken(TCP, host, port, error) from error
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
        for connection in self._connections:
            connection.close()
        await self._until_lost(_CLOSE_S)
        for connection in self._connections:
            connection.abort()
        await self._until_lost(_ABORT_S)
        self._servers = []

    async def _until_lost(self, timeout_s: float) -> None:
        waits = [asyncio.ensure_future(connection.lost.wait()) for connection in self._connections]
        if waits:
            _, late = await asyncio.wait(waits, timeout=timeout_s)
            for wait in late:
                wait.cancel()

    def _accepted(self) -> TcpConnection:
        return TcpConnection(
            self, self._upcalls, max_message_bytes=self._settings.max_message_bytes
        )

    def admit(self, connection: TcpConnection) -> bool:
        """Hold an accepted connection; refuse it above the bounds."""
        host, settings = connection.flow.host, self._settings
        if self._is_closed or self._upcalls.may_read(b"", connection.flow):
            return False
        is_full = len(self._connections) >= settings.max_tcp_connections and not self._make_room()
        if (
            is_full
            or self._connections.accepted_from(host) >= settings.max_tcp_connections_per_host
        ):
            self._upcalls.on_cut(connection.flow, TOO_MANY)
            return False
        self._connections.add(connection)
        return True

    def _make_room(self) -> bool:
        """Close the stranger's connection that was silent longest, in favour of a new one."""
        now = time.monotonic()
        if now - self._room_made_at < _MAKE_ROOM_S:
            return False
        self._room_made_at = now
        accepted = (
            connection
            for connection in self._connections
            if not connection.opened_by_us and connection.is_open
        )
        strangers = (
            connection for connection in accepted if not self._upcalls.is_known(connection.flow)
        )
        idlest = min(strangers, key=lambda connection: connection.last_heard, default=None)
        if idlest is None or now - idlest.last_heard < _SPARED_S:
            return False
        self._upcalls.on_cut(idlest.flow, TOO_MANY)
        idlest.abort()
        return True

    def forget(self, connection: TcpConnection) -> None:
        self._connections.discard(connection)

    def has_connection(self, flow: Flow) -> bool:
        """Tell whether a flow is still connected (or about to be)."""
        return self._connections.get(flow) is not None

    def has_room_for(self, host: str) -> bool:
        """Tell whether one more connection with a host keeps within the bounds."""
        settings = self._settings
        is_full = len(self._connections) >= settings.max_tcp_connections
        return (
            not is_full
            and self._connections.with_host(host) < settings.max_tcp_connections_per_host
        )

    def send(self, flow: Flow, data: bytes, on_unreachable: OnUnreachable) -> None:
        """Send on the connection of a flow; one that is not there is opened."""
        connection = self._connections.get(flow)
        # RFC 3261 section 18.1.1: what is open to that address, port and transport is used again.
        if connection is None and not self._is_closed:
            connection = self._open(flow)
        if connection is not None:
            connection.send(data, on_unreachable)

    def _open(self, flow: Flow) -> TcpConnection:
        connection = TcpConnection(
            self, self._upcalls, flow, max_message_bytes=self._settings.max_message_bytes
        )
        self._connections.add(connection)
        task = asyncio.get_running_loop().create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return connection

    async def _connect(self, connection: TcpConnection) -> None:
        loop, is_refused = asyncio.get_running_loop(), False
        try:
            async with asyncio.timeout(self._settings.tcp_connect_s):
                await loop.create_connection(
                    lambda: connection, connection.flow.host, connection.flow.port
                )
        except OSError as error:
            log.info("cannot connect to %s: %s", connection.flow, error)
            is_refused = True
        finally:
            if not connection.was_connected:
                self._connections.discard(connection)
        if is_refused:
            connection.give_up()
            self._upcalls.on_unreachable(connection.flow)

    def close_idle(self, now: float) -> None:
        """Close connections that were silent too long or slow; `now` is monotonic seconds.

        RFC 3261 section 18 wants them kept for as long as a transaction may last (32 s) at least.
        """
        for connection in self._connections:
            if rule := connection.overdue(now, self._settings.tcp_message_s):
                self._upcalls.on_cut(connection.flow, rule)
                connection.close()
            elif self._is_idle(connection, now - connection.last_heard):
                connection.close()

    def _is_idle(self, connection: TcpConnection, silent_s: float) -> bool:
        if silent_s <= self._settings.tcp_stranger_idle_s:
            return False
        is_stranger = not connection.opened_by_us and not self._upcalls.is_known(connection.flow)
        return is_stranger or silent_s > self._settings.tcp_idle_s
