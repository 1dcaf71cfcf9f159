"""SIP over TCP and TLS: connections accepted and opened within bounds, and closed within bounds."""

import asyncio
import logging
import socket
import time

from callengine.core.reasons import Rule
from callengine.edge.flow import TCP, TLS, Flow, Transport
from callengine.edge.settings import EdgeSettings
from callengine.edge.transport.connection import OnUnreachable, TcpConnection, TcpConnections
from callengine.edge.transport.handshakes import Arrival, Handshakes
from callengine.edge.transport.listeners import address_taken
from callengine.edge.transport.tls import Tls
from callengine.edge.transport.upcalls import Upcalls
from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

_CLOSE_S, _ABORT_S = 2.0, 1.0
"How long all connections together may take to close, and then to be cut off."
_MAKE_ROOM_S, _SPARED_S = 0.1, 5.0
"How often a stranger's connection may make room for another, and how long it must be silent."
_BACKLOG = 1024
TOO_MANY = Rule.TOO_MANY_CONNECTIONS


class TcpTransport:
    """All public TCP sockets and connections, those of TLS among them."""

    def __init__(self, settings: EdgeSettings, upcalls: Upcalls, tls: Tls) -> None:
        self.addresses: list[tuple[Transport, str, int]] = []
        "Where it listens, and for what."
        self._handshakes = Handshakes(tls, settings.tls, upcalls)
        self._settings = settings
        self._upcalls = upcalls
        self._servers: list[asyncio.Server] = []
        self._connections = TcpConnections()
        self._connecting = BackgroundTasks("SIP's connections")
        self._room_made_at = 0.0
        self._is_closed = False

    async def listen(self, transport: Transport, sock: socket.socket) -> None:
        """Accept connections on a bound socket.

        Raises:
            AddressTakenError: somebody else does already.
        """
        host, port = sock.getsockname()[:2]
        loop = asyncio.get_running_loop()
        accept = self._arrival if transport.is_secure else self._accepted
        try:
            server = await loop.create_server(accept, sock=sock, backlog=_BACKLOG)
        except OSError as error:
            sock.close()
            raise address_taken(transport, host, port, error) from error
        self._servers.append(server)
        self.addresses.append((transport, host, port))

    async def close(self) -> None:
        """Close every socket and connection, in bounded time whatever a peer does."""
        self._is_closed = True
        for server in self._servers:
            server.close()
        await self._connecting.stop()
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
        return self._connection(TCP)

    def _arrival(self) -> Arrival:
        return Arrival(self._accept)

    def _accept(self, carrier: asyncio.Transport) -> None:
        connection = self._connection(TLS)
        if connection.arrive(carrier):
            self._connecting.start(self._handshakes.accept(connection, carrier))

    def _connection(self, kind: Transport, flow: Flow | None = None) -> TcpConnection:
        limit = self._settings.max_message_bytes
        return TcpConnection(self, self._upcalls, flow, kind=kind, max_message_bytes=limit)

    def admit(self, connection: TcpConnection) -> bool:
        """Hold an accepted connection; refuse it above the bounds."""
        host, settings = connection.flow.host, self._settings
        if self._is_closed or self._upcalls.may_read(b"", connection.flow):
            return False
        is_full = len(self._connections) >= settings.max_tcp_connections and not self._make_room()
        if (
            is_full
            or self._connections.accepted_from(host) >= settings.max_tcp_connections_per_host
            or (
                connection.kind.is_secure and not self._handshakes.has_room(self._connections, host)
            )
        ):
            self._upcalls.on_cut(connection.flow, TOO_MANY, "")
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
        self._upcalls.on_cut(idlest.flow, TOO_MANY, "")
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

    def certified_names(self, flow: Flow) -> tuple[str, ...]:
        """Return whom the certificate names that was shown when a connection was accepted."""
        connection = self._connections.get(flow)
        return connection.certified_names if connection is not None else ()

    def _open(self, flow: Flow) -> TcpConnection:
        connection = self._connection(flow.transport, flow)
        self._connections.add(connection)
        self._connecting.start(self._connect(connection))
        return connection

    async def _connect(self, connection: TcpConnection) -> None:
        why = ""
        try:
            why = await self._connected(connection)
        except OSError as error:
            logger.info("cannot connect to %s: %s", connection.flow, error)
            why = await self._handshakes.explain(error, connection.flow)
        finally:
            if not connection.was_connected:
                connection.fail()
        if why:
            logger.info("%s: %s", connection.flow, why)
            connection.give_up(why)
            self._upcalls.on_unreachable(connection.flow, why)

    async def _connected(self, connection: TcpConnection) -> str:
        """Connect; return why it will not do, or nothing. Raises OSError."""
        loop, flow = asyncio.get_running_loop(), connection.flow
        if not flow.is_secure:
            async with asyncio.timeout(self._settings.tcp_connect_s):
                await loop.create_connection(lambda: connection, flow.host, flow.port)
            return ""
        async with asyncio.timeout(self._settings.tcp_connect_s):
            carrier, _ = await loop.create_connection(Arrival, flow.host, flow.port)
        return await self._handshakes.begin(connection, carrier)

    def close_idle(self, now: float) -> None:
        """Close connections that were silent too long or slow; `now` is monotonic seconds.

        RFC 3261 section 18 wants them kept for as long as a transaction may last (32 s) at least.
        """
        for connection in self._connections:
            if rule := connection.overdue(now, self._settings.tcp_message_s):
                self._upcalls.on_cut(connection.flow, rule, "")
                connection.close()
            elif self._is_idle(connection, now - connection.last_heard):
                connection.close()

    def _is_idle(self, connection: TcpConnection, silent_s: float) -> bool:
        if silent_s <= self._settings.tcp_stranger_idle_s:
            return False
        is_stranger = not connection.opened_by_us and not self._upcalls.is_known(connection.flow)
        return is_stranger or silent_s > self._settings.tcp_idle_s
