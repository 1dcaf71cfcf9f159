"""Trunks, numbers and routes: rules, constraints, passwords."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import ProtectedError

from connections.models import Connection
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk
from trunks.services import GatewayValues, replace_gateways, replace_route_trunks, set_in_password
from trunks.validators import parse_access_list

pytestmark = pytest.mark.django_db


def test_an_access_list_is_normalised():
    entries = [" 192.0.2.1 ", "203.0.113.0/24", "2001:DB8::/32", "GW.Example.ORG"]
    trunk = Trunk.objects.create(name="t", in_allowed_addresses=entries)
    trunk.refresh_from_db()
    assert trunk.in_allowed_addresses == [
        "192.0.2.1/32",
        "203.0.113.0/24",
        "2001:db8::/32",
        "gw.example.org",
    ]


@pytest.mark.parametrize(
    "entries",
    [
        ["203.0.113.1/24"],
        ["1.2.3.4", "1.2.3.4/32"],
        ["1.2.3.4.5"],
        ["a b"],
        [""],
        [7],
        "192.0.2.1",
        [f"10.0.{n}.0/24" for n in range(201)],
    ],
)
def test_a_wrong_access_list_is_refused(entries):
    with pytest.raises(ValidationError):
        parse_access_list(entries)
    with pytest.raises(ValidationError):
        Trunk.objects.create(name="t", in_allowed_addresses=entries)


def test_the_out_password_is_read_back_and_encrypted_at_rest():
    Trunk.objects.create(name="t", out_username="u", out_password="hunter2 ü")
    assert Trunk.objects.get().out_password == "hunter2 ü"
    with connection.cursor() as cursor:
        cursor.execute("SELECT out_password FROM trunks_trunk")
        stored = cursor.fetchone()[0]
    assert stored
    assert "hunter2" not in stored


def test_another_secret_key_makes_the_out_password_empty_unless_the_old_is_named(settings, caplog):
    old = settings.SECRET_KEY
    Trunk.objects.create(name="t", out_username="u", out_password="hunter2")
    settings.SECRET_KEY = "another key, long enough to be one"
    assert Trunk.objects.get().out_password == ""
    assert "SECRET_KEY changed" in caplog.text
    settings.SECRET_KEY_FALLBACKS = [old]
    assert Trunk.objects.get().out_password == "hunter2"


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"in_username": "u", "in_ha1_md5": "0" * 32},
        {"in_ha1_realm": "r", "in_ha1_md5": "0" * 32, "in_ha1_sha256": "0" * 64},
    ],
)
def test_the_database_refuses_what_may_not_be(values):
    with pytest.raises(IntegrityError):
        Trunk.objects.create(**{"name": "t", **values})


def test_two_trunks_may_lack_a_user_name_but_not_share_one():
    Trunk.objects.create(name="a")
    Trunk.objects.create(name="b")
    Trunk.objects.create(name="c", in_username="u")
    with pytest.raises(IntegrityError):
        Trunk.objects.create(name="d", in_username="u")


def test_a_user_name_of_a_connection_cannot_be_a_trunks():
    Connection.objects.create(name="A", sip_user="alice")
    with pytest.raises(ValidationError, match="connection A"):
        Trunk(name="t", in_username="alice").full_clean()


def test_an_in_password_needs_a_user_name():
    trunk = Trunk(name="t")
    assert not set_in_password(trunk=trunk, password="p")
    trunk.in_username = "u"
    assert set_in_password(trunk=trunk, password="p")
    trunk.save()
    assert not set_in_password(trunk=trunk, password="p")


def test_a_number_points_to_exactly_one_thing():
    alice = Connection.objects.create(name="A", sip_user="alice")
    trunk = Trunk.objects.create(name="t")
    Number.objects.create(number="1", connection=alice)
    Number.objects.create(number="2", trunk=trunk)
    for both in ({}, {"connection": alice, "trunk": trunk}):
        with pytest.raises(ValidationError):
            Number(number="3", **both).full_clean()


@pytest.mark.parametrize("both", [True, False])
def test_the_database_refuses_a_number_to_none_or_two(both):
    alice = Connection.objects.create(name="A", sip_user="alice") if both else None
    trunk = Trunk.objects.create(name="t") if both else None
    with pytest.raises(IntegrityError):
        Number.objects.create(number="3", connection=alice, trunk=trunk)


def test_what_a_number_or_a_route_points_to_cannot_be_deleted():
    alice = Connection.objects.create(name="A", sip_user="alice")
    trunk = Trunk.objects.create(name="t")
    Number.objects.create(number="1", connection=alice)
    route = Route.objects.create(prefix="+44")
    RouteTrunk.objects.create(route=route, trunk=trunk)
    for row in (alice, trunk):
        with pytest.raises(ProtectedError):
            row.delete()


@pytest.mark.parametrize("number", ["+12025550100", "1001", "sales", "*98#", "a.b_c-d", "0" * 64])
def test_a_number_may_be(number):
    alice = Connection.objects.create(name="A", sip_user="alice")
    row = Number(number=number, connection=alice)
    row.full_clean()
    row.save()
    assert Number.objects.get().number == number


@pytest.mark.parametrize("number", ["", "+1 202", "a@b", "0" * 65, "1\n", "(202)"])
def test_a_number_may_not_be(number):
    alice = Connection.objects.create(name="A", sip_user="alice")
    with pytest.raises(ValidationError):
        Number(number=number, connection=alice).full_clean()


@pytest.mark.parametrize(
    ("prefix", "good"),
    [
        ("+44", True),
        ("+", True),
        ("9", True),
        ("*1#", True),
        ("", False),
        ("4+4", False),
        ("x", False),
    ],
)
def test_a_prefix(prefix, good):
    if good:
        Route(prefix=prefix).full_clean()
        return
    with pytest.raises(ValidationError):
        Route(prefix=prefix).full_clean()


def test_gateways_are_replaced_only_if_they_differ():
    trunk = Trunk.objects.create(name="t")
    rows = [("sip:192.0.2.2", 2, 1), ("sip:192.0.2.1", 1, 1), ("sip:192.0.2.3", 1, 7)]
    wanted = [GatewayValues(*row) for row in rows]
    assert replace_gateways(trunk=trunk, gateways=wanted)
    ids = set(trunk.gateways.values_list("pk", flat=True))
    assert not replace_gateways(trunk=trunk, gateways=wanted)
    assert set(trunk.gateways.values_list("pk", flat=True)) == ids
    tried = [gateway.uri for gateway in trunk.gateways.all()]
    assert tried == ["sip:192.0.2.3", "sip:192.0.2.1", "sip:192.0.2.2"]
    assert replace_gateways(trunk=trunk, gateways=wanted[:1])
    assert Gateway.objects.count() == 1


def test_a_routes_trunks_keep_their_order():
    one, two = (Trunk.objects.create(name=name) for name in ("one", "two"))
    route = Route.objects.create(prefix="+44")
    assert replace_route_trunks(route=route, trunks=[two, one])
    assert not replace_route_trunks(route=route, trunks=[two, one])
    assert [step.trunk for step in route.steps.all()] == [two, one]
    assert replace_route_trunks(route=route, trunks=[one, two])
    assert [step.trunk for step in route.steps.all()] == [one, two]
