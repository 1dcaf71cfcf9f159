"""What the engine reads for one call: who calls, where it goes, in how many queries."""

import dataclasses
import time

import pytest

from audiocodecs.models import PlatformSettings
from callengine.core.directory import ConnectionEntry, Contact, Destination, GatewayEntry
from callengine.core.permissions import Permissions
from callengine.directory import lookup, rows
from callengine.directory.registrations import Registrations
from callengine.directory.stored import STORED
from callengine.edge.interface import Binding
from callengine.edge.names.hostlookup import HostLookup
from connections.models import Connection
from connections.services import HA1_FIELDS, set_password, store_registrations
from trunks.access import AccessLists, HostCache
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk
from trunks.services import set_in_password

pytestmark = pytest.mark.django_db


def _nothing(names):
    """Stand for a resolver that knows no name."""
    return dict.fromkeys(names, ())


@pytest.fixture
def alice():
    row = Connection(name="Alice", sip_user="alice", inbound_codecs=["G722"])
    set_password(connection=row, password="pw")
    row.save()
    return row


@pytest.fixture
def carrier():
    row = Trunk(
        name="carrier",
        in_username="carrier-in",
        in_allowed_addresses=["192.0.2.0/24"],
        in_codecs=["PCMA"],
        out_username="we",
        out_password="secret",
    )
    set_in_password(trunk=row, password="pw")
    row.save()
    for uri, priority in (("sip:192.0.2.2", 2), ("sip:192.0.2.1", 1)):
        Gateway.objects.create(trunk=row, uri=uri, priority=priority)
    return row


def binding(contact: str, expires_in_s: float = 60, **changes) -> Binding:
    values = {"call_id": "c", "cseq": 1, "flow": "udp:127.0.0.1:5071", "user_agent": "P/1"}
    return Binding(contact, expires_at=time.time() + expires_in_s, **{**values, **changes})


def replace_bindings(sip_user: str, bindings: list[Binding]) -> Registrations:
    """Have an engine decide that these are a connection's, and store it; return what it keeps."""
    key = Connection.objects.get(sip_user=sip_user).pk
    engine = Registrations(node="node")
    engine.take(None, rows.registrations(None))
    engine.change(key, lambda _: bindings)
    store_registrations(engine.take_unwritten())
    return engine


def test_credentials_of_a_connection_and_of_a_trunk(alice, carrier, django_assert_num_queries):
    with django_assert_num_queries(2):
        found = lookup.credentials("alice")
    assert (found.kind, found.name, found.enabled) == ("connection", "alice", True)
    assert (found.ha1_md5, found.ha1_sha256) == (alice.ha1_md5, alice.ha1_sha256)
    assert (found.ha1b_md5, found.ha1b_sha256) == (alice.ha1b_md5, alice.ha1b_sha256)
    assert alice.ha1_md5 not in repr(found)
    assert alice.ha1b_md5 not in repr(found)
    with django_assert_num_queries(2):
        found = lookup.credentials("carrier-in")
    assert (found.kind, found.name) == ("trunk", "carrier")
    assert found.ha1_sha256 == carrier.in_ha1_sha256
    assert (found.ha1b_md5, found.ha1b_sha256) == (carrier.in_ha1b_md5, carrier.in_ha1b_sha256)


@pytest.mark.parametrize("username", ["", "nobody", "Alice", "a\x00b", "\ud800", "x" * 10000])
def test_nobody_else_has_credentials(alice, username):
    assert lookup.credentials(username) is None


def test_without_a_password_nothing_anybody_sends_can_match(alice):
    Connection.objects.update(**dict.fromkeys(HA1_FIELDS, ""))
    first, second = lookup.credentials("alice"), lookup.credentials("alice")
    assert len(first.ha1_md5) == 32
    assert len(first.ha1_sha256) == 64
    assert first.ha1_md5 != second.ha1_md5


def test_a_password_for_another_realm_is_told_in_the_log(alice, settings, caplog):
    settings.VOIPNUMBER_REALM = "elsewhere"
    lookup.credentials("alice")
    assert "set it again" in caplog.text
    assert alice.ha1_md5 not in caplog.text


def test_the_trunk_of_an_address_in_one_query(carrier, django_assert_num_queries):
    for number in range(20):
        Trunk.objects.create(name=f"t{number}", in_allowed_addresses=[f"10.{number}.0.0/16"])
    with django_assert_num_queries(1):
        entries = lookup.access_entries(lookup.trunks())
    table = AccessLists(lambda: entries, resolve_all=_nothing).table()
    found = lookup.trunk_access("192.0.2.77", table)
    assert (found.name, found.enabled, found.username) == ("carrier", True, "carrier-in")
    assert lookup.trunk_access("198.51.100.1", table) is None


