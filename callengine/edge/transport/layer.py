"""The transport layer (RFC 3261 section 18): every public socket, under the flows of peers."""

from callengine.edge.flow import TRANSPORTS, Flow, Transport
from callengine.edge.settings import EdgeSettings
from callengine.edge.transport.connection import OnUnreachable
from callengine.edge.transport.listeners import bind
from callengine.edge.transport.tcp import TcpTransport
from callengine.edge.transport.tls import Tls
from callengine.edge.transport.udp import UdpListener, UdpTransport
from callengine.edge.transport.upcalls import Upcalls


class Transports:
    """Sends to flows, and reports what comes from them."""

    def __init__(self, settings: EdgeSettings, upcalls: Upcalls) -> None:
        self._settings = settings
        self._udp = UdpTransport(upcalls, max_message_bytes=settings.max_message_bytes)
        self.tls = Tls(settings.tls)
        self._tcp = TcpTransport(settings, upcalls, self.tls)

    @property
    def udp(self) -> list[UdpListener]:
        """Return the UDP sockets, in the order of the settings."""
        return self._udp.listeners

    @property
    def datagrams(self) -> UdpTransport:
        """Return what holds the UDP sockets."""
        return self._udp

    @property
    def tcp(self) -> list[tuple[Transport, str, int]]:
        """Return the addresses where connections are accepted, over TCP or TLS."""
        return self._tcp.addresses

    async def start(self) -> None:
        """Open every listener, or none.

        Raises:
            AddressTakenError: one cannot be opened.
            CertificateError: our certificate cannot be used.
        """
        self.tls.load()
        try:
            for name, host, port in self._settings.listen:
                sock = bind(TRANSPORTS[name], host, port)
                if TRANSPORTS[name].is_reliable:
                    await self._tcp.listen(TRANSPORTS[name], sock)
                else:
                    self._udp.listen(sock)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close every socket and connection, in bounded time whatever a peer does."""
        self._udp.close()
        await self._tcp.close()

    def has_connection(self, flow: Flow) -> bool:
        """Tell whether a TCP flow is still connected (or about to be)."""
        return self._tcp.has_connection(flow)

    def certified_names(self, flow: Flow) -> tuple[str, ...]:
        """Return whom the client certificate names that was shown on an accepted connection.

        Domains, in small letters, as `transport.certificates.fits` takes them; none if it showed
        none, or is gone.
        """
        return self._tcp.certified_names(flow)

    def has_room_for(self, host: str) -> bool:
        """Tell whether one more TCP connection with a host keeps within the bounds."""
        return self._tcp.has_room_for(host)

    def listener_for(self, flow: Flow) -> UdpListener | None:
        """Return the UDP socket this peer talks to, or the first of its family."""
        return self._udp.listener_for(flow)

    def send(self, flow: Flow, data: bytes, on_unreachable: OnUnreachable = lambda _: None) -> None:
        """Send to a flow; a TCP connection that is not there is opened.

        If that fails, `on_unreachable(why)` is called later, and that of the upcalls.
        """
        if flow.is_reliable:
            self._tcp.send(flow, data, on_unreachable)
        else:
            self._udp.send(flow, data)

    def close_idle(self, now: float) -> None:
        """Close TCP connections that were silent too long or slow; `now` is monotonic seconds."""
        self._tcp.close_idle(now)
        self.tls.keep_current(now)
