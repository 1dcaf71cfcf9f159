"""Accounts, roles and platform settings, through their pages."""

import re
from http import HTTPStatus

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from audiocodecs.models import PlatformSettings
from callengine.models import EngineNode
from dashboard.accounts.roles import Role, role_of, set_role
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of, person

pytestmark = pytest.mark.django_db


def text(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return content.decode()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.NONE])
def test_a_role_given_is_the_role_one_has(role: Role) -> None:
    user = person(Role.ADMIN, "somebody")
    set_role(user=user, role=role)
    assert role_of(User.objects.get(pk=user.pk)) is role


def test_permissions_given_one_by_one_are_a_role_of_their_own() -> None:
    user = person(Role.VIEWER)
    user.user_permissions.add(Permission.objects.get(codename="change_trunk"))
    assert role_of(user) is Role.CUSTOM
    set_role(user=user, role=Role.CUSTOM)
    assert User.objects.get(pk=user.pk).has_perm("trunks.change_trunk")


def test_an_operator_hangs_up_and_edits_nothing() -> None:
    operator = person(Role.OPERATOR)
    assert operator.has_perm("callengine.change_call")
    edits = [p for p in operator.get_all_permissions() if ".view_" not in p]
    assert edits == ["callengine.change_call"]


def test_a_password_that_was_made_up_is_shown_once(admin: Client) -> None:
    response = admin.post("/settings/users/add/", {"username": "vera", "role": "viewer"})
    shown = re.search(r'data-copy="([^"]+)"', text(response))
    assert shown
    assert "no-store" in response["Cache-Control"]
    assert Client().login(username="vera", password=shown[1])
    vera = User.objects.get(username="vera")
    assert shown[1] not in text(admin.get(f"/settings/users/{vera.pk}/"))
    assert role_of(vera) is Role.VIEWER


def test_a_password_that_was_given_is_not_shown(admin: Client) -> None:
    values = {"username": "omar", "role": "operator", "password": "correct horse 7"}
    response = admin.post("/settings/users/add/", values, follow=True)
    assert "correct horse 7" not in text(response)
    assert Client().login(username="omar", password="correct horse 7")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"username": "ADMIN", "role": "viewer"}, "There is an account &#x27;ADMIN&#x27; already"),
        ({"username": "a b", "role": "viewer"}, "Enter a valid username"),
        ({"username": "x", "role": "owner"}, "owner is not one of the available choices"),
        ({"username": "x", "role": "viewer", "password": "12345678"}, "too common"),
        ({}, "This field is required"),
    ],
)
def test_a_bad_account_is_not_made(admin: Client, values: dict[str, str], complaint: str) -> None:
    response = admin.post("/settings/users/add/", values)
    assert complaint in text(response)
    assert User.objects.count() == 1


def test_the_last_admin_stays(admin: Client) -> None:
    me = User.objects.get(username="admin")
    response = admin.post(f"/settings/users/{me.pk}/", {"role": "viewer", "is_active": "on"})
    assert "is the only active admin" in text(response)
    response = admin.post(f"/settings/users/{me.pk}/", {"role": "admin"})
    assert "is the only active admin" in text(response)
    assert role_of(User.objects.get(pk=me.pk)) is Role.ADMIN
    assert User.objects.get(pk=me.pk).is_active


def test_an_account_is_closed_and_its_session_with_it(admin: Client) -> None:
    viewer = browser_of(Role.VIEWER)
    assert viewer.get("/calls/").status_code == HTTPStatus.OK
    account = User.objects.get(username="viewer")
    admin.post(f"/settings/users/{account.pk}/", {"role": "viewer"})
    assert viewer.get("/calls/").status_code == HTTPStatus.FOUND


def test_a_new_password_ends_other_sessions(admin: Client) -> None:
    viewer = browser_of(Role.VIEWER)
    account = User.objects.get(username="viewer")
    response = admin.post(f"/settings/users/{account.pk}/password/", {"password": ""})
    assert 'id="new-password"' in text(response)
    assert viewer.get("/calls/").status_code == HTTPStatus.FOUND


def test_people_change_their_own_password_whatever_their_role() -> None:
    client = browser_of(Role.NONE)
    values = {"old_password": "correct horse", "new_password1": "battery staple 9"}
    response = client.post("/password/", {**values, "new_password2": "battery staple 9"})
    assert response.status_code == HTTPStatus.FOUND
    assert client.get("/password/").status_code == HTTPStatus.OK, "the own session goes on"
    assert Client().login(username="none", password="battery staple 9")


