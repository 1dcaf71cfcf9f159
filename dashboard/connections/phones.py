"""What to type into a phone so that it registers: pure, from what the engine listens on."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Server:
    """One address that phones may register at."""

    host: str
    "Empty if only a person can know: `words` then says how to find it."
    port: str
    transports: tuple[str, ...]
    words: str = ""

    @property
    def authority(self) -> str:
        """The host, with its port unless that is the usual one, as after the @ of an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = "5061" if self.transports == ("tls",) else "5060"
        return host if self.port == usual else f"{host}:{self.port}"

    @property
    def transport_text(self) -> str:
        """`UDP or TCP`."""
        return " or ".join(name.upper() for name in self.transports)


def servers(
    listening: Sequence[str], *, public_address: str, page_host: str, tls_name: str = ""
) -> tuple[Server, ...]:
    """Return where phones may register; over TLS at `tls_name`, which they hold certificates to.

    `listening` are the engine's `transport:host:port`; `page_host` is the host name under which
    the person reached these pages: a hint for who listens on every address.
    """
    addresses: dict[tuple[str, str], list[str]] = {}
    for text in listening:
        transport, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        addresses.setdefault((host.strip("[]"), port), []).append(transport)
    return tuple(
        _server(
            *(host, port, tuple(transports)),
            tls_name if tls_name and transports == ["tls"] else public_address,
            page_host,
        )
        for (host, port), transports in addresses.items()
    )


def _server(
    host: str, port: str, transports: tuple[str, ...], public_address: str, page_host: str
) -> Server:
    if public_address:
        return Server(public_address, port, transports)
    if _is(host, "is_unspecified"):
        hint = f", probably {page_host}" if page_host and not _is_local(page_host) else ""
        words = (
            f"The address under which the phone reaches this machine{hint}: the engine listens on "
            "every address it has. Set VOIPNUMBER_PUBLIC_ADDRESS, and it stands here."
        )
        return Server("", port, transports, words)
    words = "Only phones on this machine reach it." if _is(host, "is_loopback") else ""
    return Server(host, port, transports, words)


def _is_local(host: str) -> bool:
    return host == "localhost" or _is(host, "is_loopback")


def _is(host: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host.strip("[]")), what))
    except ValueError:
        return False
