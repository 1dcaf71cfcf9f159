"""Which trunk an address belongs to. Host names in access lists are resolved with a short cache."""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

logger = logging.getLogger(__name__)

CACHE_S = 60.0
FIRST_WAIT_S = 2.0
"How long a first look-up may hold up a request; later ones are answered from the cache."
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One trunk's access list."""

    name: str
    enabled: bool
    username: str
    allowed: tuple[str, ...]


def parse_address(text: str) -> Address | None:
    """Return the address; an IPv4-mapped IPv6 address gives its IPv4 address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def find_access(
    address: str, entries: Iterable[AccessEntry], resolve: Callable[[str], Sequence[str]]
) -> AccessEntry | None:
    """Return the entry whose list holds `address`.

    If several do: enabled ones first, then the narrowest network, then by name.
    """
    wanted = parse_address(address)
    if wanted is None:
        return None
    found = [
        (not entry.enabled, -bits, entry.name, entry)
        for entry in entries
        if (bits := _narrowest(wanted, entry.allowed, resolve)) is not None
    ]
    return min(found, key=lambda match: match[:3])[3] if found else None


def addresses_within(
    addresses: Iterable[str], allowed: Iterable[str], resolve: Callable[[str], Sequence[str]]
) -> set[str]:
    """Return those addresses that one access list holds."""
    networks, hosts_addresses = [], set()
    for item in allowed:
        try:
            networks.append(ipaddress.ip_network(item))
        except ValueError:
            hosts_addresses |= {parse_address(text) for text in resolve(item)}
    held = set()
    for text in addresses:
        address = parse_address(text)
        if address is None:
            continue
        if address in hosts_addresses or any(address in network for network in networks):
            held.add(text)
    return held


def _narrowest(
    address: Address, allowed: Iterable[str], resolve: Callable[[str], Sequence[str]]
) -> int | None:
    """Return the prefix length of the narrowest network that holds the address, if one does."""
    lengths: list[int] = []
    for item in allowed:
        try:
            network = ipaddress.ip_network(item)
        except ValueError:
            if any(parse_address(text) == address for text in resolve(item)):
                lengths.append(address.max_prefixlen)
            continue
        if address in network:
            lengths.append(network.prefixlen)
    return max(lengths, default=None)


def system_lookup(host: str) -> tuple[str, ...]:
    """Return a host's addresses from the system's resolver; empty if it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        logger.warning("host name %s of a trunk's access list: %s", host, error)
        return ()
    return tuple(sorted({str(item[4][0]) for item in found}))


@dataclass(slots=True)
class _Cached:
    wait_until_s: float
    "Until when a first look-up may still hold up a request."
    addresses: tuple[str, ...] = ()
    fresh_until_s: float = 0.0
    answered: bool = False
    pending: Future[tuple[str, ...]] | None = None


class HostCache:
    """Addresses of host names, looked up on threads of its own and kept for a minute.

    `resolve` blocks only for a name never seen before, and then for `first_wait_s` at most; an
    outdated answer is given while a new one is fetched.
    """

    def __init__(
        self,
        *,
        lookup: Callable[[str], tuple[str, ...]] = system_lookup,
        clock: Callable[[], float] = time.monotonic,
        cache_s: float = CACHE_S,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._lookup = lookup
        self._clock = clock
        self._cache_s = cache_s
        self._first_wait_s = first_wait_s
        self._known: dict[str, _Cached] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="access-list-dns")

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return the host's addresses, as last seen."""
        with self._lock:
            now = self._clock()
            cached = self._known.setdefault(host, _Cached(now + self._first_wait_s))
            if cached.pending is None and now >= cached.fresh_until_s:
                cached.pending = self._threads.submit(self._refresh, host, cached)
            pending, wait_s = cached.pending, cached.wait_until_s - now
            if cached.answered or pending is None or wait_s <= 0:
                return cached.addresses
        try:
            return pending.result(wait_s)
        except FutureTimeoutError:
            logger.warning("host name %s of a trunk's access list: no answer yet", host)
            return ()

    def _refresh(self, host: str, cached: _Cached) -> tuple[str, ...]:
        addresses = self._lookup(host)
        with self._lock:
            # A resolver that fails for a moment does not shut a carrier out.
            if addresses or not cached.addresses:
                cached.addresses = addresses
            cached.fresh_until_s = self._clock() + self._cache_s
            cached.answered = True
            cached.pending = None
            return cached.addresses

    def forget(self) -> None:
        """Forget every answer."""
        with self._lock:
            self._known.clear()


hosts = HostCache()
"The process's own cache."
