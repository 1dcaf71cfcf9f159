"""Who asks: the key in the Authorization header, and what it may be used for."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest
from ninja.security.base import AuthBase

from api.keys.guessing import Guesses
from api.keys.scopes import PERMISSIONS, Scope
from api.keys.services import LONGEST, digest_of, find_key, note_use
from api.models import ApiKey
from api.rest.errors import ApiError, refusal
from web.addresses import client_site

HEADER = ("header", "authorization")
guesses = Guesses(
    most=lambda: settings.VOIPNUMBER_SIGN_IN_FAILURES_PER_ADDRESS,
    window_s=lambda: settings.VOIPNUMBER_SIGN_IN_HOLD_S,
)


class ApiKeyAuth(AuthBase):
    """Asks for a key with a scope. Cookies count for nothing: no page can ride on a session."""

    openapi_type = "apiKey"
    openapi_in = "header"
    openapi_name = "Authorization"
    openapi_description = "A key of Settings, API keys: `Authorization: KEY` or `Bearer KEY`."

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ApiKey:
        """Return the key's row. Raises ApiError."""
        key = _key(request)
        _check_scope(key, self.scope)
        note_use(key)
        request.audit_key = f"{key} of {key.owner}"  # type: ignore[attr-defined]
        return key


def _key(request: HttpRequest) -> ApiKey:
    text = _written(request.headers.get("Authorization", ""))
    site, digest = client_site(request) or "", digest_of(text)
    hold_s = guesses.hold_s(site, digest)
    if hold_s:
        raise _held(hold_s)
    row = find_key(digest) if len(text) <= LONGEST else None
    if row is None:
        guesses.was_wrong(site, digest)
        raise _unauthorized("Unauthorized")
    guesses.was_right(digest)
    return row


def _written(header: str) -> str:
    """Return the key of the header, which may stand there alone or after `Bearer`."""
    if not header.strip():
        raise _unauthorized("Missing authorization header")
    word, _, rest = header.strip().partition(" ")
    return rest.strip() if rest and word.lower() == "bearer" else header.strip()


def _check_scope(key: ApiKey, scope: Scope) -> None:
    if scope not in key.scopes:
        raise refusal(
            HTTPStatus.FORBIDDEN,
            HEADER,
            f"This key lacks the scope {scope}.",
            kind="missing_scope",
            value=" ".join(map(str, key.scopes)),
            allowed=scope,
        )
    missing = [name for name in PERMISSIONS[scope] if not key.owner.has_perm(name)]
    if missing:
        raise refusal(
            HTTPStatus.FORBIDDEN,
            HEADER,
            f"The owner of this key, {key.owner}, may not do that (any more).",
            kind="missing_permission",
            value=scope,
            allowed=", ".join(missing),
        )


def _unauthorized(detail: str) -> ApiError:
    return ApiError(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": 'Bearer realm="api"'})


def _held(left_s: int) -> ApiError:
    error = refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        HEADER,
        f"Too many wrong keys came from this address. Try again in {left_s} s.",
        kind="too_many_wrong_keys",
    )
    return ApiError(error.status, error.details, {"Retry-After": str(left_s)})
