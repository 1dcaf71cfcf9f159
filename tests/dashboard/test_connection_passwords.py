"""A connection is added, and a password is shown once and kept nowhere."""

import logging
from http import HTTPStatus

import pytest
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.test import Client

from connections.models import Connection
from dashboard.parts import once
from sip.digest import kept_ha1
from sip.passwords import ALPHABET, LENGTH
from tests.dashboard.subscribers import GIVEN, registered, shown_password, stored, text, url, words
from trunks.models import Trunk

pytestmark = pytest.mark.django_db


def add(client: Client, **values: str) -> tuple[str, str]:
    """Add a connection; return the address it leads to and the page there."""
    form = {"name": "Alice", "sip_user": "alice", "password": "", **values}
    response = client.post("/connections/add/", form)
    assert response.status_code == HTTPStatus.FOUND, words(response.content.decode())
    return response["Location"], text(client, response["Location"])


def test_a_generated_password_is_shown_once_and_can_be_typed(admin: Client) -> None:
    address, page = add(admin)
    row = Connection.objects.get()
    assert address == url(row, "?tab=phone")
    password = shown_password(page)
    assert len(password) == LENGTH
    assert set(password) <= set(ALPHABET)
    assert not set("lio01OI") & set(ALPHABET)
    assert f'data-copy="{password}"' in page
    expected = kept_ha1(username="alice", realm=row.ha1_realm, password=password)[1:3]
    assert (row.ha1_md5, row.ha1_sha256) == expected
    for again in (address, url(row), "/connections/"):
        assert password not in text(admin, again)


def test_a_password_one_chose_is_shown_once_too(admin: Client) -> None:
    _, page = add(admin, password=GIVEN)
    assert shown_password(page) == GIVEN
    row = Connection.objects.get()
    assert row.ha1_md5 == kept_ha1(username="alice", realm=row.ha1_realm, password=GIVEN).md5
    assert GIVEN not in text(admin, url(row, "?tab=phone"))


def test_the_password_is_never_stored_logged_or_cached(
    admin: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # What SQL was sent would be a log of our own making.
    logging.getLogger("django.db.backends").setLevel(logging.INFO)
    form = {"name": "Alice", "sip_user": "alice", "password": GIVEN}
    answer = admin.post("/connections/add/", form)

    def everything() -> str:
        sessions = [session.get_decoded() for session in Session.objects.all()]
        with database.cursor() as cursor:
            tables = database.introspection.table_names()
            rows = [cursor.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables]
        return f"{sessions} {rows}"

    assert GIVEN not in everything()
    assert GIVEN not in str(answer.headers) + str(answer.cookies) + answer["Location"]
    cookie = answer.cookies[once.COOKIE]
    assert cookie["httponly"]
    assert cookie["path"] == url(Connection.objects.get())
    assert "no-store" in answer["Cache-Control"]
    page = admin.get(answer["Location"])
    assert "no-store" in page["Cache-Control"]
    assert GIVEN in page.content.decode()
    assert page.cookies[once.COOKIE].value == ""
    assert GIVEN not in everything()
    assert GIVEN not in caplog.text
    # Even who kept the cookie cannot open it again.
    admin.cookies[once.COOKIE] = cookie.value
    assert GIVEN not in text(admin, answer["Location"])


def test_only_who_made_the_password_and_a_whole_page_see_it(admin: Client, viewer: Client) -> None:
    answer = admin.post("/connections/add/", {"name": "A", "sip_user": "a", "password": GIVEN})
    address = answer["Location"]
    viewer.cookies[once.COOKIE] = answer.cookies[once.COOKIE].value
    assert GIVEN not in text(viewer, address)
    assert GIVEN not in admin.get(address, headers={"HX-Request": "true"}).content.decode()
    admin.head(address)
    assert GIVEN in text(admin, address)


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"name": ""}, "name", "Give it a name"),
        ({"sip_user": ""}, "sip_user", "Give it a SIP user: 1 to 64 of"),
        ({"sip_user": "sales team"}, "sip_user", "'sales team' is not a SIP user; allowed: 1 to"),
        ({"sip_user": "bob"}, "sip_user", "'bob' is already the SIP user of Bob; choose another"),
        ({"sip_user": "carrier"}, "sip_user", "already the IN user name of trunk carrier-one"),
        ({"password": "short7!"}, "password", "8 to 128 characters, without spaces around it"),
        ({"password": " padded password"}, "password", "begins or ends with a space"),
        ({"password": "with\ttab in it"}, "password", "cannot be typed"),
    ],
)
def test_bad_input_is_said_at_its_field_and_nothing_is_saved(
    admin: Client, values: dict[str, str], field: str, said: str
) -> None:
    stored("bob")
    Trunk.objects.create(name="carrier-one", in_username="carrier")
    form = {"name": "Alice", "sip_user": "alice", "password": "", **values}
    response = admin.post("/connections/add/", form)
    assert any(said in error for error in response.context["form"].errors[field])
    page = response.content.decode()
    assert "Not saved" in page
    assert Connection.objects.count() == 1
    for value in values.values():
        if field == "password":
            assert value not in page


def test_another_password_takes_the_place_of_the_old_one(admin: Client) -> None:
    row = stored()
    response = admin.post(url(row, "password/"), {"password": ""})
    page = text(admin, response["Location"])
    password = shown_password(page)
    row.refresh_from_db()
    expected = kept_ha1(username="alice", realm=row.ha1_realm, password=password)[1:3]
    assert (row.ha1_md5, row.ha1_sha256) == expected
    bad = admin.post(url(row, "password/"), {"password": "x"})
    assert "this one has 1" in bad.content.decode()
    before = row.ha1_md5
    row.refresh_from_db()
    assert row.ha1_md5 == before


@pytest.mark.parametrize(
    "path",
    [
        "/connections/{}/?tab=registrations",
        "/admin/connections/connection/{}/change/",
        "/admin/connections/registration/",
        "/admin/connections/registration/{}/change/",
    ],
)
def test_no_page_shows_a_password_a_phone_put_into_its_contact(admin: Client, path: str) -> None:
    row = stored()
    registered(row)
    contact = row.registrations.get()
    contact.contact = "sip:alice:hunter2@192.0.2.7:5060;ob"
    contact.save()
    page = admin.get(path.format(contact.pk if "/registration/" in path else row.pk))
    assert "sip:alice:***@192.0.2.7:5060;ob" in page.content.decode()
    assert "hunter2" not in page.content.decode()


def test_a_password_of_before_is_said_to_need_setting_again_for_user_at_realm(
    admin: Client,
) -> None:
    row = stored()
    note = "may use that once a new password is set"
    assert note not in words(text(admin, url(row, "?tab=phone")))
    Connection.objects.update(ha1b_md5="", ha1b_sha256="")
    page = words(text(admin, url(row, "?tab=phone")))
    assert f"alice@{row.ha1_realm} may use that once a new password is set" in page
    assert row.ha1b_md5 not in page
