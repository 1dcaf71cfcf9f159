"""Host names of access lists at a real name server, as the table of a call's source holds them."""

import time

import pytest

from callengine.edge.names.hostlookup import HostLookup
from tests.peers.dnsserver import NameServer, name_server
from trunks.access import AccessEntry, AccessLists, HostCache

pytestmark = pytest.mark.thorough

ENTRY = AccessEntry("carrier", True, "", ("gw.example",))


def _lists(server: NameServer) -> AccessLists:
    cache = HostCache(HostLookup([server.address]).find)
    return AccessLists(lambda: [ENTRY], resolve_all=cache.resolve_all)


def _holds(lists: AccessLists, address: str) -> bool:
    return lists.table().find(address) is not None


def test_a_carrier_that_moves_is_known_once_its_ttl_is_over_and_while_servers_fail() -> None:
    with name_server() as server:
        server.has("gw.example", "A", "192.0.2.1", ttl=1)
        lists = _lists(server)
        assert _holds(lists, "192.0.2.1")
        server.has("gw.example", "A", "192.0.2.2", "192.0.2.3", ttl=1)
        server.has("gw.example", "AAAA", "2001:db8::1", ttl=1)
        time.sleep(1.1)
        for address in ("192.0.2.2", "192.0.2.3", "2001:db8::1"):
            assert _holds(lists, address)
        assert not _holds(lists, "192.0.2.1")
        server.fails = True
        time.sleep(1.1)
        assert _holds(lists, "192.0.2.2")


def test_the_shortest_ttl_holds_and_a_family_that_fails_costs_nothing() -> None:
    with name_server() as server:
        server.has("gw.example", "A", "192.0.2.1", ttl=30)
        server.has("gw.example", "AAAA", "2001:db8::1", ttl=7)
        find = HostLookup([server.address]).find
        assert find("gw.example") == (("192.0.2.1", "2001:db8::1"), 7.0)
        server.failing.add(("gw.example", "AAAA"))
        assert find("gw.example") == (("192.0.2.1",), 30.0)
        assert find("nobody.example")[0] == ()
        assert "127.0.0.1" in find("localhost")[0]
        server.fails = True
        with pytest.raises(OSError, match=r"cannot answer for gw\.example"):
            find("gw.example")
