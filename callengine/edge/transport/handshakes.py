"""TLS handshakes, accepted and made, within bounds of time and number."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, cast

from callengine.core.reasons import Rule
from callengine.edge.flow import Flow
from callengine.edge.settings import TlsSettings
from callengine.edge.transport import tls
from callengine.edge.transport.certificates import CertificateError, names_of
from callengine.edge.transport.connection import TcpConnection, TcpConnections
from callengine.edge.transport.records import PIECE_BYTES, RecordMeter
from callengine.edge.transport.tls import Tls
from callengine.edge.transport.upcalls import Upcalls

logger = logging.getLogger(__name__)

_SHUTDOWN_S = 2.0
_RECORDS = (
    "A connection over TLS brought far more records than messages, which costs much and says "
    "nothing, so it was cut off. Stop whoever does that at the firewall."
)


class Arrival(asyncio.Protocol):
    """A connection of the network's on which nothing is read until its handshake begins."""

    def __init__(self, taken: Callable[[asyncio.Transport], None] = lambda _: None) -> None:
        self._taken = taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        carrier = cast("asyncio.Transport", transport)
        carrier.pause_reading()
        self._taken(carrier)


class Handshakes:
    """Puts TLS over connections."""

    def __init__(self, tls: Tls, settings: TlsSettings, upcalls: Upcalls) -> None:
        self._tls = tls
        self._settings = settings
        self._upcalls = upcalls

    def has_room(self, connections: TcpConnections, host: str) -> bool:
        """Tell whether one more may begin.

        Each costs a signature of ours before anything is known of who asks for it.
        """
        settings = self._settings
        return (
            connections.in_handshake(host) < settings.max_handshakes_per_host
            and connections.in_handshake() < settings.max_handshakes
        )

    async def accept(self, connection: TcpConnection, carrier: asyncio.Transport) -> None:
        """Take a connection through its handshake, or have it told why not."""
        secured = None
        try:
            secured = await self._secure(connection, carrier, self._tls.server, is_server=True)
        except OSError as error:
            if refusal := tls.refused(error):
                self._upcalls.on_cut(connection.flow, *refusal)
        finally:
            if secured is None:
                connection.fail()
        if secured is None:
            return
        peer: ssl.SSLObject = secured.get_extra_info("ssl_object")
        connection.certified_names = names_of(peer.getpeercert() or {})
        connection.begin(secured)

    async def begin(self, connection: TcpConnection, carrier: asyncio.Transport) -> str:
        """Take a connection of ours through its handshake; return why it will not do, or nothing.

        Raises:
            OSError: the handshake failed.
        """
        connection.arrive(carrier)
        try:
            context = self._tls.client
        except CertificateError as error:
            return str(error)
        flow = connection.flow
        secured = await self._secure(connection, carrier, context, name=flow.name)
        if secured is None:
            return f"{flow.host} closed the connection during the TLS handshake"
        if why := tls.objection(secured.get_extra_info("ssl_object"), flow.name or flow.host):
            secured.abort()
            return why
        connection.begin(secured)
        return ""

    async def _secure(
        self,
        connection: TcpConnection,
        carrier: asyncio.Transport,
        context: ssl.SSLContext,
        *,
        is_server: bool = False,
        name: str = "",
    ) -> asyncio.Transport | None:
        """Return the transport over TLS, or None if it is closed already. Raises OSError."""
        loop = asyncio.get_running_loop()
        # Before anything is read: that begins in the loop's next turn, after what is called there.
        loop.call_soon(self._meter, connection, carrier)
        secured: Any = await loop.start_tls(
            carrier,
            connection,
            context,
            server_side=is_server,
            server_hostname=name or None,
            ssl_handshake_timeout=self._settings.handshake_s,
            ssl_shutdown_timeout=_SHUTDOWN_S,
        )
        if secured is None or secured.is_closing():
            return None
        secured.set_read_buffer_limits(high=PIECE_BYTES)
        return cast("asyncio.Transport", secured)

    def _meter(self, connection: TcpConnection, carrier: asyncio.Transport) -> None:
        def cut() -> None:
            self._upcalls.on_cut(connection.flow, Rule.FLOODING, _RECORDS)
            connection.abort()

        secured = cast("asyncio.BufferedProtocol", carrier.get_protocol())
        carrier.set_protocol(RecordMeter(secured, connection, cut))

    async def explain(self, error: OSError, flow: Flow) -> str:
        """Return why a flow was not connected, as the rest of a sentence."""
        why = await tls.not_reached(error, flow) if flow.is_secure else ""
        return why or f"cannot connect to {flow._replace(name='')}"