def test_a_thousand_strangers_cost_no_query(carrier, django_assert_num_queries):
    entries = lookup.access_entries(lookup.trunks())
    lists = AccessLists(lambda: entries, resolve_all=_nothing, clock=lambda: 7.0)
    lists.table()
    with django_assert_num_queries(0):
        for number in range(1000):
            assert lookup.trunk_access(f"198.51.100.{number % 256}", lists.ready()) is None
            assert lists.ready().has_credentials_alone is False


def test_a_host_name_in_an_access_list_is_resolved(carrier):
    Trunk.objects.create(name="local", in_allowed_addresses=["localhost"])
    entries = lookup.access_entries(lookup.trunks())
    lists = AccessLists(lambda: entries, resolve_all=HostCache(HostLookup().find).resolve_all)
    assert lookup.trunk_access("127.0.0.1", lists.table()).name == "local"


def test_sources(alice, carrier, django_assert_num_queries):
    with django_assert_num_queries(2):
        source = lookup.source(kind="connection", name="alice", address="192.0.2.9")
    assert (source.label, source.address) == ("connection:alice", "192.0.2.9")
    assert source.connection.inbound_codecs == ("G722",)
    with django_assert_num_queries(3):
        source = lookup.source(kind="trunk", name="carrier", address="192.0.2.9")
    assert source.label == "trunk:carrier"
    assert source.trunk.in_codecs == ("PCMA",)
    external = lookup.source(kind="external", name="", address="203.0.113.7")
    assert external.label == "external:203.0.113.7"
    for kind in ("connection", "trunk"):
        with pytest.raises(LookupError):
            lookup.source(kind=kind, name="gone", address="192.0.2.9")


def test_bindings_come_back_as_they_were_stored(alice, django_assert_num_queries):
    stored = [binding("sip:a@h:1", q=0.5, instance="<urn:uuid:1>"), binding("sip:a@h:2")]
    replace_bindings("alice", stored)
    with django_assert_num_queries(2):
        found = lookup.bindings("alice")
    assert {one.contact for one in found} == {"sip:a@h:1", "sip:a@h:2"}
    back = {one.contact: one for one in found}["sip:a@h:1"]
    assert back.expires_at == pytest.approx(stored[0].expires_at, abs=0.001)
    assert (back.q, back.instance, back.flow) == (0.5, "<urn:uuid:1>", "udp:127.0.0.1:5071")
    replace_bindings("alice", [])
    assert lookup.bindings("alice") == []


def test_where_phones_are_registered_from(alice, django_assert_num_queries):
    now = time.time()
    flows = (("udp:192.0.2.1:5060", 600), ("tls:[2001:db8::1]:7", 60), ("udp:192.0.2.3:1", -1))
    stored = [
        Binding(f"sip:a{n}@h", "c", 1, now + for_s, flow, "ua")
        for n, (flow, for_s) in enumerate(flows)
    ]
    engine = replace_bindings("alice", stored)
    again = Registrations()
    with django_assert_num_queries(1):
        again.take(None, rows.registrations(None))
    hosts = ("192.0.2.1", "2001:db8::1", "192.0.2.3", "192.0.2.11", "192.0.2.")
    for store in (STORED, engine, again):
        found = [store.has_registered(host=host) for host in hosts]
        assert found == [True, True, False, False, False]
        assert [store.has_registered(flow=flow) for flow, _ in flows] == [True, True, False]
    for known in (engine, again):
        ends = {(one.binding.flow, round((one.binding.expires_at - now) / 10)) for _, one in known}
        assert ends == {("udp:192.0.2.1:5060", 60), ("tls:[2001:db8::1]:7", 6)}


def test_an_expired_binding_is_not_there(alice):
    replace_bindings("alice", [binding("sip:old", -1), binding("sip:new")])
    assert [one.contact for one in lookup.bindings("alice")] == ["sip:new"]
    assert [one.uri for one in lookup.destination("alice").connection.contacts] == ["sip:new"]


@pytest.mark.parametrize("contact", ["sip:" + "x" * 600, "sip:\x00", "sip:\ud800"])
def test_a_contact_that_cannot_be_kept_is_refused_and_the_old_ones_stay(alice, contact):
    replace_bindings("alice", [binding("sip:old")])
    with pytest.raises(ValueError, match="cannot be kept"):
        replace_bindings("alice", [binding(contact)])
    assert [one.contact for one in lookup.bindings("alice")] == ["sip:old"]


def test_an_odd_user_agent_is_kept_in_part(alice):
    replace_bindings("alice", [binding("sip:a", user_agent="\x00" + "x" * 999)])
    assert lookup.bindings("alice")[0].user_agent == "\ufffd" + "x" * 254


