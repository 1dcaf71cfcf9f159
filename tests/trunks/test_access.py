"""Which trunk an address belongs to, and the host names in between."""

import threading
import time
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunks.access import (
    AccessEntry,
    AccessLists,
    AccessTable,
    HostCache,
    parse_address,
)


def entry(name: str, *allowed: str, enabled: bool = True) -> AccessEntry:
    return AccessEntry(name, enabled, "", allowed)


CASES = [
    ("192.0.2.7", [entry("a", "192.0.2.7/32")], "a"),
    ("192.0.2.8", [entry("a", "192.0.2.7/32")], None),
    ("192.0.2.8", [entry("a", "192.0.2.0/24"), entry("b", "192.0.2.8/32")], "b"),
    ("192.0.2.8", [entry("b", "192.0.2.8/32"), entry("a", "192.0.2.8/32")], "a"),
    ("192.0.2.8", [entry("a", "192.0.2.8/32", enabled=False), entry("b", "0.0.0.0/0")], "b"),
    ("192.0.2.8", [entry("a", "192.0.2.8/32", enabled=False)], "a"),
    ("::ffff:192.0.2.8", [entry("a", "192.0.2.0/24")], "a"),
    ("192.0.2.8", [entry("a", "::ffff:192.0.2.8/128")], "a"),
    ("192.0.2.8", [entry("a", "::ffff:c000:200/120"), entry("b", "192.0.2.0/28")], "b"),
    ("192.0.3.8", [entry("a", "::ffff:192.0.2.0/120")], None),
    ("2001:db8::1", [entry("a", "::ffff:0:0/96")], None),
    ("2001:db8::1", [entry("a", "192.0.2.0/24", "2001:db8::/32")], "a"),
    ("192.0.2.8", [entry("a", "gw.example")], None),
    ("192.0.2.9", [entry("a", "gw.example")], "a"),
    ("192.0.2.9", [entry("z", "gw.example"), entry("a", "192.0.2.0/24")], "z"),
    ("nonsense", [entry("a", "0.0.0.0/0", "::/0")], None),
    ("", [entry("a", "0.0.0.0/0")], None),
    ("192.0.2.9", [entry("a")], None),
]


@pytest.mark.parametrize(("address", "entries", "found"), CASES)
def test_the_trunk_of_an_address(address, entries, found):
    match = AccessTable(entries, {"gw.example": ("192.0.2.9",)}).find(address)
    assert (match[0].name if match else None) == found


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_the_ipv4_address(address):
    assert parse_address(f"::ffff:{address}") == address


