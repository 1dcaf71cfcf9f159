"""Who may see and do what: every view of the dashboard says it with `requires`."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRefresh

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


SIGNED_IN = "signed-in"
"In place of a permission: whoever has an account."


@dataclass(frozen=True, slots=True)
class Access:
    """The permission for looking (GET, HEAD) and the one for doing (POST); None: not allowed."""

    get: str | None
    post: str | None

    @property
    def methods(self) -> list[str]:
        """The HTTP methods that are allowed to somebody."""
        return (["GET", "HEAD"] if self.get else []) + (["POST"] if self.post else [])

    def of(self, method: str) -> str | None:
        """Return the permission that a request of this method needs."""
        return {"GET": self.get, "HEAD": self.get, "POST": self.post}.get(method)


def requires(
    get: str | None = None, *, post: str | None = None
) -> Callable[[View[P]], Callable[..., HttpResponseBase]]:
    """Let a signed-in user with the method's permission in, such as `trunks.view_trunk`.

    Without a session a page leads to the login and a fragment makes its page reload; without the
    permission both get 403. Methods without a permission get 405. Nothing is cached.
    """
    access = Access(get, post)

    def decorate(view: View[P]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            return _refusal(request, access) or view(request, *args, **kwargs)

        page = cast("Any", never_cache(guarded))
        page.access = access
        return cast("Callable[..., HttpResponseBase]", page)

    return decorate


def _refusal(request: HttpRequest, access: Access) -> HttpResponse | None:
    if not request.user.is_authenticated:
        if is_fragment(request):
            return HttpResponseClientRefresh()
        return cast("HttpResponse", redirect_to_login(request.get_full_path()))
    permission = access.of(request.method or "")
    if permission is None:
        return HttpResponseNotAllowed(access.methods)
    if permission != SIGNED_IN and not request.user.has_perm(permission):
        raise PermissionDenied(permission)
    return None


def is_fragment(request: HttpRequest) -> bool:
    """Return whether htmx asks: the answer goes into a page that is there already."""
    # Going back in the history asks with the same header, for a whole page.
    whole = "HX-History-Restore-Request" in request.headers
    return request.headers.get("HX-Request") == "true" and not whole
