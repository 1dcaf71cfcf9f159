"""Which trunk an address belongs to, and the host names in between."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunks.access import AccessEntry, HostCache, find_access, parse_address, system_lookup


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
    match = find_access(address, entries, {"gw.example": ("192.0.2.9",)}.__getitem__)
    assert (match.name if match else None) == found


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_the_ipv4_address(address):
    assert parse_address(f"::ffff:{address}") == address


class Resolver:
    """A resolver whose answers the test gives, and a clock it moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.asked: list[str] = []
        self.answers: dict[str, tuple[str, ...]] = {}
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.answered = threading.Semaphore(0)

    def lookup(self, host: str) -> tuple[str, ...]:
        self.asked.append(host)
        self.may_answer.wait(10)
        self.answered.release()
        return self.answers.get(host, ())


@pytest.fixture
def resolver():
    return Resolver()


@pytest.fixture
def cache(resolver):
    return HostCache(lookup=resolver.lookup, clock=lambda: resolver.now_s, first_wait_s=5)


def refreshed(cache: HostCache) -> None:
    """Wait until no look-up is under way."""
    for known in list(cache._known.values()):
        if known.pending is not None:
            known.pending.result(10)


def test_a_name_is_looked_up_once_a_minute(cache, resolver):
    resolver.answers["gw"] = ("192.0.2.1",)
    assert cache.resolve("gw") == cache.resolve("gw") == ("192.0.2.1",)
    resolver.now_s += 59
    cache.resolve("gw")
    assert resolver.asked == ["gw"]


def test_an_outdated_answer_is_given_while_the_next_is_fetched(cache, resolver):
    resolver.answers["gw"] = ("192.0.2.1",)
    cache.resolve("gw")
    resolver.answers["gw"] = ("192.0.2.2",)
    resolver.now_s += 61
    resolver.may_answer.clear()
    assert cache.resolve("gw") == ("192.0.2.1",)
    assert cache.resolve("gw") == ("192.0.2.1",)
    resolver.may_answer.set()
    refreshed(cache)
    assert cache.resolve("gw") == ("192.0.2.2",)
    assert resolver.asked == ["gw", "gw"]


def test_a_resolver_that_fails_for_a_moment_shuts_no_carrier_out(cache, resolver):
    resolver.answers["gw"] = ("192.0.2.1",)
    cache.resolve("gw")
    resolver.answers.clear()
    resolver.now_s += 61
    cache.resolve("gw")
    refreshed(cache)
    assert cache.resolve("gw") == ("192.0.2.1",)


def test_a_resolver_that_hangs_holds_up_only_the_first_requests(resolver):
    resolver.may_answer.clear()
    cache = HostCache(lookup=resolver.lookup, clock=lambda: resolver.now_s, first_wait_s=0.01)
    assert cache.resolve("gw") == ()
    resolver.now_s += 1
    assert cache.resolve("gw") == ()
    assert resolver.asked == ["gw"]
    resolver.answers["gw"] = ("192.0.2.1",)
    resolver.may_answer.set()
    refreshed(cache)
    assert cache.resolve("gw") == ("192.0.2.1",)


def test_the_systems_resolver_knows_localhost_and_not_an_invalid_name():
    assert "127.0.0.1" in system_lookup("localhost")
    assert system_lookup("does-not-exist.invalid") == ()
