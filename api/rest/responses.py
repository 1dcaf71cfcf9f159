"""Every answer an operation may give, so that the document names them all."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from api.keys.scopes import Scope
from api.rest.authentication import ApiKeyAuth
from api.rest.errors import Refusal, Unauthorized

ALWAYS: Mapping[int, Any] = {
    HTTPStatus.UNAUTHORIZED: Unauthorized,
    HTTPStatus.FORBIDDEN: Refusal,
    HTTPStatus.UNPROCESSABLE_ENTITY: Refusal,
    HTTPStatus.TOO_MANY_REQUESTS: Refusal,
}
WITH_BODY = (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"What an operation that takes a body may answer besides."


def operation(
    scope: Scope, status: HTTPStatus, answer: Any, *, also: tuple[HTTPStatus, ...] = ()
) -> dict[str, Any]:
    """Return what a router is told of an operation: who may use it, and all that it may answer."""
    refusals = {int(one): Refusal for one in also}
    return {
        "auth": ApiKeyAuth(scope),
        "response": {int(status): answer, **refusals, **{int(k): v for k, v in ALWAYS.items()}},
        "openapi_extra": {"x-scope": str(scope)},
    }
