"""Who is let in, by which key, to what."""

import datetime as dt
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from api.keys.scopes import PERMISSIONS, Scope
from api.keys.services import make_key, revoke_key
from api.models import ApiKey
from connections.models import Connection
from connections.templates import ConnectionTemplate
from dashboard.accounts.roles import Role, set_role
from tests.api.programs import AGENTS, SUPPORT, TEMPLATES, Program, owner, problems, program

pytestmark = pytest.mark.django_db
OPERATIONS = {
    "list": ("GET", AGENTS, None, Scope.AGENTS_READ, HTTPStatus.OK),
    "make": ("POST", AGENTS, SUPPORT | {"name": "new"}, Scope.AGENTS_WRITE, HTTPStatus.CREATED),
    "show": ("GET", f"{AGENTS}/ID", None, Scope.AGENTS_READ, HTTPStatus.OK),
    "update": ("PUT", f"{AGENTS}/ID", {}, Scope.AGENTS_WRITE, HTTPStatus.OK),
    "change": ("PATCH", f"{AGENTS}/ID", {}, Scope.AGENTS_WRITE, HTTPStatus.OK),
    "delete": ("DELETE", f"{AGENTS}/ID", None, Scope.AGENTS_WRITE, HTTPStatus.NO_CONTENT),
    "list-templates": ("GET", TEMPLATES, None, Scope.TEMPLATES_READ, HTTPStatus.OK),
    "make-template": (
        *("POST", TEMPLATES, {"name": "new"}),
        *(Scope.TEMPLATES_WRITE, HTTPStatus.CREATED),
    ),
    "show-template": ("GET", f"{TEMPLATES}/DESKS", None, Scope.TEMPLATES_READ, HTTPStatus.OK),
    "change-template": (
        *("PATCH", f"{TEMPLATES}/DESKS", {}),
        *(Scope.TEMPLATES_WRITE, HTTPStatus.OK),
    ),
    "delete-template": (
        *("DELETE", f"{TEMPLATES}/DESKS", None),
        *(Scope.TEMPLATES_WRITE, HTTPStatus.NO_CONTENT),
    ),
    "followers": (
        *("GET", f"{TEMPLATES}/DESKS/connections", None),
        *(Scope.TEMPLATES_READ, HTTPStatus.OK),
    ),
    "follow": (
        *("PUT", f"{TEMPLATES}/DESKS/connections/ann", None),
        *(Scope.TEMPLATES_WRITE, HTTPStatus.OK),
    ),
    "leave": (
        *("DELETE", f"{TEMPLATES}/DESKS/connections/ann", None),
        *(Scope.TEMPLATES_WRITE, HTTPStatus.NO_CONTENT),
    ),
}
Operation = tuple[str, str, Any, Scope, HTTPStatus]
every_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


Ids = dict[str, str]


def ask(who: Program, operation: Operation, ids: Ids) -> Any:
    method, path, body, _, _ = operation
    return who.send(method, "/".join(ids.get(step, step) for step in path.split("/")), body)


@pytest.fixture
def ids(crm: Program) -> Ids:
    desks = ConnectionTemplate.objects.create(name="Desk phones")
    Connection.objects.create(name="Ann", sip_user="ann", template=desks)
    return {"ID": str(crm.made()["id"]), "DESKS": str(desks.pk)}


@every_operation
@pytest.mark.parametrize("scope", [*Scope, None])
def test_a_key_does_what_its_scope_says(
    ids: Ids, operation: Operation, scope: Scope | None
) -> None:
    *_, wanted, status = operation
    answer = ask(program([scope] if scope else []), operation, ids)
    if scope is wanted:
        assert answer.status_code == status
    else:
        assert problems(answer, HTTPStatus.FORBIDDEN) == [
            ("header.authorization", scope or "", wanted)
        ]


@every_operation
def test_nobody_gets_in_without_a_key(ids: Ids, operation: Operation) -> None:
    answer = ask(Program(), operation, ids)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.json() == {"detail": "Missing authorization header"}
    assert answer["WWW-Authenticate"].startswith("Bearer")


@every_operation
def test_a_session_of_the_pages_is_no_key(ids: Ids, operation: Operation) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner())
    answer = ask(Program(client=browser), operation, ids)
    assert answer.json() == {"detail": "Missing authorization header"}
    answer = ask(Program("Bearer vn_nonsense", browser), operation, ids)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


