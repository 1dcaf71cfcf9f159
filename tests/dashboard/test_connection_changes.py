"""A connection is changed and deleted, also by two people at once and in the Django admin."""

import re
from http import HTTPStatus

import pytest
from django.test import Client

from connections.models import Connection, Registration
from sip.digest import kept_ha1
from tests.dashboard.agents.some import agent
from tests.dashboard.subscribers import (
    GIVEN,
    registered,
    sent_by,
    shown,
    shown_password,
    stored,
    text,
    url,
    words,
)
from trunks.models import Number

pytestmark = pytest.mark.django_db


def test_only_what_a_person_changed_is_written(admin: Client) -> None:
    row = stored()
    hers, his = shown(admin, row), shown(admin, row)
    admin.post(url(row), {**hers, "name": "Alice B."})
    response = admin.post(url(row), {**his, "concurrent_calls": "2"})
    assert response["Location"] == url(row, "?tab=settings")
    row.refresh_from_db()
    assert (row.name, row.concurrent_calls, row.enabled) == ("Alice B.", 2, True)
    before = row.ha1_md5
    assert before == kept_ha1(username="alice", realm=row.ha1_realm, password=GIVEN).md5


def test_a_codec_list_saved_meanwhile_is_kept(admin: Client) -> None:
    row = stored()
    form = shown(admin, row)
    Connection.objects.filter(pk=row.pk).update(inbound_codecs=["OPUS"], force_on_caller=True)
    admin.post(url(row), {**form, "name": "New"})
    row.refresh_from_db()
    assert (row.name, row.inbound_codecs, row.force_on_caller) == ("New", ["OPUS"], True)


def test_the_same_field_changed_by_two_is_a_conflict_one_can_settle(admin: Client) -> None:
    row = stored()
    form = {**shown(admin, row), "name": "Mine", "address": "sip:192.0.2.1"}
    Connection.objects.filter(pk=row.pk).update(name="Theirs")
    response = admin.post(url(row), form)
    assert response.status_code == HTTPStatus.CONFLICT
    page = words(response.content.decode())
    assert "Somebody else changed this to 'Theirs' meanwhile. Save again to put yours" in page
    row.refresh_from_db()
    assert (row.name, row.address) == ("Theirs", ""), "nothing is half saved"
    again = response.content.decode()
    initial = re.search(r'name="initial-name" value="([^"]*)"', again)
    assert initial
    assert initial[1] == "Theirs"
    assert 'name="name" value="Mine"' in again
    admin.post(url(row), {**form, "initial-name": initial[1]})
    row.refresh_from_db()
    assert (row.name, row.address) == ("Mine", "sip:192.0.2.1")


def test_two_who_want_the_same_have_no_conflict(admin: Client) -> None:
    row = stored()
    form = {**shown(admin, row), "name": "Same"}
    Connection.objects.filter(pk=row.pk).update(name="Same")
    assert admin.post(url(row), form).status_code == HTTPStatus.FOUND


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"sip_user": "sales team"}, "sip_user", "'sales team' is not a SIP user; allowed: 1 to"),
        ({"sip_user": "bob"}, "sip_user", "'bob' is already the SIP user of Bob"),
        ({"address": "192.0.2.1"}, "address", "'192.0.2.1' is not a SIP URI; allowed: sip:"),
        ({"address": "sip:h;transport=sctp"}, "address", "transport 'sctp'"),
        ({"concurrent_calls": "0"}, "concurrent_calls", "a whole number from 1 to 10000"),
        ({"concurrent_calls": "many"}, "concurrent_calls", "a whole number from 1 to 10000"),
        ({"concurrent_calls": "9" * 12}, "concurrent_calls", "a whole number from 1 to 10000"),
        ({"name": "x" * 101}, "name", "at most 100 characters (it has 101)"),
    ],
)
def test_bad_settings_are_said_at_their_field_and_nothing_is_saved(
    admin: Client, values: dict[str, str], field: str, said: str
) -> None:
    stored("bob")
    row = stored()
    before = Connection.objects.filter(pk=row.pk).values().get()
    response = admin.post(url(row), {**shown(admin, row), "name": "Other", **values})
    assert any(said in error for error in response.context["form"].errors[field])
    assert "Not saved" in response.content.decode()
    assert Connection.objects.filter(pk=row.pk).values().get() == before


