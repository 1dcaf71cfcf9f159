"""API keys: a list, one that is made and shown once, and its end."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django_filters import CharFilter, FilterSet

from api.keys.scopes import SENTENCES, Scope, scopes_of
from api.keys.services import make_key, revoke_key
from api.models import ApiKey
from dashboard.parts import once
from dashboard.parts.access import requires
from dashboard.parts.tables import listing
from dashboard.settings.key_forms import AddKeyForm

SORTS = {
    "made": ("-created_at", "-pk"),
    "name": ("name", "-pk"),
    "used": ("-last_used_at", "-pk"),
    "owner": ("owner__username", "-pk"),
}


class ApiKeyFilter(FilterSet):  # type: ignore[misc]
    """Find a key."""

    q = CharFilter(field_name="name", lookup_expr="icontains", label="Name")


@requires("api.view_apikey")
def keys(request: HttpRequest) -> HttpResponse:
    """List the keys, those that work no longer too."""
    rows = listing(request, ApiKeyFilter, ApiKey.objects.select_related("owner"), sorts=SORTS)
    keys = [(row, _end_of(row)) for row in rows.rows]
    return render(request, "settings/keys.html", {"listing": rows, "keys": keys})


@requires("api.add_apikey", post="api.add_apikey")
@sensitive_variables("secret")
def key_add(request: HttpRequest) -> HttpResponse:
    """Make a key and lead to its page, which shows it once."""
    assert isinstance(request.user, User)
    form = AddKeyForm(request.POST if request.method == "POST" else None, owner=request.user)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.errors else 200
        context = {"form": form, "may": scopes_of(request.user)}
        return render(request, "settings/key_add.html", context, status=status)
    row, secret = make_key(
        owner=request.user,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.expires_at,
    )
    path = reverse("api-key", args=[row.pk])
    response = redirect(path)
    once.keep(request, response, secret, path=path)
    return response


@requires("api.view_apikey")
@sensitive_variables("secret")
def key(request: HttpRequest, key_id: int) -> HttpResponse:
    """Show what is known of a key; the key itself to whoever has just made it."""
    row = get_object_or_404(ApiKey.objects.select_related("owner"), pk=key_id)
    secret = once.take(request)
    scopes = [(name, SENTENCES[Scope(name)]) for name in row.scopes if name in set(Scope)]
    context = {"key": row, "end": _end_of(row), "scopes": scopes, "secret": secret}
    reads = [name.removesuffix(":read") for name, _ in scopes if name.endswith(":read")]
    context["tries"] = f"/v1/{reads[0]}" if reads else ""
    response = render(request, "settings/key.html", context)
    if secret:
        once.forget(response, path=request.path)
    return response


@requires(post="api.change_apikey")
def key_revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Take a key back for good."""
    row = get_object_or_404(ApiKey, pk=key_id)
    if revoke_key(pk=key_id):
        messages.success(request, f"{row.name} is revoked: requests with it are refused.")
    else:
        messages.warning(request, f"{row.name} was revoked already.")
    return redirect("api-key", key_id=key_id)


def _end_of(key: ApiKey) -> str:
    """Return why a key works no longer; empty while it does."""
    if key.revoked_at is not None:
        return "revoked"
    if key.is_expired(timezone.now()):
        return "expired"
    return "" if key.owner.is_active else "owner may not sign in"
