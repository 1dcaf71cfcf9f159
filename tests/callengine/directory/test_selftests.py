"""Test destinations as a call reads them: after numbers and SIP users, before prefixes."""

import pytest

from callengine.directory import lookup
from callengine.directory.whereto import where_to
from connections.models import Connection
from sip.selftests import SelfTest
from trunks.models import Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


def test_what_is_dialled_for_one_leads_to_it_whatever_prefix_fits() -> None:
    trunk = Trunk.objects.create(name="carrier")
    RouteTrunk.objects.create(route=Route.objects.create(prefix="*"), trunk=trunk, position=0)
    assert lookup.destination("*Echo").selftest is SelfTest.ECHO
    assert lookup.destination("*other").route is not None


def test_a_number_of_that_name_goes_first() -> None:
    alice = Connection.objects.create(sip_user="alice", name="Alice")
    Number.objects.create(number="*echo", connection=alice)
    found = lookup.destination("*echo")
    assert found.selftest is None
    assert found.connection is not None


def test_a_number_leads_to_one() -> None:
    Number.objects.create(number="600", selftest="tone")
    assert lookup.destination("600").selftest is SelfTest.TONE


def test_where_a_number_would_go_names_it() -> None:
    Connection.objects.create(sip_user="alice", name="Alice", outbound_codecs=["G722"])
    to = where_to(number="*codec", source_kind="connection", source_name="alice")
    assert (to.goes, to.match, to.key) == (True, "test", "*codec")
    (turn,) = to.turns
    assert (turn.kind, turn.name, turn.vn_a, turn.vn_b) == (
        "test",
        "Codec announcement",
        ("G722",),
        (),
    )
