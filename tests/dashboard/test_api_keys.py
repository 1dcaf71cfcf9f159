"""The page of API keys in the settings."""

import re
from http import HTTPStatus

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from api.keys.scopes import Scope
from api.models import ApiKey
from dashboard.accounts.roles import Role
from tests.api.programs import AGENTS, Program
from tests.dashboard.people import browser_of, person

pytestmark = pytest.mark.django_db
ADD = "/settings/keys/add/"
CRM = {"name": "CRM", "scopes": ["agents:read"], "lifetime": "90"}


def text(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return content.decode()


def made(browser: Client, **values: object) -> tuple[ApiKey, str]:
    """Return a new key's row, and the key as the page shows it."""
    page = browser.post(ADD, CRM | values, follow=True)
    shown = re.search(r'id="secret">(vn_\w+)<', text(page))
    assert shown, text(page)
    assert "no-store" in page["Cache-Control"]
    return ApiKey.objects.latest("pk"), shown[1]


def test_a_key_is_shown_once_and_does_what_was_chosen(admin: Client) -> None:
    row, key = made(admin)
    assert Program(f"Bearer {key}").get().status_code == HTTPStatus.OK
    answer = Program(key).send("DELETE", f"{AGENTS}/5f0e3a52-0d9f-4a7e-9f3a-2b1c6f7d8e90")
    assert answer.status_code == HTTPStatus.FORBIDDEN
    for path in (f"/settings/keys/{row.pk}/", "/settings/keys/"):
        page = text(admin.get(path))
        assert row.prefix in page
        assert key not in page
    assert row.expires_at is not None
    assert (row.expires_at - row.created_at).days in (89, 90)


def test_the_page_shows_no_key_to_somebody_else(admin: Client) -> None:
    response = admin.post(ADD, CRM)
    other = Client()
    other.force_login(person(Role.ADMIN, "other"))
    assert 'id="secret"' not in text(other.get(response["Location"]))
    assert 'id="secret"' in text(admin.get(response["Location"]))


def test_a_key_may_work_until_it_is_revoked(admin: Client) -> None:
    row, key = made(admin, lifetime="")
    assert row.expires_at is None
    page = admin.post(f"/settings/keys/{row.pk}/revoke/", follow=True)
    assert "CRM is revoked" in text(page)
    assert Program(key).get().status_code == HTTPStatus.UNAUTHORIZED
    assert "revoked already" in text(admin.post(f"/settings/keys/{row.pk}/revoke/", follow=True))
    assert "Revoke it" not in text(admin.get(f"/settings/keys/{row.pk}/"))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"name": ""}, "required"),
        ({"name": "a\nb"}, "One line"),
        ({"name": "x" * 101}, "100"),
        ({"scopes": []}, "choose one"),
        ({"scopes": ["everything"]}, "everything"),
        ({"lifetime": "7"}, "7"),
    ],
)
def test_a_key_that_is_asked_for_wrongly_is_not_made(
    admin: Client, values: dict[str, object], word: str
) -> None:
    page = admin.post(ADD, CRM | values)
    assert page.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert word in text(page)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("scopes", "tries"),
    [
        (["agents:read"], "/v1/agents<"),
        (["agents:write", "connection-templates:read"], "/v1/connection-templates<"),
        (["agents:write"], ""),
    ],
)
def test_what_a_key_is_tried_with_is_what_it_may(
    admin: Client, scopes: list[str], tries: str
) -> None:
    row, _ = made(admin, scopes=scopes)
    page = text(admin.get(f"/settings/keys/{row.pk}/"))
    assert ("Try it" in page) == bool(tries)
    assert tries in page


def test_nobody_gives_a_key_a_right_they_lack() -> None:
    browser = browser_of(Role.VIEWER)
    User.objects.get(username="viewer").user_permissions.set(
        Permission.objects.filter(content_type__app_label="api")
    )
    page = text(browser.get(ADD))
    assert Scope.AGENTS_READ in page
    assert Scope.AGENTS_WRITE not in page
    assert browser.post(ADD, CRM | {"scopes": ["agents:write"]}).status_code == 422
    _, key = made(browser)
    assert Program(key).get().status_code == HTTPStatus.OK


def test_without_a_key_the_page_says_what_one_is_for(admin: Client) -> None:
    assert "No keys yet" in text(admin.get("/settings/keys/"))
    assert "None is in force" in text(admin.get("/settings/"))
    made(admin)
    assert "1 key in force" in text(admin.get("/settings/"))
    assert "No key of that name" in text(admin.get("/settings/keys/?q=other"))


def test_a_key_lists_why_it_works_no_longer(admin: Client) -> None:
    row, _ = made(admin)
    leaver = person(Role.ADMIN, "leaver")
    ApiKey.objects.filter(pk=row.pk).update(owner=leaver)
    leaver.is_active = False
    leaver.save()
    assert "owner may not sign in" in text(admin.get("/settings/keys/"))
