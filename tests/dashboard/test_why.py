"""Why something was refused, asked with what people have at hand."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from callengine.models import Ban, Rejection
from connections.models import Connection
from connections.services import set_password
from dashboard.accounts.roles import Role
from dashboard.why.asked import Kind, WhyAsked, asked_for
from tests.dashboard.carriers import text
from tests.dashboard.people import person
from tests.dashboard.record import call, rejection
from trunks.models import Number, Trunk


def page(client: Client, asked: str) -> str:
    response = client.get("/rejections/why/", {"q": asked})
    assert response.status_code == 200
    return text(response)


@pytest.mark.parametrize(
    ("pasted", "kind", "name"),
    [
        ("Call-ID: 7f3a@192.0.2.1", Kind.CALL_ID, "7f3a@192.0.2.1"),
        ("i:7f3a", Kind.CALL_ID, "7f3a"),
        ("7f3a@host", Kind.CALL_ID, "7f3a@host"),
        ("203.0.113.7", Kind.ADDRESS, "203.0.113.7"),
        ("udp:203.0.113.7:5060", Kind.ADDRESS, "203.0.113.7"),
        ("[2001:db8::0007]:5061", Kind.ADDRESS, "2001:db8::7"),
        ("sip:203.0.113.7:5060", Kind.ADDRESS, "203.0.113.7"),
        ("sip:alice@203.0.113.7", Kind.NAME, "alice"),
        ('"Alice" <sips:alice:pw@host;transport=tls>;tag=1', Kind.NAME, "alice"),
        ("From: <tel:+1-202-555-0100>", Kind.NAME, "+12025550100"),
        ("+1 (202) 555-0100", Kind.NAME, "+12025550100"),
        (" alice ", Kind.NAME, "alice"),
        ("999.1.1.1", Kind.NAME, "999111"),
    ],
)
def test_what_is_pasted_is_understood(pasted: str, kind: Kind, name: str) -> None:
    assert asked_for(pasted) == WhyAsked(kind, name)


@pytest.mark.parametrize("nothing", ["", "  ", "\x00", "\x00 \t\n"])
def test_nothing_pasted_is_no_question(nothing: str) -> None:
    assert asked_for(nothing) is None


@pytest.mark.parametrize("odd", ["x" * 5000, "<<<sip:@>", "sip:", "%00", "[::::]", "é\u202e", "'"])
def test_odd_text_is_answered_too(viewer: Client, odd: str) -> None:
    assert "Nothing is on record" in page(viewer, odd)


def test_a_refused_call_is_explained_by_each_of_its_names(viewer: Client) -> None:
    row = rejection(advice="Put it on a list.")
    for asked in (row.call_id, f"Call-ID: {row.call_id}", "203.0.113.7", "mallory", row.to):
        shown = page(viewer, asked)
        for part in ("Call refused", row.rule, "Put it on a list.", "203.0.113.7", "mallory"):
            assert part in shown, asked


def test_refusals_are_gathered_by_rule_and_the_newest_comes_first(viewer: Client) -> None:
    for ago_s in (300, 200, 100):
        rejection(ago_s=ago_s, rule="wrong-password", advice=f"{ago_s} s ago")
    rejection(ago_s=10, rule="unknown-user")
    shown = page(viewer, "mallory")
    assert shown.index("unknown-user") < shown.index("wrong-password")
    assert "3 times, last" in shown
    assert "100 s ago" in shown
    assert "300 s ago" not in shown


def test_a_call_that_failed_is_explained(viewer: Client) -> None:
    made = call("no-codec")
    for asked in ("alice", "+1 202 555 0100", f"A-{made.pk.hex}@127.0.0.1"):
        shown = page(viewer, asked)
        assert "no-common-codec-caller" in shown
        assert "What to do." in shown
        assert f"/calls/{made.pk}/" in shown
        assert "connection:alice" not in shown, "people before internals"
        assert "trunk:carrier-one" not in shown
        assert "<bdi>carrier-one</bdi>" in shown


@pytest.mark.parametrize(
    ("asked", "would_help"),
    [
        ("abc@host", "compared as a whole"),
        (
            "198.51.100.9",
            "nor anything that was refused has come from there, unless in the last seconds",
        ),
        ("zoe", "ask with the address it calls from"),
    ],
)
def test_nothing_known_says_what_would_make_it_known(
    viewer: Client, asked: str, would_help: str
) -> None:
    shown = page(viewer, asked)
    assert "Nothing is on record about it" in shown
    assert would_help in shown


def test_how_a_connection_stands_now_is_told(viewer: Client) -> None:
    row = Connection.objects.create(sip_user="bob", name="Bob")
    assert "has no password" in page(viewer, "bob")
    set_password(connection=row, password="correct horse")
    row.save()
    shown = page(viewer, "bob")
    assert "has no password" not in shown
    assert "bob is not registered" in shown
    Connection.objects.update(enabled=False)
    assert "The connection bob is disabled" in page(viewer, "bob")


def test_how_an_address_and_a_number_stand_now_is_told(viewer: Client) -> None:
    trunk = Trunk.objects.create(name="carrier-one", in_allowed_addresses=["198.51.100.0/24"])
    Number.objects.create(number="100", trunk=trunk)
    assert "on the access list of the trunk carrier-one" in page(viewer, "198.51.100.9")
    assert "on no trunk" in page(viewer, "203.0.113.9")
    assert "The number 100 leads to carrier-one" in page(viewer, "100")


def test_a_ban_is_told_of_a_user_an_address_and_its_network(viewer: Client) -> None:
    now = timezone.now()
    times = {"since": now, "until": now + dt.timedelta(hours=1), "failures": 9}
    Ban.objects.create(source="203.0.113.7", user="alice", rule="wrong-passwords", **times)
    Ban.objects.create(source="2001:db8:1:2::/64", rule="many-users", **times)
    for asked in ("203.0.113.7", "alice", "2001:db8:1:2::99"):
        assert "kept out for guessing passwords (9 wrong ones)" in page(viewer, asked)
    assert "kept out" not in page(viewer, "203.0.113.8")


def test_each_part_is_told_to_those_alone_who_may_see_it(db: None, client: Client) -> None:
    somebody = person(Role.NONE)
    somebody.user_permissions.add(Permission.objects.get(codename="view_rejection"))
    client.force_login(somebody)
    Connection.objects.create(sip_user="alice", name="Alice")
    call("busy")
    shown = page(client, "alice")
    assert "callee-busy" not in shown
    assert "not registered" not in shown


def test_the_rejected_page_and_a_vain_search_lead_there(viewer: Client) -> None:
    assert 'action="/rejections/why/"' in text(viewer.get("/rejections/"))
    assert "/rejections/why/?q=nobody%20here" in text(viewer.get("/search/?q=nobody+here"))


def test_it_costs_the_same_however_much_was_refused(
    viewer: Client, django_assert_max_num_queries
) -> None:
    for number in range(30):
        rejection(ago_s=number)
        call("busy", ago_s=number)
    with django_assert_max_num_queries(22):
        page(viewer, "alice")


@pytest.mark.django_db
def test_a_rejection_is_found_by_its_call_id_without_reading_all_of_them() -> None:
    plan = Rejection.objects.filter(call_id="7f3a@192.0.2.1").explain()
    assert "rejection_by_call_id" in plan