class Resolver:
    """A resolver whose answers the test gives, and a clock it moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.asked: list[str] = []
        self.answers: dict[str, tuple[str, ...]] = {}
        self.ttl_s = 60.0
        self.fails = False
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.answered = threading.Semaphore(0)

    def lookup(self, host: str) -> tuple[tuple[str, ...], float]:
        self.asked.append(host)
        self.may_answer.wait(10)
        self.answered.release()
        if self.fails:
            raise OSError("SERVFAIL")
        return self.answers.get(host, ()), self.ttl_s


@pytest.fixture
def resolver():
    return Resolver()


@pytest.fixture
def cache(resolver):
    return HostCache(resolver.lookup, clock=lambda: resolver.now_s, first_wait_s=5)


def refreshed(cache: HostCache) -> None:
    """Wait until no look-up is under way."""
    for known in list(cache._known.values()):
        if known.pending is not None:
            known.pending.result(10)


@pytest.mark.parametrize(("ttl_s", "heeded_s"), [(60.0, 60.0), (0.0, 1.0), (1e9, 86_400.0)])
def test_a_name_is_looked_up_again_once_its_ttl_is_over(cache, resolver, ttl_s, heeded_s):
    resolver.answers["gw"], resolver.ttl_s = ("192.0.2.1",), ttl_s
    assert cache.resolve("gw") == cache.resolve("gw") == ("192.0.2.1",)
    resolver.now_s += heeded_s - 0.1
    cache.resolve("gw")
    assert resolver.asked == ["gw"]
    resolver.answers["gw"] = ("192.0.2.2",)
    resolver.now_s += 0.2
    assert cache.resolve("gw") == ("192.0.2.2",)


def test_an_outdated_answer_is_given_while_the_next_takes_long(cache, resolver):
    resolver.answers["gw"] = ("192.0.2.1",)
    cache.resolve("gw")
    resolver.answers["gw"] = ("192.0.2.2",)
    resolver.now_s += 61
    resolver.may_answer.clear()
    assert cache.resolve("gw") == ("192.0.2.1",)
    resolver.now_s += 1
    begun = time.monotonic()
    assert cache.resolve("gw") == ("192.0.2.1",)
    assert time.monotonic() - begun < 0.5
    resolver.may_answer.set()
    refreshed(cache)
    assert cache.resolve("gw") == ("192.0.2.2",)
    assert resolver.asked == ["gw", "gw"]


def test_servers_that_fail_shut_no_carrier_out_for_a_day_and_hold_nobody_up(cache, resolver):
    resolver.answers["gw"] = ("192.0.2.1",)
    cache.resolve("gw")
    resolver.fails = True
    for later_s in (61, 6, 86_000):
        resolver.now_s += later_s
        assert cache.resolve("gw") == ("192.0.2.1",)
        refreshed(cache)
    resolver.now_s += 1000
    cache.resolve("gw")
    refreshed(cache)
    assert cache.resolve("gw") == ()


def test_a_name_that_has_no_address_any_more_lets_nobody_in(cache, resolver):
    resolver.answers["gw"] = ("192.0.2.1",)
    cache.resolve("gw")
    resolver.answers.clear()
    resolver.now_s += 61
    assert cache.resolve("gw") == ()


def test_a_resolver_that_hangs_holds_up_only_the_first_requests(resolver):
    resolver.may_answer.clear()
    cache = HostCache(resolver.lookup, clock=lambda: resolver.now_s, first_wait_s=0.01)
    assert cache.resolve("gw") == ()
    resolver.now_s += 1
    assert cache.resolve("gw") == ()
    assert resolver.asked == ["gw"]
    resolver.answers["gw"] = ("192.0.2.1",)
    resolver.may_answer.set()
    refreshed(cache)
    assert cache.resolve("gw") == ("192.0.2.1",)


def narrowest_by_comparing_all(address: str, entries: list[AccessEntry]) -> str | None:
    """The rule in its plainest form: every entry is looked at."""
    wanted = ip_address(address)
    matches = [
        (not entry.enabled, -network.prefixlen, entry.name)
        for entry in entries
        for network in map(ip_network, entry.allowed)
        if wanted in network
    ]
    return min(matches)[2] if matches else None


NETWORKS = st.builds(
    lambda address, length: str(ip_network((address, length), strict=False)),
    st.ip_addresses(v=4, network="192.0.2.0/28"),
    st.integers(0, 32),
)


@given(
    st.ip_addresses(v=4, network="192.0.2.0/28"),
    st.lists(st.tuples(st.lists(NETWORKS, max_size=4), st.booleans()), max_size=6),
)
def test_a_table_says_what_comparing_with_every_entry_says(address, lists):
    entries = [
        entry(f"t{number}", *allowed, enabled=enabled)
        for number, (allowed, enabled) in enumerate(lists)
    ]
    match = AccessTable(entries).find(str(address))
    assert (match[0].name if match else None) == narrowest_by_comparing_all(str(address), entries)


@pytest.mark.parametrize(
    ("alone", "credentials_alone"),
    [
        (AccessEntry("a", True, "user", ()), True),
        (AccessEntry("a", False, "user", ()), False),
        (AccessEntry("a", True, "", ()), False),
        (AccessEntry("a", True, "user", ("192.0.2.1/32",)), False),
    ],
)
def test_a_trunk_without_addresses_is_known_by_credentials_alone(alone, credentials_alone):
    assert AccessTable([alone]).has_credentials_alone is credentials_alone


class Stored:
    """Access lists that the test changes, and how often their names are resolved."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.entries = [entry("a", "192.0.2.1/32", "gw.example")]
        self.addresses = ("198.51.100.1",)
        self.resolved = 0
        self.lists = AccessLists(self.read, resolve_all=self.resolve, clock=lambda: self.now_s)

    def read(self) -> list[AccessEntry]:
        return self.entries

    def resolve(self, names) -> dict[str, tuple[str, ...]]:
        self.resolved += 1
        return dict.fromkeys(names, self.addresses)

    def holds(self, address: str) -> bool:
        return self.lists.table().find(address) is not None


