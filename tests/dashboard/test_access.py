"""Nobody, viewer, operator and admin, on every address there is.

One test for each address: what is asked in it is undone before the next, and named if it fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import product
from typing import Any

import pytest
from channels.layers import channel_layers
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from dashboard.accounts.roles import Role
from dashboard.parts.access import SIGNED_IN
from tests.dashboard.addresses import ALL, Address
from tests.dashboard.people import ROLES, browser_of
from tests.dashboard.rows import store_rows

pytestmark = pytest.mark.thorough

OURS = [address for address in ALL if not address.is_admin]
ADMINS = [address for address in ALL if address.is_admin]
NOT_FOR_YOU = {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}
METHODS = ("GET", "POST")
of_every = pytest.mark.parametrize("address", ALL, ids=lambda address: address.name)
of_ours = pytest.mark.parametrize("address", OURS, ids=lambda address: address.name)
of_admins = pytest.mark.parametrize("address", ADMINS, ids=lambda address: address.name)


@contextmanager
def undone() -> Iterator[None]:
    """Take back what one request does."""
    channel_layers.backends.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@dataclass(frozen=True)
class People:
    """One of each role, who has signed in."""

    users: dict[Role, User]
    sessions: dict[Role, str]
    handler: Any
    "The middleware, which each browser would build anew."

    def may(self, role: Role, permission: str) -> bool:
        return permission == SIGNED_IN or self.users[role].has_perm(permission)

    def browser(self, role: Role | None) -> Client:
        """Return one of somebody who has signed in; without a role, of a stranger."""
        client = Client()
        client.handler = self.handler
        if role is not None:
            client.cookies["sessionid"] = self.sessions[role]
        return client


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[People]:
    """Store a row for every example argument and people, once for the tests of this module."""
    with django_db_blocker.unblock(), transaction.atomic():
        store_rows()
        sessions = {role: browser_of(role).cookies["sessionid"].value for role in ROLES}
        users = {role: User.objects.get(username=str(role)) for role in ROLES}
        yield People(users, sessions, Client().handler)
        transaction.set_rollback(True)


@pytest.fixture
def stored(people: People, db: None) -> People:
    """Give a test the rows and people; what it does to them is undone after it."""
    return people


def test_pages_of_every_room_are_among_the_addresses_found() -> None:
    names = {address.name for address in ALL}
    assert {"calls", "call", "hang-up", "engine", "admin:index"} <= names
    assert len(ADMINS) > 20


def test_every_address_says_who_may_use_it() -> None:
    silent = [a.name for a in OURS if not (a.access and (a.access.get or a.access.post))]
    assert not silent, "these lack parts.access.requires"


@of_every
def test_a_stranger_is_led_to_the_login(stored: People, address: Address) -> None:
    for method in METHODS:
        with undone():
            response = getattr(stored.browser(None), method.lower())(address.path)
        assert response.status_code == HTTPStatus.FOUND, method
        login = response["Location"].split("?")[0]
        assert login in (reverse("login"), reverse("admin:login")), method


@of_ours
def test_a_strangers_fragment_makes_the_page_reload(stored: People, address: Address) -> None:
    response = stored.browser(None).get(address.path, headers={"HX-Request": "true"})
    assert (response.content, response["HX-Refresh"]) == (b"", "true")


@of_ours
def test_a_page_is_for_those_who_have_its_permission(stored: People, address: Address) -> None:
    assert address.access is not None
    for role, method in product(ROLES, METHODS):
        permission = address.access.of(method)
        user_may = permission is not None and stored.may(role, permission)
        with undone():
            status = getattr(stored.browser(role), method.lower())(address.path).status_code
        asked = f"{method} by {role}: {status}"
        if permission is None:
            assert status == HTTPStatus.METHOD_NOT_ALLOWED, asked
        elif user_may:
            assert status not in NOT_FOR_YOU, asked
            assert status < HTTPStatus.INTERNAL_SERVER_ERROR or status == 503, asked
            if method == "GET":
                assert status in (HTTPStatus.OK, HTTPStatus.FOUND), asked
        else:
            assert status == HTTPStatus.FORBIDDEN, asked


def test_who_only_looks_can_change_nothing(stored: People) -> None:
    for address in OURS:
        assert address.access is not None
        if address.access.post and address.name != "own-password":
            assert not stored.may(Role.VIEWER, address.access.post), address.name


@of_admins
def test_the_django_admin_is_for_admins(stored: People, address: Address) -> None:
    for role in ROLES:
        with undone():
            response = stored.browser(role).get(address.path)
        status, leads_to = response.status_code, response.get("Location", "")
        if role is Role.ADMIN:
            # Rows that the engine alone writes are not added or deleted by admins either.
            closed = address.path.endswith(("/add/", "/delete/", "/autocomplete/"))
            assert closed or status not in NOT_FOR_YOU, role
            assert not leads_to.startswith(reverse("admin:login")), role
            assert status < HTTPStatus.INTERNAL_SERVER_ERROR, role
        else:
            assert status == HTTPStatus.FOUND, role
            assert leads_to.startswith(reverse("admin:login")), role
