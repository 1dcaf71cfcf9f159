"""Trunks: list, parts, gateways in order, secrets; through the URL and the database."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audiocodecs.sipnames import digest_ha1
from callengine.models import Rejection
from callengine.whereto import where_to
from connections.models import Connection
from dashboard.roles import Role
from tests.dashboard.carriers import (
    IN_SECRET,
    OUT_SECRET,
    carrier,
    said,
    shows_a_secret,
    text,
)
from tests.dashboard.people import browser_of
from tests.pages import demo
from trunks.forms import TrunkForm
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> Client:
    return browser_of(Role.ADMIN)


def at(name: str, *ids: int) -> str:
    return reverse(name, args=ids)


def gateways(trunk: Trunk, *uris: str) -> list[int]:
    return [
        Gateway.objects.create(trunk=trunk, uri=uri, priority=place).pk
        for place, uri in enumerate(uris, start=1)
    ]


def uris(trunk: Trunk) -> list[tuple[int, str]]:
    return [(row.priority, row.uri) for row in trunk.gateways.all()]


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
        ({"gateway": "sips:gw.example"}, "&#x27;sips:gw.example&#x27; is not a SIP URI"),
        ({"gateway": "sip:gw.example;transport=tls"}, "is not udp or tcp"),
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
    page = text(admin.get(at("trunk-delete", trunk.pk)))
    assert ">900</a>" in page
    assert ">+44</a>" in page
    assert admin.post(at("trunk-delete", trunk.pk)).status_code == 409
    assert Trunk.objects.exists()
    Number.objects.all().delete()
    Route.objects.all().delete()
    assert "is deleted" in said(admin, admin.post(at("trunk-delete", trunk.pk)))
    assert not Trunk.objects.exists()


# IN


def inward(trunk: Trunk, **changes: str) -> dict[str, str]:
    return {
        "in_allowed_addresses": "\n".join(trunk.in_allowed_addresses),
        "in_username": trunk.in_username,
        **changes,
    }


def test_addresses_are_saved_and_the_password_stays(admin: Client) -> None:
    trunk = carrier()
    form = inward(trunk, in_allowed_addresses="192.0.2.1\n\n203.0.113.0/24\n")
    said(admin, admin.post(at("trunk-in", trunk.pk), form))
    stored = Trunk.objects.get()
    assert stored.in_allowed_addresses == ["192.0.2.1/32", "203.0.113.0/24"]
    assert stored.in_ha1_md5 == trunk.in_ha1_md5 != ""


def test_each_wrong_address_is_named_and_nothing_is_saved(admin: Client) -> None:
    trunk = carrier(in_allowed_addresses=["192.0.2.1/32"])
    form = inward(trunk, in_allowed_addresses="1.2.3.4.5\n192.0.2.9\n<b>x", in_username="other")
    answer = admin.post(at("trunk-in", trunk.pk), form)
    page = text(answer)
    assert answer.status_code == 422
    assert "Line 1: &#x27;1.2.3.4.5&#x27; is not allowed" in page
    assert "Line 3: &#x27;&lt;b&gt;x&#x27; is not allowed" in page
    assert "Line 2" not in page
    assert "1.2.3.4.5\n192.0.2.9\n&lt;b&gt;x</textarea>" in page.replace("\r", "")
    stored = Trunk.objects.get()
    assert stored.in_allowed_addresses == ["192.0.2.1/32"]
    assert stored.in_username == "carrier-one-in"


def test_the_password_is_changed_and_removed(admin: Client, settings: Any) -> None:
    trunk = carrier()
    said(admin, admin.post(at("trunk-in", trunk.pk), inward(trunk, in_password="another one")))
    wanted = digest_ha1(
        username="carrier-one-in", realm=settings.VOIPNUMBER_REALM, password="another one"
    )
    stored = Trunk.objects.get()
    assert (stored.in_ha1_md5, stored.in_ha1_sha256) == wanted
    assert "set</b>" in text(admin.get(at("trunk-in", trunk.pk)))
    said(admin, admin.post(at("trunk-in", trunk.pk), inward(trunk, in_remove="on")))
    stored = Trunk.objects.get()
    assert (stored.in_username, stored.in_ha1_md5, stored.in_ha1_realm) == ("", "", "")
    assert "<b>not set</b>" in text(admin.get(at("trunk-in", trunk.pk)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"in_username": "renamed"}, "Give the password of this IN user name."),
        ({"in_username": "", "in_password": "x"}, "A password needs a user name."),
        ({"in_remove": "on", "in_password": "x"}, "Either give a password or remove it."),
        ({"in_username": "a b", "in_password": "x"}, "A user name is 1 to 64 of"),
        ({"in_username": "alice", "in_password": "x"}, "already the SIP user of connection Alice"),
        ({"in_username": "two-in", "in_password": "x"}, "already has this IN user name"),
    ],
)
def test_a_wrong_user_name_or_password_is_said(
    admin: Client, changes: dict[str, str], sentence: str
) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    trunk = carrier()
    carrier("two")
    answer = admin.post(at("trunk-in", trunk.pk), inward(trunk, **changes))
    assert sentence in text(answer)
    assert Trunk.objects.get(pk=trunk.pk).in_ha1_md5 == trunk.in_ha1_md5


def test_an_address_let_in_meanwhile_is_not_lost(admin: Client) -> None:
    trunk = carrier(in_allowed_addresses=["192.0.2.1/32"])
    seen = admin.get(at("trunk-in", trunk.pk)).context["form"]["revision"].value()
    Trunk.objects.update(in_allowed_addresses=["192.0.2.1/32", "198.51.100.7/32"])
    form = inward(trunk, in_allowed_addresses="192.0.2.2", revision=seen)
    page = text(admin.post(at("trunk-in", trunk.pk), form))
    assert "Stored now: IN: allowed addresses: 192.0.2.1/32, 198.51.100.7/32" in page
    assert "192.0.2.2</textarea>" in page
    assert Trunk.objects.get().in_allowed_addresses == ["192.0.2.1/32", "198.51.100.7/32"]


# OUT


def test_the_out_password_is_kept_changed_and_removed(admin: Client) -> None:
    trunk = carrier()
    page = at("trunk-out", trunk.pk)
    said(admin, admin.post(page, {"out_username": "other"}))
    assert (Trunk.objects.get().out_username, Trunk.objects.get().out_password) == (
        "other",
        OUT_SECRET,
    )
    said(admin, admin.post(page, {"out_username": "other", "new_out_password": "changed"}))
    assert Trunk.objects.get().out_password == "changed"
    said(admin, admin.post(page, {"out_username": "other", "out_remove": "on"}))
    assert (Trunk.objects.get().out_username, Trunk.objects.get().out_password) == ("other", "")
    answer = admin.post(page, {"out_username": "", "new_out_password": "x"})
    assert "A password needs a user name." in text(answer)


def test_gateways_are_added_at_the_end_and_removed(admin: Client) -> None:
    trunk = carrier()
    for uri in ("sip:192.0.2.1", "gw.example:5080", "sip:192.0.2.3;transport=tcp"):
        said(admin, admin.post(at("gateway-add", trunk.pk), {"uri": uri}))
    wanted = ["sip:192.0.2.1", "sip:gw.example:5080", "sip:192.0.2.3;transport=tcp"]
    assert uris(trunk) == list(enumerate(wanted, start=1))
    second = trunk.gateways.all()[1]
    page = said(admin, admin.post(at("gateway-remove", trunk.pk, second.pk)))
    assert "sip:gw.example:5080 is removed" in page
    again = said(admin, admin.post(at("gateway-remove", trunk.pk, second.pk)))
    assert "was removed already" in again
    assert [uri for _, uri in uris(trunk)] == [wanted[0], wanted[2]]


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("", "This field is required."),
        ("sip:192.0.2.1", "is a gateway of this trunk already."),
        ("192.0.2.1", "is a gateway of this trunk already."),
        ("sip:gw.example:99999", "port 99999 in"),
        ("http://gw.example", "is not a SIP URI; allowed: sip:[USER@]HOST[:PORT]"),
        ("sip:" + "x" * 300, "at most 255 characters"),
    ],
)
def test_a_wrong_gateway_is_said_with_what_is_allowed(
    admin: Client, uri: str, sentence: str
) -> None:
    trunk = carrier()
    gateways(trunk, "sip:192.0.2.1")
    answer = admin.post(at("gateway-add", trunk.pk), {"uri": uri})
    assert (answer.status_code, sentence in text(answer)) == (422, True)
    assert uris(trunk) == [(1, "sip:192.0.2.1")]


def test_another_trunks_gateway_cannot_be_removed(admin: Client) -> None:
    mine, theirs = carrier("mine"), carrier("theirs")
    (gateway,) = gateways(theirs, "sip:192.0.2.1")
    admin.post(at("gateway-remove", mine.pk, gateway))
    assert Gateway.objects.filter(pk=gateway).exists()


# The order of the gateways


def order(ids: list[int], based_on: list[int], **more: str) -> dict[str, Any]:
    return {"order": ids, "based_on": ",".join(map(str, based_on)), **more}


def test_an_order_becomes_the_priorities(admin: Client) -> None:
    trunk = carrier()
    a, b, c = gateways(trunk, "sip:a.example", "sip:b.example", "sip:c.example")
    Gateway.objects.update(priority=7)
    page = text(admin.get(at("trunk-out", trunk.pk)))
    assert "Several gateways share the priority 7: they are tried in the order shown." in page
    answer = admin.post(at("gateway-order", trunk.pk), order([c, a, b], [a, b, c]))
    page = said(admin, answer)
    assert "The next call tries sip:c.example first." in page
    assert "share" not in page
    wanted = ["sip:c.example", "sip:a.example", "sip:b.example"]
    assert uris(trunk) == list(enumerate(wanted, start=1))


@pytest.mark.parametrize(
    ("move", "wanted"), [("up:2", "bac"), ("down:2", "acb"), ("up:1", "abc"), ("down:3", "abc")]
)
def test_without_scripts_each_button_moves_one_by_a_place(
    admin: Client, move: str, wanted: str
) -> None:
    trunk = carrier()
    ids = gateways(trunk, "sip:a.example", "sip:b.example", "sip:c.example")
    way, _, place = move.partition(":")
    pressed = f"{way}:{ids[int(place) - 1]}"
    said(admin, admin.post(at("gateway-order", trunk.pk), order(ids, ids, move=pressed)))
    assert "".join(uri[4] for _, uri in uris(trunk)) == wanted


def test_an_order_is_refused_if_somebody_else_changed_the_gateways(admin: Client) -> None:
    trunk = carrier()
    a, b = gateways(trunk, "sip:a.example", "sip:b.example")
    theirs = order([b, a], [a, b])
    said(admin, admin.post(at("gateway-order", trunk.pk), theirs))
    for mine in (
        order([a, b], [a, b]),
        order([a], [b, a]),
        order([a, b, a], [b, a]),
        order([a, b, 999], [b, a]),
        order([], []),
    ):
        page = said(admin, admin.post(at("gateway-order", trunk.pk), mine))
        assert "Not saved: somebody else changed the list meanwhile." in page
        assert [uri for _, uri in uris(trunk)] == ["sip:b.example", "sip:a.example"]


@pytest.mark.parametrize(
    "junk",
    [
        {"order": ["x"], "based_on": "1"},
        {"order": ["1"], "based_on": "-1"},
        {"order": ["9" * 30], "based_on": "1"},
        {"order": ["1"] * 200, "based_on": "1"},
        {"order": ["1"], "based_on": "1", "move": "up:x"},
        {"order": ["²"], "based_on": "1"},
    ],
)
def test_an_order_no_page_sends_is_refused(admin: Client, junk: dict[str, Any]) -> None:
    trunk = carrier()
    gateways(trunk, "sip:a.example", "sip:b.example")
    before = uris(trunk)
    assert "Not saved: " in said(admin, admin.post(at("gateway-order", trunk.pk), junk))
    assert uris(trunk) == before


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
    shown = [row.source_address for row in answer.context["refusals"]]
    assert shown == ["203.0.113.9", "2001:db8::7", "198.51.100.1"]
    assert "<script>alert(1)" not in text(answer)
    assert f'href="{reverse("refused")}?source=2001%3Adb8%3A%3A7"' in text(answer)
    assert f'href="{reverse("history")}?trunk=carrier-one"' in text(answer)


def test_a_trunk_that_cannot_work_yet_says_what_it_lacks(admin: Client) -> None:
    trunk = Trunk.objects.create(name="bare")
    page = text(admin.get(at("trunk", trunk.pk)))
    assert "IN: no address and no user name is set" in page
    assert "OUT: no gateway is set" in page


# Who may, and secrets


def test_who_only_looks_sees_no_form_and_no_button(admin: Client) -> None:
    trunk = carrier(in_allowed_addresses=["192.0.2.1/32"])
    gateways(trunk, "sip:a.example", "sip:b.example")
    viewer = browser_of(Role.VIEWER)
    for name in ("trunk", "trunk-in", "trunk-out"):
        page = text(viewer.get(at(name, trunk.pk)))
        main = page[page.index("<main") :]
        assert "<form" not in main
        assert "<button" not in main
        assert at("trunk-delete", trunk.pk) not in main
    assert "192.0.2.1/32" in text(viewer.get(at("trunk-in", trunk.pk)))
    assert "sip:b.example" in text(viewer.get(at("trunk-out", trunk.pk)))


def test_no_page_no_form_and_no_error_shows_a_secret(admin: Client) -> None:
    trunk = carrier()
    gateways(trunk, "sip:a.example")
    RouteTrunk.objects.create(route=Route.objects.create(prefix="+44"), trunk=trunk)
    Number.objects.create(number="900", trunk=trunk)
    pages = [at(name, trunk.pk) for name in ("trunk", "trunk-in", "trunk-out", "trunk-delete")]
    pages += ["/trunks/", "/trunks/?q=we", "/numbers/", "/routes/", "/parties/?destination=c"]
    pages += [
        f"/routes/?number=900&source={trunk.name}",
        "/routes/?number=%2B441&source=carrier-one",
    ]
    pages += [f"/admin/trunks/trunk/{trunk.pk}/change/", "/admin/trunks/trunk/?q=carrier"]
    pages += [f"/admin/trunks/trunk/{trunk.pk}/history/", f"/admin/trunks/trunk/{trunk.pk}/delete/"]
    for path in pages:
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert not shows_a_secret(text(answer), trunk), path
    typed = {
        "trunk-in": inward(trunk, in_password=IN_SECRET, in_allowed_addresses="?"),
        "trunk-out": {"out_username": "", "new_out_password": OUT_SECRET},
    }
    for name, form in typed.items():
        answer = admin.post(at(name, trunk.pk), form)
        assert answer.status_code == 422
        assert not shows_a_secret(text(answer), trunk), name


def test_what_a_plan_says_of_a_trunk_holds_no_secret() -> None:
    trunk = carrier()
    gateways(trunk, "sip:a.example")
    RouteTrunk.objects.create(route=Route.objects.create(prefix="+44"), trunk=trunk)
    answer = where_to(number="+441", source_kind="trunk", source_name=trunk.name)
    assert not shows_a_secret(repr(answer), trunk)


def test_the_admin_finds_trunks_numbers_and_routes(admin: Client) -> None:
    trunk = carrier()
    Number.objects.create(number="900", trunk=trunk)
    RouteTrunk.objects.create(route=Route.objects.create(prefix="+44"), trunk=trunk)
    gateways(trunk, "sip:needle.example")
    for path, word in [
        ("trunk", "needle.example"),
        ("number", "carrier-one"),
        ("route", "carrier-one"),
    ]:
        found = [
            admin.get(f"/admin/trunks/{path}/?q={asked}").context["cl"].result_count
            for asked in (word, "nothing-such")
        ]
        assert found == [1, 0], path


def test_the_admin_writes_only_what_was_changed_there(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk = carrier(in_allowed_addresses=["192.0.2.1/32"])
    path = f"/admin/trunks/trunk/{trunk.pk}/change/"
    listed = dict.fromkeys(
        ("in_codecs", "out_codecs", "initial-in_codecs", "initial-out_codecs"), ""
    )
    form = {
        **listed,
        "name": "renamed",
        "enabled": "on",
        "initial-in_allowed_addresses": "192.0.2.1/32",
        "in_allowed_addresses": "192.0.2.1/32",
        "in_username": trunk.in_username,
        "out_username": trunk.out_username,
        "gateways-TOTAL_FORMS": "0",
        "gateways-INITIAL_FORMS": "0",
    }
    validated = TrunkForm.full_clean

    def meanwhile(form: TrunkForm) -> None:
        validated(form)
        Trunk.objects.update(in_allowed_addresses=["198.51.100.7/32"])

    monkeypatch.setattr(TrunkForm, "full_clean", meanwhile)
    assert admin.post(path, form).status_code == 302
    stored = Trunk.objects.get()
    assert (stored.name, stored.in_allowed_addresses) == ("renamed", ["198.51.100.7/32"])
    assert (stored.in_ha1_md5, stored.out_password) == (trunk.in_ha1_md5, OUT_SECRET)
