"""The sign-in of the pages and of the Django admin, and the answer to those held back."""

import datetime as dt
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from dashboard.signin.turns import BusyError, Turns
from web.addresses import client_site
from web.bounds import WebRejections

BUSY_S = 5
_busy = WebRejections()
turns = Turns(lambda: settings.VOIPNUMBER_SIGN_INS_WAITING)


class TakesTurns(AuthenticationForm):
    """A sign-in form that looks at a password when it is its turn."""

    def clean(self) -> dict[str, Any]:
        """Check the password; mark the request if too many wait already."""
        request: Any = self.request
        try:
            with turns.taken(client_site(request) if request else None):
                return super().clean()
        except BusyError:
            # What django-axes' middleware looks for, to have `refused` answer.
            request.axes_locked_out = True
            _busy.note(
                client_site(request) or "",
                "as many wait to sign in as VOIPNUMBER_SIGN_INS_WAITING says, or half of them here",
                "It is told to come again; if it goes on, somebody is guessing passwords.",
            )
            raise ValidationError("Too many are signing in.", code="busy") from None


class SignInForm(TakesTurns):
    """The pages' own."""


class AdminSignInForm(TakesTurns, AdminAuthenticationForm):
    """Django admin's."""


def refused(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """Answer a sign-in that was not tried: why, and when to try again."""
    hold = getattr(request, "sign_in_hold", None)
    context: dict[str, Any] = {"hold": hold, "busy_s": BUSY_S}
    context["next"] = request.POST.get("next", "")[:2000]
    if hold:
        # Never before the time: both are rounded up to whole minutes.
        context["minutes"] = -(-hold.left_s // 60)
        context["free_at"] = hold.until + dt.timedelta(seconds=59)
    status = HTTPStatus.TOO_MANY_REQUESTS if hold else HTTPStatus.SERVICE_UNAVAILABLE
    answer = render(request, "registration/held.html", context, status=status)
    answer["Retry-After"] = str(hold.left_s if hold else BUSY_S)
    add_never_cache_headers(answer)
    return answer
