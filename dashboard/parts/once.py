"""A secret that one page shows once: what a person must copy now, and nobody can read later.

Between the request that made it and the page that shows it, the text is in neither place whole:
the browser holds it encrypted, in a cookie of that page, and the session holds the key. Showing it
takes the key out of the session, so the cookie opens nothing from then on.
"""

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.http import HttpRequest, HttpResponse

COOKIE = "shown-once"
LIFETIME_S = 300
"How long after it was made the secret may still be shown."


def keep(request: HttpRequest, response: HttpResponse, text: str, *, path: str) -> None:
    """Let the page at `path` show a text, once, to this session."""
    key = Fernet.generate_key()
    request.session[_name(path)] = key.decode()
    response.set_cookie(
        COOKIE,
        Fernet(key).encrypt(text.encode()).decode(),
        max_age=LIFETIME_S,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def take(request: HttpRequest) -> str:
    """Return what was kept for this page, and make it unreadable; empty if there is nothing."""
    key = request.session.pop(_name(request.path), None)
    token = request.COOKIES.get(COOKIE, "")
    if not key or not token:
        return ""
    try:
        return Fernet(key.encode()).decrypt(token.encode(), ttl=LIFETIME_S).decode()
    except InvalidToken:
        return ""


def forget(response: HttpResponse, *, path: str) -> None:
    """Take the cookie away, which opens nothing any more."""
    response.delete_cookie(COOKIE, path=path, samesite="Lax")


def _name(path: str) -> str:
    return f"once:{path}"
