"""What a call plan is made from: plain rows, as they were read for one call."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Contact:
    """One registered binding of a Connection (RFC 3261 section 10)."""

    uri: str
    "The Contact URI as the phone gave it."
    flow: str
    "Where it is reached, as `udp:HOST:PORT` or `tcp:HOST:PORT`."
    user_agent: str = ""
    path: tuple[str, ...] = ()
    "Route elements of a request to it (RFC 3327); the first hop is `flow` all the same."


@dataclass(frozen=True, slots=True)
class ConnectionEntry:
    """A SIP endpoint."""

    sip_user: str
    name: str
    enabled: bool = True
    inbound_codecs: tuple[str, ...] = ()
    outbound_codecs: tuple[str, ...] = ()
    force_on_caller: bool = False
    address: str = ""
    "Fixed SIP URI used instead of registrations; empty if it registers."
    concurrent_calls: int | None = None
    contacts: tuple[Contact, ...] = ()
    "Unexpired registrations, the most recently refreshed first."
    caller_id: str = "rewrite"
    "What becomes of a From that is not its own: `rewrite`, `refuse`, or `any` passes."


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """One gateway of a Trunk; a lower priority number is tried first."""

    uri: str
    priority: int


@dataclass(frozen=True, slots=True)
class TrunkEntry:
    """A carrier."""

    name: str
    enabled: bool = True
    in_codecs: tuple[str, ...] = ()
    out_codecs: tuple[str, ...] = ()
    gateways: tuple[GatewayEntry, ...] = ()
    concurrent_calls: int | None = None
    "At once, both ways together."
    out_username: str = ""
    out_password: str = field(default="", repr=False)
    hosts: tuple[str, ...] = ()
    "Its access list and the hosts of its gateways: addresses, networks (CIDR) and names."
    media_also_from: tuple[str, ...] = ()
    "Networks its media comes from, besides what its SDP and its signalling name."


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A prefix and the trunks tried for it, in order."""

    prefix: str
    trunks: tuple[TrunkEntry, ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """Everything the directory holds about one dialled user part; nothing set: unknown."""

    number: str = ""
    "The Number row that matched, if one did."
    connection: ConnectionEntry | None = None
    trunk: TrunkEntry | None = None
    route: RouteEntry | None = None
    "The Route with the longest matching prefix, if neither a Number nor a Connection matched."


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings of the whole platform."""

    codecs: tuple[str, ...]
    external_sip: bool = False
    available_codecs: tuple[str, ...] = ()
    "What this engine's call processes can do now."


SourceKind = Literal["connection", "trunk", "external"]


@dataclass(frozen=True, slots=True)
class Source:
    """Who calls, as the edge established it (digest, access list, or nobody known)."""

    kind: SourceKind
    address: str
    "Source IP address of the INVITE."
    connection: ConnectionEntry | None = None
    trunk: TrunkEntry | None = None

    @property
    def label(self) -> str:
        """`connection:alice`, `trunk:carrier-one` or `external:203.0.113.7`."""
        if self.connection is not None:
            return f"connection:{self.connection.sip_user}"
        if self.trunk is not None:
            return f"trunk:{self.trunk.name}"
        return f"external:{self.address}"