def test_names_are_resolved_once_a_second_and_the_table_is_parsed_when_it_changed():
    stored = Stored()
    assert stored.lists.ready() is None
    first = stored.lists.table()
    stored.now_s += 0.99
    assert stored.lists.table() is stored.lists.ready() is first
    assert stored.resolved == 1
    stored.now_s += 0.01
    assert stored.lists.ready() is None
    assert stored.lists.table() is stored.lists.ready() is first
    assert stored.resolved == 2


def test_a_changed_list_holds_at_once_and_a_host_that_moved_after_a_second():
    stored = Stored()
    assert stored.holds("198.51.100.1")
    stored.addresses = ("198.51.100.2",)
    assert stored.holds("198.51.100.1")
    stored.now_s += 1
    held = [stored.holds(a) for a in ("192.0.2.1", "198.51.100.1", "198.51.100.2")]
    assert held == [True, False, True]
    stored.entries = [entry("a", "gw.example")]
    assert stored.lists.ready() is None
    assert not stored.holds("192.0.2.1")


def test_without_host_names_nothing_is_ever_waited_for():
    stored = Stored()
    stored.entries = [entry("a", "192.0.2.1/32")]
    table = stored.lists.table()
    stored.now_s += 1000
    assert stored.lists.ready() is table


def test_a_table_whose_reading_fails_is_read_again_at_once():
    lists = AccessLists(lambda: 1 / 0, resolve_all=lambda _: {}, clock=lambda: 0.0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            lists.table()


def test_many_names_that_nobody_resolves_hold_a_request_up_once(resolver):
    resolver.may_answer.clear()
    cache = HostCache(resolver.lookup, first_wait_s=0.3)
    begun = time.monotonic()
    assert cache.resolve_all([f"gw{number}" for number in range(10)]) == {
        f"gw{number}": () for number in range(10)
    }
    assert time.monotonic() - begun < 10 * 0.3
    resolver.may_answer.set()


def test_a_certificate_belongs_to_the_trunk_that_lists_its_name_enabled_ones_first() -> None:
    table = AccessTable(
        [
            AccessEntry("a", False, "", ("gw.example",)),
            AccessEntry("b", True, "", ("192.0.2.0/24", "gw.example")),
            AccessEntry("c", False, "", ("other.example",)),
        ]
    )
    for names, trunk in (({"gw.example"}, "b"), ({"other.example"}, "c"), ({"192.0.2.0/24"}, None)):
        entry = table.certified(lambda host, names=names: host in names)
        assert (entry and entry.name) == trunk


BOTH = ("192.0.2.1/32",)
SHARED = [
    AccessEntry("plain", True, "", ("192.0.2.0/24",)),
    AccessEntry("north", True, "", BOTH, "north.example"),
    AccessEntry("south", True, "", BOTH, "south.example"),
    AccessEntry("strict", True, "", ("198.51.100.0/24",), "strict.example"),
    AccessEntry("open", True, "", (), "open.example"),
    AccessEntry("named", True, "user", (), "named.example"),
]


@pytest.mark.parametrize(
    ("address", "domain", "found", "lacking"),
    [
        ("192.0.2.1", "north.example", "north", ""),
        ("192.0.2.1", "SOUTH.example", "south", ""),
        ("192.0.2.1", "192.0.2.99", "plain", ""),
        ("198.51.100.7", "x", "strict", "its calls are addressed to strict.example"),
        ("203.0.113.9", "open.example", "open", ""),
        ("203.0.113.9", "named.example", "named", ""),
        ("203.0.113.9", "x", None, ""),
    ],
)
def test_all_that_is_set_of_a_trunk_must_hold(address, domain, found, lacking):
    match = AccessTable(SHARED).find(address, domain)
    assert (match[0].name if match else None) == found
    assert match is None or match[1].startswith(lacking or "")
    assert match is None or bool(match[1]) == bool(lacking)


def test_a_domain_alone_is_weak_and_needs_no_challenge_of_everybody():
    table = AccessTable(SHARED)
    assert [entry.name for entry in SHARED if entry.is_weak] == ["open"]
    assert not table.has_credentials_alone
    assert table.by_name("named").lacks("x") != ""
    assert table.is_from("192.0.2.1", SHARED[1])
    assert not table.is_from("203.0.113.1", SHARED[1])