def test_the_list_of_users_asks_the_same_however_many(
    admin: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def queries() -> int:
        with django_assert_num_queries(10, exact=False) as context:
            admin.get("/settings/users/")
        return len(context)

    admin.get("/settings/users/")
    few = queries()
    for number in range(40):
        person(Role.VIEWER, f"viewer-{number}")
    assert queries() == few


def test_unknown_callers_are_let_in_and_kept_out(admin: Client) -> None:
    admin.post("/settings/", {"external_sip": "on", "time_zone": "UTC"})
    assert PlatformSettings.load().external_sip
    PlatformSettings.objects.update(codecs=["PCMU"])
    admin.post("/settings/", {"time_zone": "UTC"})
    assert not PlatformSettings.load().external_sip
    assert PlatformSettings.load().codecs == ["PCMU"], "saving one setting leaves the other alone"


def test_settings_show_the_engines_and_no_secret(admin: Client) -> None:
    demo.engine_node()
    page = text(admin.get("/settings/"))
    assert "engine-1" in page
    assert "libvo-amrwbenc.so.0 is not installed" in page
    assert "SECRET" not in page
    EngineNode.objects.all().delete()
    assert "No engine has reported yet" in text(admin.get("/settings/"))


def test_a_viewer_sees_settings_and_no_button() -> None:
    page = text(browser_of(Role.VIEWER).get("/settings/"))
    assert "Platform codecs" in page
    assert 'name="external_sip"' not in page
    assert "Manage users" not in page


def manager(*more: str, staff: bool = False) -> Client:
    """Return the browser of somebody who looks at all and manages accounts, and is no admin."""
    user = person(Role.VIEWER, "manager")
    names = ("view_user", "add_user", "change_user", "add_group", "change_group", *more)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    User.objects.filter(pk=user.pk).update(is_staff=staff)
    return browser_of(User.objects.get(pk=user.pk))


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_nobody_gives_away_more_than_they_may_themselves(role: str) -> None:
    browser, viewer = manager(), person(Role.VIEWER)
    new = browser.post("/settings/users/add/", {"username": "new", "role": role})
    change = {"role": role, "is_active": "on"}
    own = User.objects.get(username="manager")
    changed = [
        browser.post(f"/settings/users/{key}/", change).status_code for key in (viewer.pk, own.pk)
    ]
    assert [new.status_code, *changed] == [HTTPStatus.FORBIDDEN] * 3
    assert not User.objects.filter(username="new").exists()
    assert role_of(viewer) is Role.VIEWER
    assert not User.objects.get(pk=own.pk).is_superuser


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR])
def test_nobody_takes_over_an_account_that_may_do_more(role: Role, is_active: bool) -> None:
    browser, account = manager(), person(role)
    User.objects.filter(pk=account.pk).update(is_active=is_active)
    password = {"password": "taken over 9"}
    answers = [
        browser.post(f"/settings/users/{account.pk}/password/", password),
        browser.post(f"/settings/users/{account.pk}/", {"role": "none"}),
    ]
    assert [answer.status_code for answer in answers] == [HTTPStatus.FORBIDDEN] * 2
    account.refresh_from_db()
    assert account.check_password("correct horse")
    assert (account.is_active, role_of(account)) == (is_active, role)


def test_who_manages_accounts_makes_and_changes_those_that_may_do_no_more() -> None:
    browser = manager("change_call")
    browser.post("/settings/users/add/", {"username": "omar", "role": "operator"})
    omar = User.objects.get(username="omar")
    assert role_of(omar) is Role.OPERATOR
    browser.post(f"/settings/users/{omar.pk}/password/", {"password": "correct horse 7"})
    assert Client().login(username="omar", password="correct horse 7")


def test_staff_that_manage_accounts_make_no_admin_in_the_django_admin() -> None:
    browser = manager(staff=True)
    own = User.objects.get(username="manager")
    values = {"username": "manager", "is_active": "on", "is_superuser": "on", "is_staff": "on"}
    paths = (f"/admin/auth/user/{own.pk}/change/", "/admin/auth/group/add/")
    answers = [browser.post(path, {**values, "name": "all"}).status_code for path in paths]
    assert answers == [HTTPStatus.FORBIDDEN] * 2
    assert browser.get(paths[0]).status_code == HTTPStatus.OK
    assert not User.objects.get(pk=own.pk).is_superuser


def test_who_has_no_role_is_told_what_to_ask_for_and_can_leave() -> None:
    page = text(browser_of(Role.NONE).get("/"))
    assert "an account without a role" in page
    assert "Ask an administrator for a role" in page
    assert 'action="/accounts/logout/"' in page
    assert ">Overview</a>" not in page


def test_who_has_a_role_is_led_back_from_what_it_does_not_include() -> None:
    page = text(browser_of(Role.VIEWER).get("/settings/users/"))
    assert "Your role does not include this." in page
    assert '<a class="button primary" href="/">Overview</a>' in page
