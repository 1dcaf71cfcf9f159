"""Trunks: the list, a trunk added, renamed and deleted, what happened on it."""

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from callengine.models import Rejection
from dashboard.accounts.roles import Role
from tests.dashboard.agents.some import agent
from tests.dashboard.carriers import (
    at,
    carrier,
    gateways,
    said,
    text,
    uris,
)
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


# The list


def test_the_list_says_what_to_do_while_it_is_empty(admin: Client) -> None:
    assert "No trunk yet" in text(admin.get("/trunks/"))
    page = text(browser_of(Role.VIEWER).get("/trunks/"))
    assert "No trunk yet" in page
    assert reverse("trunk-add") not in page


def test_the_list_shows_codecs_gateways_numbers_and_who_may_call(admin: Client) -> None:
    entries = ["203.0.113.0/24", "198.51.100.7/32", "gw.example"]
    trunk = carrier(in_allowed_addresses=entries, in_codecs=["G722", "PCMU"], out_codecs=[])
    gateways(trunk, "sip:192.0.2.1", "sip:192.0.2.2")
    Number.objects.create(number="900", trunk=trunk)
    page = text(admin.get("/trunks/"))
    assert "203.0.113.0/24, 198.51.100.7</span>" in page
    assert "and 1 more" in page
    assert 'data-word="Gateways">2<' in page
    assert 'data-word="Numbers">1<' in page
    assert page.index("<b>G722</b>") < page.index("<b>PCMU</b>") < page.index("<b>OPUS</b>")
    assert page.count("platform list") == 1


def test_the_list_is_searched_filtered_and_sorted(admin: Client) -> None:
    one, two = carrier("carrier-one"), carrier("carrier-two", enabled=False)
    gateways(two, "sip:sbc.two.example")
    for query, names in [
        ("q=one", {one}),
        ("q=sbc.two", {two}),
        ("q=nobody", set()),
        ("state=disabled", {two}),
        ("state=enabled", {one}),
        ("q=carrier", {one, two}),
    ]:
        page = text(admin.get(f"/trunks/?{query}"))
        assert {row for row in (one, two) if f">{row.name}</a>" in page} == names, query
    assert "No trunk matches" in text(admin.get("/trunks/?q=nobody"))
    page = text(admin.get("/trunks/?sort=-gateways"))
    assert page.index("carrier-two") < page.index("carrier-one")


def test_the_list_asks_as_many_questions_for_sixty_trunks_as_for_three(admin: Client) -> None:
    def asked(count: int) -> int:
        for number in range(Trunk.objects.count(), count):
            trunk = carrier(f"carrier-{number}")
            gateways(trunk, "sip:192.0.2.1", "sip:192.0.2.2")
            Number.objects.create(number=str(number), trunk=trunk)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert admin.get("/trunks/").status_code == 200
        return len(queries)

    assert asked(3) == asked(60)


# Adding, renaming, deleting


def test_a_trunk_is_added_with_addresses_and_a_gateway(admin: Client) -> None:
    form = {"name": "new", "in_allowed_addresses": "192.0.2.1\ngw.example", "gateway": "192.0.2.9"}
    page = said(admin, admin.post("/trunks/add/", form))
    trunk = Trunk.objects.get()
    assert trunk.in_allowed_addresses == ["192.0.2.1/32", "gw.example"]
    assert uris(trunk) == [(1, "sip:192.0.2.9")]
    assert "new is added" in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "<b>"}, "A trunk&#x27;s name is 1 to 100 of"),
        ({"name": "taken"}, "already exists"),
        ({"in_allowed_addresses": "192.0.2.1\n192.0.2.9/24"}, "Line 2: &#x27;192.0.2.9/24&#x27;"),
        ({"gateway": "sip:"}, "is not a SIP URI; allowed: sip:"),
        ({"gateway": "sips:gw.example;transport=udp"}, "sips: goes over TLS alone"),
        ({"gateway": "sip:gw.example;transport=sctp"}, "is not one of udp, tcp, tls"),
    ],
)
def test_a_wrong_trunk_is_said_and_nothing_of_it_is_kept(
    admin: Client, changes: dict[str, str], sentence: str
) -> None:
    carrier("taken")
    form = {"name": "new", "in_allowed_addresses": "192.0.2.1", "gateway": "192.0.2.9", **changes}
    assert sentence in text(admin.post("/trunks/add/", form))
    assert (Trunk.objects.count(), Gateway.objects.count()) == (1, 0)


