"""Programs that use the API, each with a key of its own."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from api.keys.scopes import Scope
from api.keys.services import make_key
from api.v1 import v1
from dashboard.accounts.roles import Role
from tests.dashboard.people import person

AGENTS = "/v1/agents"
SUPPORT: dict[str, Any] = {
    "name": "support",
    "system_prompt": "You are friendly.",
    "voice": {"voice_id": "ivy"},
}
"All that the vendor's shape asks for."
TEMPLATES = "/v1/connection-templates"
DESKS: dict[str, Any] = {
    "name": "Desk phones",
    "inbound": {"codecs": ["G722", "PCMU"], "force_on_caller": True},
    "outbound": {"codecs": ["OPUS"]},
}


@dataclass
class Program:
    """Sends requests with one key, in the header as it is written."""

    authorization: str | None = None
    client: Client = field(default_factory=Client)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the answer to a request; `body` is JSON, or bytes as they are."""
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        content = body if isinstance(body, bytes) else b"" if body is None else encoded(body)
        answer: Any = self.client.generic(
            method, path, content, content_type="application/json", headers=headers
        )
        check_documented(method, path, answer.status_code)
        return answer

    def get(self, path: str = AGENTS) -> Any:
        return self.send("GET", path)

    def post(self, body: Any, path: str = AGENTS) -> Any:
        return self.send("POST", path, body)

    def patch(self, agent_id: str, body: Any) -> Any:
        return self.send("PATCH", f"{AGENTS}/{agent_id}", body)

    def made(self, **settings: Any) -> dict[str, Any]:
        """Return the record of an agent that was made."""
        answer = self.post(SUPPORT | settings)
        assert answer.status_code == 201, answer.content
        record: dict[str, Any] = answer.json()
        return record


def check_documented(method: str, path: str, status: int) -> None:
    """Fail if the document does not tell of this answer; that there are faults it does not tell."""
    operation = next(
        (
            methods.get(method.lower())
            for way, methods in documented()["paths"].items()
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", way), path.partition("?")[0])
        ),
        None,
    )
    assert operation is None or status == 500 or str(status) in operation["responses"], status


@cache
def documented() -> Any:
    """Return the OpenAPI document, as it is read from JSON."""
    return json.loads(json.dumps(v1.get_openapi_schema()))


def encoded(body: Any) -> bytes:
    """Return JSON."""
    return json.dumps(body).encode()


def owner(role: Role = Role.ADMIN, name: str = "") -> User:
    """Return somebody who has keys."""
    return User.objects.filter(username=name or str(role)).first() or person(role, name)


def program(scopes: Iterable[Scope] = tuple(Scope), by: User | None = None) -> Program:
    """Return a program with a new key that has these scopes."""
    _, key = make_key(owner=by or owner(), name="CRM", scopes=scopes, expires_at=None)
    return Program(f"Bearer {key}")


def problems(answer: Any, status: int = 422) -> list[tuple[str, Any, Any]]:
    """Return where, value and what is allowed of each problem of an answer."""
    assert answer.status_code == status, answer.content
    shape = {"loc", "msg", "type", "value", "allowed"}
    details = answer.json()["detail"]
    assert details
    assert all(set(one) == shape and one["msg"] and one["type"] for one in details)
    return [(".".join(map(str, one["loc"])), one["value"], one["allowed"]) for one in details]
