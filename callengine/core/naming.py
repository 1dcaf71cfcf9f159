"""Where a SIP URI leads, by the records of its domain (RFC 3263). Pure.

`locate` is a conversation: it yields a `Question` at a time, is sent the records that answer it
(none: there are none), and returns the targets in the order they are tried.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, TypeVar

MAX_TARGETS = 8
"Addresses that one URI leads to, at most: more of them nobody waits for."
MAX_RECORDS = 32
"Records of one answer that are followed, of those that come first by priority and lot."
MAX_READ = 1000
"Records of one answer that are read."
_SERVICES = {"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls"}
"NAPTR services and their transport (RFC 3263 section 4.1)."
_LABELS = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}

Chance = Callable[[], float]
"Returns a number from 0 up to 1, without 1."
Kind = Literal["NAPTR", "SRV", "A", "AAAA"]
Item = TypeVar("Item")


class NowhereError(ValueError):
    """A URI leads nowhere; the text says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be found: the parts of a SIP URI that say where it leads."""

    host: str
    "A name or an IP address, without brackets."
    is_secure: bool = False
    "Whether the scheme is `sips`."
    port: int | None = None
    transport: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask of the DNS."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Naptr:
    """One NAPTR record (RFC 3403)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class HostAddress:
    """One A or AAAA record."""

    host: str


Record = Naptr | Srv | HostAddress
Records = Sequence[Record]


@dataclass(frozen=True, slots=True)
class NextHop:
    """One place to try."""

    transport: str
    host: str
    "An IP address."
    port: int
    name: str = ""
    "The host of the URI: what a certificate must name (RFC 5922 section 4)."
    via: str = ""
    "The name that the address belongs to; nothing if the URI holds an address."


def locate(
    wanted: Wanted, *, spoken: Sequence[str], chance: Chance
) -> Generator[Question, Records, tuple[NextHop, ...]]:
    """Return the targets of a URI, first to try first; yields what must be asked for.

    `spoken` are the transports that we have, the best first.

    Raises:
        NowhereError: there is no target.
    """
    if _is_address(wanted.host):
        transport = _transport(wanted, spoken)
        return (NextHop(transport, wanted.host, _port(wanted, transport), wanted.host),)
    places = yield from _places(wanted, spoken, chance)
    targets: list[NextHop] = []
    for transport, name, port in places:
        hosts = yield from _addresses(name)
        targets += [NextHop(transport, host, port, wanted.host, name) for host in hosts]
        if len(targets) >= MAX_TARGETS:
            break
    if not targets:
        raise NowhereError(f"{wanted.host} has no address")
    return tuple(dict.fromkeys(targets))[:MAX_TARGETS]


def by_weight(
    rows: Iterable[tuple[int, int, Item]], chance: Chance | None, *, most: int = MAX_READ
) -> list[Item]:
    """Order (priority, weight, item) rows: by priority, and by lot among equal ones (RFC 2782).

    Without `chance` the heaviest come first. Of many the first `most` are returned.
    """
    groups: dict[int, list[tuple[int, Item]]] = {}
    for priority, weight, item in rows:
        groups.setdefault(priority, []).append((weight, item))
    ordered: list[Item] = []
    for priority in sorted(groups):
        if chance is None:
            ordered += [item for _, item in sorted(groups[priority], key=lambda row: -row[0])]
            continue
        # Those without weight come first, so that they are picked only by a lot of 0.
        left = sorted(groups[priority], key=lambda row: row[0] > 0)
        while left and len(ordered) < most:
            ordered.append(left.pop(_drawn([weight for weight, _ in left], chance))[1])
    return ordered[:most]


def _drawn(weights: Sequence[int], chance: Chance) -> int:
    lot = int(chance() * (sum(weights) + 1))
    running = 0
    for place, weight in enumerate(weights):
        running += weight
        if running >= lot:
            return place
    return len(weights) - 1


_Place = tuple[str, str, int]
"Transport, name and port."


def _places(
    wanted: Wanted, spoken: Sequence[str], chance: Chance
) -> Generator[Question, Records, list[_Place]]:
    """Return transport, name and port to look addresses up for (RFC 3263 sections 4.1, 4.2)."""
    if wanted.port is not None:
        transport = _transport(wanted, spoken)
        return [(transport, wanted.host, wanted.port)]
    if wanted.transport:
        transport = _transport(wanted, spoken)
        services = [(transport, f"{_LABELS[transport]}.{wanted.host}")]
    else:
        services = yield from _services(wanted, spoken)
    for transport, name in services:
        records = yield Question(name, "SRV")
        named = [record for record in records[:MAX_READ] if isinstance(record, Srv)]
        srv = [record for record in named if record.target not in ("", ".") and record.port]
        if named and not srv:
            raise NowhereError(f"{wanted.host} says that it does not take SIP over {transport}")
        # One transport alone: going on to another could be a step down from TLS.
        if srv:
            rows = ((one.priority, one.weight, one) for one in srv)
            chosen = by_weight(rows, chance, most=MAX_RECORDS)
            return [(transport, one.target, one.port) for one in chosen]
    transports = {transport for transport, _ in services}
    transport = "tls" if transports == {"tls"} else _transport(wanted, spoken)
    return [(transport, wanted.host, _PORTS[transport])]


def _services(
    wanted: Wanted, spoken: Sequence[str]
) -> Generator[Question, Records, list[tuple[str, str]]]:
    """Return transports and the names of their SRV records, the domain's favourite first."""
    usable = [name for name in spoken if name == "tls" or not wanted.is_secure]
    records = yield Question(wanted.host, "NAPTR")
    read = [record for record in records[:MAX_READ] if isinstance(record, Naptr)]
    naptr = [record for record in read if record.flags.lower() == "s"]
    naptr.sort(key=lambda one: (one.order, one.preference))
    del naptr[MAX_RECORDS:]
    named = [
        (_SERVICES[one.service.lower()], one.replacement)
        for one in naptr
        if _SERVICES.get(one.service.lower()) in usable
    ]
    if named:
        # Whoever prefers TLS is not called in clear because its SRV records cannot be had.
        wants_tls = named[0][0] == "tls"
        return [one for one in named if one[0] == "tls"] if wants_tls else named
    if any(one.service.lower() in _SERVICES for one in naptr):
        raise NowhereError(f"{wanted.host} takes SIP only over transports that are not spoken here")
    return [(transport, f"{_LABELS[transport]}.{wanted.host}") for transport in usable]


def _addresses(name: str) -> Generator[Question, Records, list[str]]:
    """Return the addresses of a name, IPv4 first."""
    if _is_address(name):
        return [name]
    hosts: list[str] = []
    kinds: tuple[Kind, ...] = ("A", "AAAA")
    for kind in kinds:
        records = yield Question(name, kind)
        hosts += [one.host for one in records[:MAX_RECORDS] if isinstance(one, HostAddress)]
    return hosts


def _transport(wanted: Wanted, spoken: Sequence[str]) -> str:
    """Return the transport that a URI names, or goes by without records."""
    name = wanted.transport or ("tls" if wanted.is_secure else "udp")
    if wanted.is_secure and name == "tcp":
        name = "tls"  # RFC 3261 section 26.2.2: sips over TCP means TLS over it
    if name not in spoken or (wanted.is_secure and name != "tls"):
        raise NowhereError(
            f"transport {name} is not supported, only {' and '.join(spoken)}"
            if not wanted.is_secure
            else "sips: URIs cannot be reached, as TLS is not spoken here"
        )
    return name


def _port(wanted: Wanted, transport: str) -> int:
    return wanted.port or _PORTS[transport]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
