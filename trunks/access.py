"""Which trunk an address belongs to; host names in access lists are resolved by their TTL."""

import ipaddress
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from sip.answerlife import RETRY_S, STALE_WAIT_S, life

logger = logging.getLogger(__name__)

MAX_AGE_S = 1.0
"After how long the names of access lists are resolved again."
FIRST_WAIT_S = 2.0
"How long a first look-up may hold up a request; later ones are answered from the cache."
Lookup = Callable[[str], tuple[tuple[str, ...], float]]
"Return a host's addresses and for how many seconds they hold; raises OSError: nobody knows."
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAPPED_BITS = 96
"Of ::ffff:0:0/96 (RFC 4291 section 2.5.5.2)."


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One trunk's access list: networks in CIDR form and host names, as stored."""

    name: str
    enabled: bool
    username: str
    allowed: tuple[str, ...]
    domain: str = ""
    "What its calls must be addressed to, in small letters; empty: anything."

    def lacks(self, domain: str) -> str:
        """Return what a call lacks to be this trunk's, in words; empty if nothing but credentials.

        `domain` is what it is addressed to.
        """
        if self.domain and domain.lower() != self.domain:
            return f"its calls are addressed to {self.domain}, and this one to {domain}"
        return ""

    @property
    def is_weak(self) -> bool:
        """Whether anybody who knows its domain may call as this trunk."""
        return bool(self.domain) and not (self.allowed or self.username)


def parse_address(text: str) -> Address | None:
    """Return the address; an IPv4-mapped IPv6 address gives its IPv4 address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def parse_network(text: str) -> Network:
    """Return a network; one of IPv4-mapped IPv6 addresses gives its IPv4 network.

    Raises ValueError for anything else, such as a host name.
    """
    network = ipaddress.ip_network(text)
    mapped = network.network_address
    if isinstance(mapped, ipaddress.IPv6Address) and network.prefixlen >= _MAPPED_BITS:
        inner = mapped.ipv4_mapped
        if inner is not None:
            return ipaddress.ip_network((inner, network.prefixlen - _MAPPED_BITS))
    return network


class AccessTable:
    """All access lists, parsed once. Finding costs one look-up for each length of prefix in use."""

    def __init__(
        self,
        entries: Iterable[AccessEntry],
        addresses: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """Parse what the entries hold; `addresses` are those of the host names among it."""
        self.has_credentials_alone = False
        "Whether an enabled trunk may call from anywhere, by its credentials alone."
        self._enabled, self._disabled = _Networks(), _Networks()
        self._hosts: list[tuple[str, AccessEntry]] = []
        "Host names of the lists, and whose they are: of enabled trunks first, by name."
        self._asking: dict[str, AccessEntry] = {}
        self._anywhere: list[AccessEntry] = []
        "Enabled trunks that are known by something other than their address and a password."
        # By name, those that ask for more before others that hold the same network.
        asks = {entry: bool(entry.domain) for entry in entries}
        for entry in sorted(asks, key=lambda entry: (not asks[entry], entry.name)):
            if entry.allowed or asks[entry]:
                self._asking[entry.name] = entry
            networks = self._enabled if entry.enabled else self._disabled
            for item in entry.allowed:
                networks.add(item, addresses, entry)
                if not _is_network(item):
                    self._hosts.append((item, entry))
            if entry.enabled and not entry.allowed and asks[entry]:
                self._anywhere.append(entry)
            elif entry.enabled and entry.username and not entry.allowed:
                self.has_credentials_alone = True

        self._hosts.sort(key=lambda host: not host[1].enabled)

    def certified(self, is_for: Callable[[str], bool]) -> AccessEntry | None:
        """Return the entry whose list has a host name that a certificate is for."""
        return next((entry for host, entry in self._hosts if is_for(host)), None)

    def find(self, address: str, domain: str = "") -> tuple[AccessEntry, str] | None:
        """Return the entry whose call this is, and what the call lacks to be that, if anything.

        If several lists hold `address`: enabled ones first, then the narrowest network, then by
        name; of one that lacks something only if there is no other.
        """
        wanted = parse_address(address)
        if wanted is None:
            return None
        here = [*self._enabled.holding(wanted), *self._anywhere, *self._disabled.holding(wanted)]
        for entry in here:
            if not entry.lacks(domain):
                return entry, ""
        near = next((entry for entry in here if entry.allowed), None)
        return (near, near.lacks(domain)) if near is not None else None

    def is_from(self, address: str, entry: AccessEntry) -> bool:
        """Tell whether an entry's list holds `address`, or is empty."""
        wanted = parse_address(address)
        return not entry.allowed or (wanted is not None and entry in self._enabled.holding(wanted))

    def by_name(self, name: str) -> AccessEntry | None:
        """Return the entry of a trunk that answered a challenge, if it asks for more than that."""
        return self._asking.get(name)


class _Networks:
    """Networks by IP version and length of prefix, each with whose it is."""

    def __init__(self) -> None:
        self._by_length: dict[int, dict[int, dict[int, list[AccessEntry]]]] = {4: {}, 6: {}}

    def add(self, item: str, addresses: Mapping[str, Sequence[str]], entry: AccessEntry) -> None:
        try:
            network = parse_network(item)
        except ValueError:
            for text in addresses.get(item, ()):
                if (address := parse_address(text)) is not None:
                    self._put(address, address.max_prefixlen, entry)
        else:
            self._put(network.network_address, network.prefixlen, entry)

    def _put(self, address: Address, length: int, entry: AccessEntry) -> None:
        of_length = self._by_length[address.version].setdefault(length, {})
        here = of_length.setdefault(int(address) >> address.max_prefixlen - length, [])
        if entry not in here:
            here.append(entry)

    def holding(self, address: Address) -> Iterator[AccessEntry]:
        """Yield whose networks hold an address, the narrowest first."""
        by_length, bits = self._by_length[address.version], int(address)
        for length in sorted(by_length, reverse=True):
            yield from by_length[length].get(bits >> address.max_prefixlen - length, ())