def test_a_trunk_is_renamed_unless_somebody_else_did_it_meanwhile(admin: Client) -> None:
    trunk = carrier("first")
    page = admin.get(at("trunk", trunk.pk))
    seen = page.context["form"]["revision"].value()
    Trunk.objects.update(name="theirs")
    answer = admin.post(at("trunk", trunk.pk), {"name": "mine", "revision": seen})
    assert "somebody else changed this meanwhile. Stored now: name: theirs." in text(answer)
    assert Trunk.objects.get().name == "theirs"
    renewed = answer.context["form"]["revision"].value()
    admin.post(at("trunk", trunk.pk), {"name": "mine", "revision": renewed})
    assert Trunk.objects.get().name == "mine"


def test_a_trunk_is_switched_off_and_on(admin: Client) -> None:
    trunk = carrier()
    said(admin, admin.post(at("trunk-enable", trunk.pk), {"enabled": "no"}))
    assert not Trunk.objects.get().enabled
    assert "This trunk is disabled" in text(admin.get(at("trunk", trunk.pk)))
    said(admin, admin.post(at("trunk-enable", trunk.pk), {"enabled": "perhaps"}))
    assert not Trunk.objects.get().enabled
    said(admin, admin.post(at("trunk-enable", trunk.pk), {"enabled": "yes"}))
    assert Trunk.objects.get().enabled


def test_what_leads_to_a_trunk_is_named_before_it_is_deleted(admin: Client) -> None:
    trunk = carrier()
    Number.objects.create(number="900", trunk=trunk)
    RouteTrunk.objects.create(route=Route.objects.create(prefix="+44"), trunk=trunk)
    support = agent(fallback_trunk=trunk, fallback_number="+4420")
    page = text(admin.get(at("trunk-delete", trunk.pk)))
    assert ">support</a>" in page
    assert ">900</a>" in page
    assert ">+44</a>" in page
    assert admin.post(at("trunk-delete", trunk.pk)).status_code == 409
    assert Trunk.objects.exists()
    Number.objects.all().delete()
    Route.objects.all().delete()
    assert admin.post(at("trunk-delete", trunk.pk)).status_code == 409
    support.delete()
    assert "is deleted" in said(admin, admin.post(at("trunk-delete", trunk.pk)))
    assert not Trunk.objects.exists()


# What happened on it


def test_recent_calls_and_refusals_of_its_own_are_shown(admin: Client) -> None:
    trunk = carrier(in_allowed_addresses=["203.0.113.0/24", "2001:db8::7/128"])
    theirs = demo.call(ago_s=10, source="trunk:carrier-two", destination="connection:alice")
    inbound = demo.call(ago_s=30, source="trunk:carrier-one", destination="connection:alice")
    outbound = demo.call(ago_s=20, source="connection:alice", destination="trunk:carrier-one")
    for call in (theirs, inbound, outbound):
        demo.store(call)
    for minutes, (address, user) in enumerate(
        [
            ("203.0.113.9", "+44201"),
            ("2001:db8::7", "+44202"),
            ("198.51.100.1", "carrier-one-in"),
            ("198.51.100.2", "+44204"),
            ("nonsense", "+44205"),
        ]
    ):
        Rejection.objects.create(
            at=timezone.now() - dt.timedelta(minutes=minutes),
            source_address=address,
            user=user,
            method="INVITE",
            code=404,
            rule="unknown-number",
            advice="<script>alert(1)</script>",
        )
    answer = admin.get(at("trunk", trunk.pk))
    assert [call.id for call in answer.context["calls"]] == [outbound["id"], inbound["id"]]
    shown = [row.source_address for row in answer.context["rejections"]]
    assert shown == ["203.0.113.9", "2001:db8::7", "198.51.100.1"]
    assert "<script>alert(1)" not in text(answer)
    assert f'href="{reverse("rejections")}?source=2001%3Adb8%3A%3A7&amp;time="' in text(answer)
    assert f'href="{reverse("history")}?trunk=carrier-one"' in text(answer)


def test_a_trunk_that_cannot_work_yet_says_what_it_lacks(admin: Client) -> None:
    trunk = Trunk.objects.create(name="bare")
    page = text(admin.get(at("trunk", trunk.pk)))
    assert "IN: no address, user name or domain is set" in page
    assert "OUT: no gateway is set" in page
