"""What anybody may ask of the account pages, and how much work a guess at a user name is."""

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from callengine.directory import lookup
from connections.models import Connection

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["password_reset/", "reset/MQ/set-password/"])
def test_no_mail_is_sent_by_strangers(path: str) -> None:
    # There is no mail server to send it and no page of ours for it.
    assert Client().get(f"/accounts/{path}").status_code == 404


def test_sign_in_and_out_have_their_pages() -> None:
    assert Client().get("/accounts/login/").status_code == 200
    assert Client().get("/accounts/logout/").status_code == 405


def queries(username: str) -> int:
    with CaptureQueriesContext(database) as captured:
        lookup.credentials(username)
    return len(captured)


def test_a_known_user_costs_as_many_queries_as_an_unknown_one() -> None:
    Connection.objects.create(sip_user="alice", name="Alice")
    assert queries("alice") == queries("nobody")
