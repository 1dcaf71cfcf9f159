"""Which addresses are ours, which one a peer sees, and where a SIP URI with an address leads."""

import ipaddress
import logging
import socket
from collections import OrderedDict
from functools import lru_cache

from callengine.edge.flow import TLS, TRANSPORTS, UDP, Flow, Transport
from callengine.edge.messages import families
from callengine.edge.messages.uris import URI, parse_uri
from callengine.edge.settings import EdgeSettings
from callengine.edge.transport.layer import Transports

logger = logging.getLogger(__name__)

_MAX_CACHED = 4096
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104
_SOMEWHERE = "192.0.2.1"
_SOMEWHERE_6 = "2001:db8::1"
"Not on this machine, nor on any network of its own (RFC 5737, RFC 3849)."
BUILT_IN_PHONES = ipaddress.IPv4Network("127.64.0.0/10")
"Where the phones of the codec lab are: on this machine, so no public address is shown to them."


class UnresolvableError(OSError):
    """A SIP URI leads nowhere; the message says why."""


@lru_cache(_MAX_CACHED)
def is_address(host: str) -> bool:
    """Tell whether a host is an IP address and not a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def host_of(uri_text: str) -> str:
    """Return the host of a SIP URI without brackets, or an empty string."""
    try:
        return parse_uri(uri_text).host.strip("[]")
    except ValueError:
        return ""


@lru_cache(_MAX_CACHED)
def is_built_in_phone(host: str) -> bool:
    """Tell a phone of the codec lab."""
    return host.startswith("127.") and ipaddress.ip_address(host) in BUILT_IN_PHONES


@lru_cache(_MAX_CACHED)
def is_private(host: str) -> bool:
    """Tell whether a host is an address that means nothing elsewhere."""
    return is_address(host) and ipaddress.ip_address(host.strip("[]")).is_private


def literal_flow(uri: URI) -> Flow | None:
    """Return the flow of a URI whose host is an IP address; None for a name.

    Raises:
        UnresolvableError: scheme or transport is not one we speak.
    """
    host = (uri.parameters.get("maddr") or uri.host).strip("[]")
    flow = flow_to(uri, host)
    return flow if is_address(host) else None


def flow_to(uri: URI, host: str) -> Flow:
    """Return the flow of a URI whose name has led to an address.

    Raises:
        UnresolvableError: scheme or transport is not one we speak.
    """
    transport = _transport(uri)
    name = uri.host.strip("[]").lower() if transport.is_secure else ""
    return Flow(transport, host, uri.port or transport.default_port, name)


def _transport(uri: URI) -> Transport:
    if uri.scheme not in ("sip", "sips"):
        raise UnresolvableError(f"{uri.scheme}: URIs cannot be reached, only sip: and sips:")
    name = (uri.parameters.get("transport") or "").lower()
    if name and name not in TRANSPORTS:
        spoken = ", ".join(TRANSPORTS)
        raise UnresolvableError(f"transport {name} is not supported, only {spoken}")
    if uri.scheme == "sips":  # RFC 3261 section 26.2.1; its transport=tcp means TLS over TCP
        if name == UDP.name:
            raise UnresolvableError("a sips: URI cannot be reached over UDP, only over TLS")
        return TLS
    return TRANSPORTS[name or UDP.name]


class Addresses:
    """The edge's own addresses, as peers see them."""

    def __init__(self, settings: EdgeSettings, transports: Transports) -> None:
        self._settings = settings
        self._transports = transports
        self._reached_from: OrderedDict[str, str] = OrderedDict()
        self._hosts: set[str] = set()
        self._public = dict(settings.public_addresses)
        self._learned: dict[str, str] = {}
        "By the address that a socket is bound to: as a STUN server sees it."

    def note_listeners(self) -> None:
        """Collect the names and addresses that mean this edge, once the sockets are open."""
        hosts = {"localhost", self._settings.realm.lower()}
        hosts |= {
            name.lower()
            for name in (self._settings.public_address, self._settings.tls_name)
            if name
        }
        bound = [item.host for item in self._transports.udp]
        bound += [host for _, host, _ in self._transports.tcp]
        hosts |= set(self._public.values())
        for host in bound:
            if host in _WILDCARDS:
                hosts |= {"127.0.0.1", "::1"} | _machine_addresses()
            else:
                hosts.add(host)
        self._hosts = hosts

    def learned(self, bound_host: str, public: str) -> None:
        """Take the address under which a STUN server sees a socket bound to `bound_host`."""
        if self._learned.get(bound_host) != public:
            logger.info("the public address of %s is %s, says the STUN server", bound_host, public)
        self._hosts.discard(self._learned.get(bound_host, ""))
        self._learned[bound_host] = public
        self._hosts.add(public)

    @property
    def ports(self) -> set[int]:
        return {item.port for item in self._transports.udp} | {p for *_, p in self._transports.tcp}

    def is_local_host(self, host: str, port: int | None) -> bool:
        """Tell whether `host[:port]` of a URI means this edge."""
        if port is not None and port not in self.ports:
            return False
        return host.strip("[]").lower() in self._hosts

    def public_address_for(self, flow: Flow) -> tuple[str, int]:
        """Return host and port that Contact, Via and SDP show to a peer."""
        bound_host, port = self._listener(flow)
        if flow.is_secure and self._settings.tls_name:
            # Who connects to us holds our certificate against what Contact says (RFC 5922).
            return self._settings.tls_name, port
        return self._address_for(flow, bound_host), port

    def local_address_for(self, flow: Flow) -> tuple[str, int]:
        """Return our own address and port toward a peer, as this machine has them."""
        bound_host, port = self._listener(flow)
        return self._local_address_to(flow.host) if bound_host in _WILDCARDS else bound_host, port

    def _address_for(self, flow: Flow, bound_host: str) -> str:
        is_wild = bound_host in _WILDCARDS
        local = self._local_address_to(flow.host) if is_wild else bound_host
        if is_built_in_phone(flow.host):
            return local
        public = self._public.get(local) or self._settings.public_address or ""
        if not public and not is_private(flow.host):
            # Peers on our side of the NAT reach us without it, and often not by way of it.
            public = self._learned.get(bound_host, "")
        return public if public and _family(public) == _family(flow.host) else local

    def ipv6_for_audio(self, flow: Flow, host: str) -> str:
        """Return our address for audio with a peer on a flow whose own goes over IPv6.

        `host` is where that is, if it is known. Empty: no IPv6 address of ours leads there.
        """
        is_over_ipv6 = families.is_over_ipv6(flow)
        local = self._known_address_to(host or (flow.host if is_over_ipv6 else _SOMEWHERE_6))
        if ":" not in local:
            return ""
        # A proxy beside us speaks from loopback for peers elsewhere.
        is_told = is_over_ipv6 and (not _is_loopback(flow.host) or _is_loopback(local))
        ours = self._address_for(flow, self._listener(flow)[0]) if is_told else ""
        if ":" not in ours:
            ours = self._public.get(local) or self._settings.public_address or ""
        return ours if ":" in ours else local

    def media_address_for(self, flow: Flow) -> str:
        """Return the IPv4 address of our audio, also for those who signal over IPv6."""
        host = self._address_for(flow, self._listener(flow)[0])
        if ":" not in host:
            return host
        if (public := self._settings.public_address) and ":" not in public:
            return public
        bound = (item.host for item in self._transports.udp if ":" not in item.host)
        first = next(bound, _WILDCARDS[0])
        return self._local_address_to(_SOMEWHERE) if first in _WILDCARDS else first

    def _listener(self, flow: Flow) -> tuple[str, int]:
        """Return where a peer reaches us: by its transport and, if that can be, its family."""
        of_kind = [(h, p) for kind, h, p in self._transports.tcp if kind is flow.transport]
        if of_kind:
            return next((at for at in of_kind if _family(at[0]) == _family(flow.host)), of_kind[0])
        if flow.is_secure:  # we only connect over it; a peer that connects to us finds nobody
            return _WILDCARDS[_family(flow.host) == socket.AF_INET6], flow.transport.default_port
        listener = self._transports.listener_for(flow)
        if listener is not None:
            return listener.host, listener.port
        return self._transports.tcp[0][1:] if self._transports.tcp else ("127.0.0.1", 5060)

    def _local_address_to(self, host: str) -> str:
        return self._known_address_to(host) or "127.0.0.1"

    def _known_address_to(self, host: str) -> str:
        """Return which address of ours leads to a host; empty: there is no route now."""
        if (address := self._reached_from.get(host)) is not None:
            return address
        if len(self._reached_from) >= _MAX_CACHED:
            self._reached_from.popitem(last=False)
        if address := _source_address(host):
            self._reached_from[host] = address
        return address or ""


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _source_address(host: str) -> str:
    """Ask the kernel which local address it would use; nothing is sent."""
    if not is_address(host):
        return ""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((host, 5060))
        except OSError:
            return ""
        return str(sock.getsockname()[0])


def _machine_addresses() -> set[str]:
    try:
        entries = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        entries = []
    outward = _source_address(_SOMEWHERE)
    return {str(entry[4][0]) for entry in entries} | ({outward} if outward else set())
