"""Who may call in over a trunk and what we present to it; its secrets, which nobody is shown."""

from typing import Any

import pytest
from django.test import Client

from callengine.directory.whereto import where_to
from connections.models import Connection
from dashboard.accounts.roles import Role
from sip.digest import kept_ha1
from tests.dashboard.carriers import (
    IN_SECRET,
    OUT_SECRET,
    at,
    carrier,
    gateways,
    inward,
    said,
    shows_a_secret,
    text,
)
from tests.dashboard.people import browser_of
from trunks.forms import TrunkForm
from trunks.models import Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


# IN


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


def test_a_trunks_concurrent_calls_are_saved_and_shown(admin: Client) -> None:
    trunk = carrier()
    page = text(admin.post(at("trunk-in", trunk.pk), inward(trunk, concurrent_calls="0")))
    assert "greater than or equal to 1" in page
    said(admin, admin.post(at("trunk-in", trunk.pk), inward(trunk, concurrent_calls="30")))
    assert Trunk.objects.get().concurrent_calls == 30
    assert "<dd>30</dd>" in text(browser_of(Role.VIEWER).get(at("trunk-in", trunk.pk)))


def test_networks_of_media_are_saved_and_wrong_ones_named_by_line(admin: Client) -> None:
    trunk = carrier()
    form = inward(trunk, media_also_from="192.0.2.1\nmedia.example")
    page = text(admin.post(at("trunk-in", trunk.pk), form))
    assert "Line 2: &#x27;media.example&#x27; is not allowed" in page
    assert Trunk.objects.get().media_also_from == []
    form = inward(trunk, media_also_from="192.0.2.1\n198.51.100.64/26")
    said(admin, admin.post(at("trunk-in", trunk.pk), form))
    assert Trunk.objects.get().media_also_from == ["192.0.2.1/32", "198.51.100.64/26"]
    viewer = text(browser_of(Role.VIEWER).get(at("trunk-in", trunk.pk)))
    assert "198.51.100.64/26" in viewer


def test_the_password_is_changed_and_removed(admin: Client, settings: Any) -> None:
    trunk = carrier()
    said(admin, admin.post(at("trunk-in", trunk.pk), inward(trunk, in_password="another one")))
    wanted = kept_ha1(
        username="carrier-one-in", realm=settings.VOIPNUMBER_REALM, password="another one"
    )[1:3]
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
    rest = {"register_expires_s": "600", "probe_interval_s": "30"}
    said(admin, admin.post(page, {"out_username": "other", **rest}))
    assert (Trunk.objects.get().out_username, Trunk.objects.get().out_password) == (
        "other",
        OUT_SECRET,
    )
    said(admin, admin.post(page, {"out_username": "other", "new_out_password": "changed", **rest}))
    assert Trunk.objects.get().out_password == "changed"
    assert Trunk.objects.get().probe_interval_s == 30
    said(admin, admin.post(page, {"out_username": "other", "out_remove": "on", **rest}))
    assert (Trunk.objects.get().out_username, Trunk.objects.get().out_password) == ("other", "")
    answer = admin.post(page, {"out_username": "", "new_out_password": "x"})
    assert "A password needs a user name." in text(answer)


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
        "refer": trunk.refer,
        "international": trunk.international,
        "in_identity": trunk.in_identity,
        "out_identity": trunk.out_identity,
        "out_diversion": trunk.out_diversion,
        "probe_interval_s": "60",
        "register_expires_s": "600",
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


def test_an_in_password_of_before_is_said_to_need_setting_again_for_user_at_realm(
    admin: Client,
) -> None:
    trunk = carrier()
    note = "is let in once the password is set again"
    assert note not in text(admin.get(at("trunk-in", trunk.pk)))
    Trunk.objects.update(in_ha1b_md5="", in_ha1b_sha256="")
    assert note in text(admin.get(at("trunk-in", trunk.pk)))