def test_a_connection_by_its_sip_user(alice, django_assert_num_queries):
    replace_bindings("alice", [binding("sip:a")])
    with django_assert_num_queries(3):
        found = lookup.destination("alice")
    assert found == Destination(
        connection=ConnectionEntry(
            sip_user="alice",
            name="Alice",
            inbound_codecs=("G722",),
            contacts=(Contact("sip:a", "udp:127.0.0.1:5071", "P/1"),),
            permissions=Permissions("none", premium_rate=False),
        )
    )


def test_every_setting_of_a_connection_reaches_a_call(alice):
    replace_bindings("alice", [binding("sip:alice@192.0.2.7")])
    Connection.objects.filter(pk=alice.pk).update(
        enabled=False, inbound_codecs=["PCMA"], outbound_codecs=["OPUS"], force_on_caller=True,
        avoids_transcoding=True, address="sip:192.0.2.8", concurrent_calls=3, caller_id="any",
        agent_when="busy", ring_timeout_s=7, holds_back_early_media=True, srtp="allowed",
        international="listed", countries=["AT"], premium_rate=False, calls_per_second=2,
        daily_minutes=9, max_duration_s=60,
    )  # fmt: skip
    entry, plain = lookup.connection("alice"), ConnectionEntry("", "")
    # Neither is looked up of a caller.
    assert _alike(entry, plain) == {"agent", "browsers"}
    assert _alike(entry.permissions, plain.permissions) == set()


def _alike(one, other) -> set[str]:
    names = [field.name for field in dataclasses.fields(one)]
    return {name for name in names if getattr(one, name) == getattr(other, name)}


def test_an_exact_number_goes_before_a_connection_and_a_route(
    alice, carrier, django_assert_num_queries
):
    bob = Connection.objects.create(name="Bob", sip_user="100")
    Number.objects.create(number="100", connection=alice)
    RouteTrunk.objects.create(route=Route.objects.create(prefix="1"), trunk=carrier)
    with django_assert_num_queries(3):
        found = lookup.destination("100")
    assert (found.number, found.connection.sip_user, found.route) == ("100", "alice", None)
    Number.objects.all().delete()
    assert lookup.destination("100").connection.sip_user == bob.sip_user
    bob.delete()
    assert lookup.destination("100").route.prefix == "1"


def test_a_number_may_go_to_a_trunk(carrier):
    Number.objects.create(number="+1", trunk=carrier)
    found = lookup.destination("+1")
    assert found.connection is None
    assert found.trunk.name == "carrier"
    assert found.trunk.gateways == (
        GatewayEntry("sip:192.0.2.1", 1),
        GatewayEntry("sip:192.0.2.2", 2),
    )
    assert (found.trunk.out_username, found.trunk.out_password) == ("we", "secret")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("dialled", "prefix"),
    [
        ("+442071234567", "+4420"),
        ("+44117", "+44"),
        ("+1", "+"),
        ("44", None),
        ("", None),
        ("+\x00", None),
        ("+4420" + "7" * 500, "+4420"),
    ],
)
def test_the_longest_prefix_wins(carrier, dialled, prefix):
    for known in ("+", "+44", "+4420", "+44207999"):
        RouteTrunk.objects.create(route=Route.objects.create(prefix=known), trunk=carrier)
    route = lookup.destination(dialled).route
    assert (route.prefix if route else None) == prefix


def test_a_routes_trunks_are_in_order_in_constant_queries(carrier, django_assert_num_queries):
    route = Route.objects.create(prefix="+44")
    trunks = [carrier, *(Trunk.objects.create(name=f"t{n}", enabled=False) for n in range(5))]
    for position, trunk in enumerate(reversed(trunks)):
        RouteTrunk.objects.create(route=route, trunk=trunk, position=position)
    with django_assert_num_queries(6):
        found = lookup.destination("+44117").route
    assert [trunk.name for trunk in found.trunks] == ["t4", "t3", "t2", "t1", "t0", "carrier"]
    assert not found.trunks[0].enabled


def test_unknown_is_a_destination_with_nothing_in_it(alice, django_assert_num_queries):
    with django_assert_num_queries(3):
        assert lookup.destination("nobody") == Destination()


def test_a_change_holds_for_the_next_call(alice):
    assert lookup.external_sip() is False
    assert lookup.platform().codecs[0] == "OPUS"
    PlatformSettings.objects.create(codecs=["PCMA"], external_sip=True)
    assert lookup.external_sip() is True
    assert lookup.platform().codecs == ("PCMA",)
    Connection.objects.update(inbound_codecs=["PCMU"], enabled=False)
    entry = lookup.destination("alice").connection
    assert (entry.inbound_codecs, entry.enabled) == (("PCMU",), False)