def addresses_within(
    addresses: Iterable[str], allowed: Iterable[str], resolve: Callable[[str], Sequence[str]]
) -> set[str]:
    """Return those addresses that one access list holds."""
    networks, hosts_addresses = [], set()
    for item in allowed:
        try:
            networks.append(parse_network(item))
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


def host_names(entries: Iterable[AccessEntry]) -> set[str]:
    """Return those items of access lists that are no networks."""
    return {item for entry in entries for item in entry.allowed if not _is_network(item)}


@lru_cache(maxsize=65536)
def _is_network(item: str) -> bool:
    try:
        ipaddress.ip_network(item)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class _Cached:
    addresses: tuple[str, ...] = ()
    fresh_until_s: float = 0.0
    serves_until_s: float = 0.0
    answered: bool = False
    is_failing: bool = False
    pending: Future[tuple[str, ...]] | None = None
    wait_until_s: float = 0.0
    "Until when the look-up under way may hold up a request."


class HostCache:
    """Addresses of host names, looked up on threads of its own and kept as long as they say.

    An answer that is outdated serves for a day while there is no newer one. A request is held up
    for `first_wait_s` at most by a name that was never seen, and for less by one whose answer is
    outdated, unless the last look-up failed.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        clock: Callable[[], float] = time.monotonic,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        self._lookup = lookup
        self._clock = clock
        self._first_wait_s = first_wait_s
        self._known: dict[str, _Cached] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="access-list-dns")

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return a host's addresses as last seen; none for one that never answered."""
        with self._lock:
            cached = self._start(host)
            pending, wait_s = cached.pending, cached.wait_until_s - self._clock()
            if pending is None or wait_s <= 0:
                return cached.addresses
        try:
            return pending.result(wait_s)
        except FutureTimeoutError:
            logger.warning("host name %s of a trunk's access list: no answer yet", host)
        with self._lock:
            cached.is_failing = True
            return cached.addresses

    def resolve_all(self, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the addresses of several hosts; what is waited for is waited for together."""
        names = list(names)
        with self._lock:
            for host in names:
                self._start(host)
        return {host: self.resolve(host) for host in names}

    def _start(self, host: str) -> _Cached:
        """Have a host looked up if its answer is outdated. Under the lock."""
        now = self._clock()
        cached = self._known.setdefault(host, _Cached())
        if cached.pending is None and now >= cached.fresh_until_s:
            wait_s = (
                min(STALE_WAIT_S, self._first_wait_s) if cached.answered else self._first_wait_s
            )
            cached.wait_until_s = now if cached.is_failing else now + wait_s
            cached.pending = self._threads.submit(self._refresh, host, cached)
        return cached

    def _refresh(self, host: str, cached: _Cached) -> tuple[str, ...]:
        try:
            addresses, holds_s = self._lookup(host)
        except OSError as error:
            if not cached.is_failing:
                logger.warning("host name %s of a trunk's access list: %s", host, error)
            return self._failed(cached)
        with self._lock:
            its = life(self._clock(), holds_s, is_empty=not addresses)
            cached.addresses, cached.is_failing = addresses, False
            cached.fresh_until_s, cached.serves_until_s = its
            cached.answered, cached.pending = True, None
            return addresses

    def _failed(self, cached: _Cached) -> tuple[str, ...]:
        """A resolver that fails for a while does not shut a carrier out."""
        with self._lock:
            now = self._clock()
            if now >= cached.serves_until_s:
                cached.addresses = ()
            cached.fresh_until_s, cached.is_failing = now + RETRY_S, True
            cached.answered, cached.pending = True, None
            return cached.addresses


class AccessLists:
    """The access lists as they are stored, parsed when they have changed; for any thread.

    The addresses of host names among them are those of a second ago at most: strangers make this
    be asked, so names are resolved once a second however many do.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[AccessEntry]],
        *,
        resolve_all: Callable[[Iterable[str]], Mapping[str, Sequence[str]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` gives what is stored; it is quick, and gives the same object until it changes."""
        self._read = read
        self._resolve_all = resolve_all
        self._clock = clock
        self._lock = threading.Lock()
        self._table = AccessTable(())
        self._entries: Sequence[AccessEntry] | None = None
        self._names: set[str] = set()
        self._addresses: Mapping[str, Sequence[str]] = {}
        self._good_until_s = -math.inf

    def ready(self) -> AccessTable | None:
        """Return the table if it can be told without waiting; None: ask `table`."""
        if self._read() is not self._entries:
            return None
        return None if self._names and self._clock() >= self._good_until_s else self._table

    def table(self) -> AccessTable:
        """Return the table.

        A host name is waited for when it is new, or its answer outdated, for two seconds at most:
        never call this on an event loop's thread.
        """
        with self._lock:
            now, entries = self._clock(), self._read()
            is_changed = entries is not self._entries
            if is_changed:
                self._names = host_names(entries)
            if is_changed or now >= self._good_until_s:
                addresses = self._resolve_all(self._names)
                if is_changed or addresses != self._addresses:
                    self._table = AccessTable(entries, addresses)
                self._entries, self._addresses = entries, addresses
                self._good_until_s = now + MAX_AGE_S
            return self._table
