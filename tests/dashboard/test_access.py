"""Nobody, viewer, operator and admin, on every address there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

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

OURS = [address for address in ALL if not address.is_admin]
ADMINS = [address for address in ALL if address.is_admin]
NOT_FOR_YOU = {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}


@pytest.fixture(autouse=True)
def fresh_channel_layer() -> None:
    channel_layers.backends.clear()


@dataclass(frozen=True)
class People:
    """One of each role, who has signed in."""

    users: dict[Role, User]
    sessions: dict[Role, str]

    def may(self, role: Role, permission: str) -> bool:
        return permission == SIGNED_IN or self.users[role].has_perm(permission)

    def browser(self, role: Role) -> Client:
        client = Client()
        client.cookies["sessionid"] = self.sessions[role]
        return client


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[People]:
    """Store a row for every example argument and people, once for the tests of this module."""
    with django_db_blocker.unblock(), transaction.atomic():
        store_rows()
        sessions = {role: browser_of(role).cookies["sessionid"].value for role in ROLES}
        yield People({role: User.objects.get(username=str(role)) for role in ROLES}, sessions)
        transaction.set_rollback(True)


@pytest.fixture
def stored(people: People, db: None) -> People:
    """Give a test the rows and people; what it does to them is undone after it."""
    return people


def test_pages_of_every_room_are_among_the_addresses_found() -> None:
    names = {address.name for address in ALL}
    assert {"calls", "call", "hang-up", "engine", "admin:index"} <= names
    assert len(ADMINS) > 20


@pytest.mark.parametrize("address", OURS, ids=lambda address: address.name)
def test_every_address_says_who_may_use_it(address: Address) -> None:
    assert address.access is not None, f"{address.name} lacks parts.access.requires"
    assert address.access.get or address.access.post


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("address", ALL, ids=lambda address: address.name)
def test_a_stranger_is_led_to_the_login(stored: People, address: Address, method: str) -> None:
    response = getattr(Client(), method)(address.path)
    assert response.status_code == HTTPStatus.FOUND
    assert response["Location"].split("?")[0] in (reverse("login"), reverse("admin:login"))


@pytest.mark.parametrize("address", OURS, ids=lambda address: address.name)
def test_a_strangers_fragment_makes_the_page_reload(stored: People, address: Address) -> None:
    response = Client().get(address.path, headers={"HX-Request": "true"})
    assert (response.content, response["HX-Refresh"]) == (b"", "true")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("address", OURS, ids=lambda address: address.name)
def test_a_page_is_for_those_who_have_its_permission(
    stored: People, address: Address, role: Role, method: str
) -> None:
    assert address.access is not None
    permission = address.access.of(method)
    user_may = permission is not None and stored.may(role, permission)
    status = getattr(stored.browser(role), method.lower())(address.path).status_code
    if permission is None:
        assert status == HTTPStatus.METHOD_NOT_ALLOWED
    elif user_may:
        assert status not in NOT_FOR_YOU
        assert status < HTTPStatus.INTERNAL_SERVER_ERROR or status == 503
        if method == "GET":
            assert status in (HTTPStatus.OK, HTTPStatus.FOUND)
    else:
        assert status == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("address", OURS, ids=lambda address: address.name)
def test_who_only_looks_can_change_nothing(stored: People, address: Address) -> None:
    assert address.access is not None
    if address.access.post and address.name != "own-password":
        assert not stored.may(Role.VIEWER, address.access.post)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("address", ADMINS, ids=lambda address: address.name)
def test_the_django_admin_is_for_admins(stored: People, address: Address, role: Role) -> None:
    response = stored.browser(role).get(address.path)
    if role is Role.ADMIN:
        # Rows that the engine alone writes are not added or deleted by admins either.
        assert address.path.endswith(("/add/", "/delete/", "/autocomplete/")) or (
            response.status_code not in NOT_FOR_YOU
        )
        assert not response.get("Location", "").startswith(reverse("admin:login"))
        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    else:
        assert response.status_code == HTTPStatus.FOUND
        assert response["Location"].startswith(reverse("admin:login"))