def test_a_key_needs_no_csrf_token(db: None) -> None:
    who = program()
    who.client = Client(enforce_csrf_checks=True)
    assert who.post(SUPPORT).status_code == HTTPStatus.CREATED


def unauthorized(key: str) -> bool:
    answer = Program(key).get()
    return (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


@pytest.mark.parametrize("word", ["{}", "Bearer {}", "bearer {}", "  Bearer   {} "])
def test_a_key_stands_alone_or_after_bearer(word: str) -> None:
    _, key = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=None)
    assert Program(word.format(key)).get().status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic {}", "Bearer {}x", "{} {}", "é" * 9]
)
def test_anything_else_is_no_key(header: str) -> None:
    _, key = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=None)
    assert unauthorized(header.format(key, key))


def test_an_empty_header_is_a_missing_one() -> None:
    assert Program("  ").get().json() == {"detail": "Missing authorization header"}


def test_only_a_hash_of_a_key_is_kept() -> None:
    row, key = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=None)
    (values,) = ApiKey.objects.filter(pk=row.pk).values_list()
    assert not [value for value in values if key[len(row.prefix) :] in str(value)]
    assert key.startswith(row.prefix)
    assert len(key) >= len(row.prefix) + 37


def test_a_revoked_key_opens_nothing_from_the_next_request_on() -> None:
    row, key = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=None)
    assert Program(key).get().status_code == HTTPStatus.OK
    assert revoke_key(pk=row.pk)
    assert unauthorized(key)
    assert not revoke_key(pk=row.pk)


def test_a_key_ends_at_its_time() -> None:
    now = timezone.now()
    for seconds, status in ((60, HTTPStatus.OK), (-1, HTTPStatus.UNAUTHORIZED)):
        expires_at = now + dt.timedelta(seconds=seconds)
        _, key = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=expires_at)
        assert Program(key).get().status_code == status


def test_a_key_of_somebody_who_may_not_sign_in_is_none() -> None:
    somebody = owner(Role.ADMIN, "leaver")
    who = program(by=somebody)
    somebody.is_active = False
    somebody.save()
    assert unauthorized(str(who.authorization))


def test_a_key_may_not_do_what_its_owner_may_no_longer_do() -> None:
    somebody = owner(Role.ADMIN, "demoted")
    who = program(by=somebody)
    assert who.post(SUPPORT).status_code == HTTPStatus.CREATED
    set_role(user=somebody, role=Role.VIEWER)
    assert who.get().status_code == HTTPStatus.OK
    ((_, scope, allowed),) = problems(who.post(SUPPORT), HTTPStatus.FORBIDDEN)
    assert (scope, allowed) == (Scope.AGENTS_WRITE, ", ".join(PERMISSIONS[Scope.AGENTS_WRITE]))


def test_its_last_use_is_noted_to_the_minute(django_assert_num_queries: Any) -> None:
    row, key = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=None)
    assert Program(key).get().status_code == HTTPStatus.OK
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert timezone.now() - row.last_used_at < dt.timedelta(minutes=1)
    first = row.last_used_at
    assert Program(key).get().status_code == HTTPStatus.OK
    row.refresh_from_db()
    assert row.last_used_at == first
    ApiKey.objects.update(last_used_at=first - dt.timedelta(minutes=2))
    assert Program(key).get().status_code == HTTPStatus.OK
    row.refresh_from_db()
    assert row.last_used_at > first


def test_whoever_sends_wrong_keys_on_and_on_is_told_to_come_again() -> None:
    _, key = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=None)
    _, fresh = make_key(owner=owner(), name="CRM", scopes=Scope, expires_at=None)
    assert Program(key).get().status_code == HTTPStatus.OK
    for number in range(30):
        assert unauthorized(f"vn_{number}")
    answer = Program("vn_30").get()
    assert problems(answer, HTTPStatus.TOO_MANY_REQUESTS)
    assert 0 < int(answer["Retry-After"]) <= 900
    # Who was right before goes on, beside a guesser at the same address.
    assert Program(key).get().status_code == HTTPStatus.OK
    assert Program(fresh).get().status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert Program(key, Client(REMOTE_ADDR="192.0.2.9")).get().status_code == HTTPStatus.OK
