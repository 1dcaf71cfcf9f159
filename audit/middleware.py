"""Tell the audit log who makes a request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit.actors import Actor, acting
from audit.models import ActorKind
from web.addresses import client_site


class ActorMiddleware:
    """Name the signed-in person, or the key that a request came with, once something is written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(lambda: actor_of(request)):
            return self.get_response(request)


def actor_of(request: HttpRequest) -> Actor:
    """Return who makes a request: `request.audit_key` is the name of the key it came with."""
    address = client_site(request) or ""
    key = getattr(request, "audit_key", "")
    if key:
        return Actor(ActorKind.KEY, key, "API", address)
    name = request.user.get_username() or "nobody signed in"
    via = "admin" if request.path.startswith("/admin/") else "pages"
    return Actor(ActorKind.PERSON, name, via, address)
