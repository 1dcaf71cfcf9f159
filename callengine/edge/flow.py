"""A flow (RFC 5626 section 3): the transport and address of a peer, as one value."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """What SIP says about one transport; there is one object of each, compared by identity."""

    name: str
    "As URIs and settings write it (RFC 3261 section 19.1.1)."
    via: str
    "As Via writes it (section 20.42)."
    is_reliable: bool
    "Whether nothing is lost on the way, so that no timer sends anything again (section 17)."
    is_secure: bool
    default_port: int
    "Where a URI or a Via without a port leads (sections 18.2.2 and 19.1.2)."

    @property
    def uri_parameter(self) -> str:
        """Return `;transport=...` as our own Contact has it, or nothing for UDP, the default."""
        return f";transport={self.name}" if self.is_reliable else ""


UDP = Transport("udp", "UDP", is_reliable=False, is_secure=False, default_port=5060)
TCP = Transport("tcp", "TCP", is_reliable=True, is_secure=False, default_port=5060)
TLS = Transport("tls", "TLS", is_reliable=True, is_secure=True, default_port=5061)
TRANSPORTS = {transport.name: transport for transport in (UDP, TCP, TLS)}
"By name."


class Flow(NamedTuple):
    """A peer's IP address (IPv6 without brackets) and port, and the transport between us."""

    transport: Transport
    host: str
    port: int
    name: str = ""
    """Where we connect over TLS: whose certificate must be shown there, the host of the URI that
    led there (RFC 5922 section 4). Such a connection is used for no other name."""

    @classmethod
    def parse(cls, text: str) -> "Flow":
        """Return the flow that `str` wrote: `udp:HOST:PORT`, `tcp:...`, `tls:HOST:PORT/NAME`.

        Raises:
            ValueError: it is no flow.
        """
        transport, _, rest = text.partition(":")
        place, _, name = rest.partition("/")
        host, _, port = place.rpartition(":")
        if transport not in TRANSPORTS or not host or not 0 < int(port) < 65536:
            raise ValueError(f"not a flow: {text!r}")
        return cls(TRANSPORTS[transport], host.strip("[]"), int(port), name)

    def __str__(self) -> str:
        name = f"/{self.name}" if self.name else ""
        return f"{self.transport.name}:{host_port(self.host, self.port)}{name}"

    @property
    def is_reliable(self) -> bool:
        """Tell a connection (RFC 3261 section 18) from UDP."""
        return self.transport.is_reliable

    @property
    def is_secure(self) -> bool:
        """Tell whether nobody between can read what passes."""
        return self.transport.is_secure


NOWHERE = Flow(UDP, "", 0)
"In place of the flow of what came from nobody."


def host_port(host: str, port: int) -> str:
    """Return `HOST:PORT` as URIs and Via write it, IPv6 in square brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
