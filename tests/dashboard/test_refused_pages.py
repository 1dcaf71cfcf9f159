"""What is refused keeps the way on for whoever is signed in, and costs the log one line at most."""

import logging

import pytest
from django.test import Client

from connections.models import Connection


def test_a_name_that_is_not_ours_is_told_which_setting_it_wants(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = Client(headers={"host": "pbx.example"}).get("/")
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "<code>VOIPNUMBER_ALLOWED_HOSTS</code>" in page
    assert "pbx.example" not in page
    assert "pbx.example" in caplog.text


@pytest.mark.django_db
def test_refusals_keep_the_navigation_and_cost_a_line(
    admin: Client, viewer: Client, caplog: pytest.LogCaptureFixture
) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    rail = '<nav class="rail"'
    missing = viewer.get("/nothing/here/")
    assert (missing.status_code, rail in missing.content.decode()) == (404, True)
    assert rail not in Client().get("/nothing/here/").content.decode()

    caplog.clear()
    forbidden = viewer.get("/connections/add/")
    assert (forbidden.status_code, rail in forbidden.content.decode()) == (403, True)
    (line,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert line.exc_info is None

    caplog.clear()
    for path in ("/connections/add/", "/trunks/add/", "/numbers/add/", "/routes/add/"):
        assert admin.post(path, {"name": ""}).status_code == 422, path
    users = admin.post("/settings/users/add/", {"username": "a b", "role": "viewer"})
    assert users.status_code == 422
    assert admin.post("/settings/", {"home_country": "XX"}).status_code == 422
    assert admin.post("/password/", {"old_password": "x"}).status_code == 422
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "Django admin" in admin.get("/settings/").content.decode()
    assert "Django admin" not in viewer.get("/settings/").content.decode()