def test_another_sip_user_gets_another_password_shown_once(admin: Client) -> None:
    row = stored()
    response = admin.post(url(row), {**shown(admin, row), "sip_user": "alicia"})
    password = shown_password(text(admin, response["Location"]))
    row.refresh_from_db()
    expected = kept_ha1(username="alicia", realm=row.ha1_realm, password=password)[1:3]
    assert (row.sip_user, (row.ha1_md5, row.ha1_sha256)) == ("alicia", expected)


def test_disabling_and_enabling_keep_everything_else(admin: Client) -> None:
    row = stored()
    for wanted, state in (("0", "Disabled"), ("0", "Disabled"), ("1", "Not registered")):
        response = admin.post(url(row, "enabled/"), {"enabled": wanted}, follow=True)
        assert f'">{state}</span>' in response.content.decode()
    assert admin.post("/connections/999/enabled/", {"enabled": "1"}).status_code == 404


# Deleting it


def test_deleting_says_what_goes_and_asks_first(admin: Client) -> None:
    row = stored()
    registered(row)
    page = words(text(admin, url(row, "delete/")))
    assert "1 registered phone must be set up anew" in page
    assert Connection.objects.exists()
    response = admin.post(url(row, "delete/"), follow=True)
    assert "Alice (alice) was deleted" in response.content.decode()
    assert not Connection.objects.exists()
    assert not Registration.objects.exists()


def test_a_connection_numbers_lead_to_is_kept_and_they_are_named(admin: Client) -> None:
    row = stored()
    number = Number.objects.create(number="+12025550100", connection=row)
    page = text(admin, url(row, "delete/"))
    assert f'href="/numbers/{number.pk}/">+12025550100</a>' in page
    assert "<form" not in page.split("<main")[1]
    response = admin.post(url(row, "delete/"))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "cannot be deleted while numbers lead to it" in response.content.decode()
    assert Connection.objects.exists()


def test_a_connection_that_voice_agents_fall_back_to_is_kept_and_they_are_named(
    admin: Client,
) -> None:
    row = stored()
    support = agent(fallback_connection=row)
    page = text(admin, url(row, "delete/"))
    assert f'href="/agents/{support.pk}/">support</a>' in page
    assert "<form" not in page.split("<main")[1]
    assert admin.post(url(row, "delete/")).status_code == HTTPStatus.CONFLICT
    assert Connection.objects.exists()


# Django admin


def test_the_django_admin_shows_no_secret_and_does_not_write_what_the_engine_owns(
    admin: Client,
) -> None:
    row = stored()
    registered(row)
    registration = row.registrations.get()
    pages = [
        "/admin/connections/connection/",
        "/admin/connections/connection/?q=alice",
        f"/admin/connections/connection/{row.pk}/change/",
        f"/admin/connections/connection/{row.pk}/history/",
        "/admin/connections/registration/",
        "/admin/connections/registration/?q=yealink",
        f"/admin/connections/registration/{registration.pk}/change/",
    ]
    for address in pages:
        page = text(admin, address)
        for secret in (row.ha1_md5, row.ha1_sha256, GIVEN, "ha1_"):
            assert secret not in page
    assert "Yealink T46U" in text(admin, pages[5])
    assert admin.post(pages[-1], {"contact": "sip:evil@x"}).status_code == HTTPStatus.FORBIDDEN
    for rest in ("add/", f"{registration.pk}/delete/"):
        address = f"/admin/connections/registration/{rest}"
        assert admin.get(address).status_code == HTTPStatus.FORBIDDEN


def test_the_django_admin_writes_only_what_this_person_changed(admin: Client) -> None:
    row = stored(inbound_codecs=["G722", "PCMU"])
    address = f"/admin/connections/connection/{row.pk}/change/"
    page = admin.get(address)
    form = sent_by(page.context["adminform"].form)
    assert 'name="initial-inbound_codecs" value="G722, PCMU"' in page.content.decode()
    form |= {"registrations-TOTAL_FORMS": "0", "registrations-INITIAL_FORMS": "0"}
    Connection.objects.filter(pk=row.pk).update(inbound_codecs=["OPUS"], concurrent_calls=3)
    response = admin.post(address, {**form, "name": "From the admin", "password": "another one"})
    assert response.status_code == HTTPStatus.FOUND
    after = Connection.objects.get()
    assert (after.name, after.inbound_codecs, after.concurrent_calls) == (
        "From the admin",
        ["OPUS"],
        3,
    )
    assert (
        after.ha1_md5
        == kept_ha1(username="alice", realm=after.ha1_realm, password="another one").md5
    )
