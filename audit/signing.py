"""Who signed in and out."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from audit.actors import Actor
from audit.models import ActorKind, AuditAction
from audit.services import record
from web.addresses import client_site


@receiver(user_logged_in, dispatch_uid="audit:in")
def signed_in(request: HttpRequest, user: Any, **_: Any) -> None:
    """Write that somebody signed in."""
    _tell("signed in", request, user)


@receiver(user_logged_out, dispatch_uid="audit:out")
def signed_out(request: HttpRequest, user: Any, **_: Any) -> None:
    """Write that somebody signed out."""
    if user is not None:
        _tell("signed out", request, user)


def _tell(what: str, request: HttpRequest, user: Any) -> None:
    # `request.user` is somebody else before, and nobody after.
    who = Actor(ActorKind.PERSON, user.get_username(), "pages", client_site(request) or "")
    record(AuditAction.DID, row=user, note=what, by=who)
