"""Connections: the list, adding one, and the page of each."""

import hashlib
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django_filters import CharFilter, ChoiceFilter, FilterSet

from audiocodecs.chips import chip
from audiocodecs.models import PlatformSettings
from callengine.edge.settings import EdgeSettings
from connections import services
from connections.forms import (
    AddConnectionForm,
    ConnectionPermissionsForm,
    ConnectionSettingsForm,
    PasswordForm,
)
from connections.models import Connection
from connections.states import ConnectionState, in_state, with_bindings, with_state_rank
from dashboard.calls.lately import recent_calls
from dashboard.connections import bulk, presenters
from dashboard.connections.listed import with_facts
from dashboard.connections.presenters import (
    ConnectionView,
    present_connection,
    present_connections,
)
from dashboard.connections.setup import page_host, present_setup
from dashboard.parts import once
from dashboard.parts.access import is_fragment, requires
from dashboard.parts.tables import listing
from dashboard.rejections import bans
from provisioning.phones.invitations import invite
from sip.revisions import ConflictError

SORTS = {
    "name": ("name", "sip_user"),
    "user": ("sip_user",),
    "state": ("state_rank", "name", "sip_user"),
}
REFRESH_S = 5
"How often a page asks whether a registration came or went."
SHOWN_HEADER = "Shown"
"What a page that refreshes itself shows already: the mark it was given with it."
TABS = {
    "inbound": "Inbound",
    "outbound": "Outbound",
    "settings": "Settings",
    "permissions": "Permissions",
    "registrations": "Registrations",
    "phone": "Set up a phone",
    "calls": "Calls and rejections",
}
NUMBERS_SHOWN = 20
ENABLED = "Enabled. It can register and call from now on."
DISABLED = "Disabled: from now on it can neither register nor call, and nobody can call it."


class ConnectionFilter(FilterSet):  # type: ignore[misc]
    """Find connections by what they are called, where they are, and whether they can be reached."""

    q = CharFilter(label="Name, SIP user or address", max_length=255, method="containing")
    state = ChoiceFilter(
        label="State",
        choices=ConnectionState.choices,
        empty_label="Any state",
        method="in_this_state",
    )

    def containing(self, rows: QuerySet[Connection], _: str, text: str) -> QuerySet[Connection]:
        """Keep those that contain a text, large or small."""
        name, user = Q(name__icontains=text), Q(sip_user__icontains=text)
        return rows.filter(name | user | Q(address__icontains=text))

    def in_this_state(self, rows: QuerySet[Connection], _: str, state: str) -> QuerySet[Connection]:
        """Keep those in a state now."""
        return in_state(rows, ConnectionState(state), now=timezone.now())


@requires("connections.view_connection")
def connections(request: HttpRequest) -> HttpResponse:
    """List the connections; the page asks for the list again every few seconds."""
    now = timezone.now()
    rows = with_bindings(with_state_rank(with_facts(Connection.objects.all()), now=now), now=now)
    page = listing(request, ConnectionFilter, rows, sorts=SORTS)
    context = {
        "listing": page,
        "rows": present_connections(page.rows),
        "platform": [chip(name) for name in PlatformSettings.load().codec_names],
        "refresh_s": REFRESH_S,
        "actions": bulk.ACTIONS,
    }
    body = render_to_string("connections/_rows.html", context, request=request)
    context |= {"body": body, "mark": _mark(body)}
    if is_fragment(request):
        return _unless_shown(request, "connections/_listing.html", context)
    return render(request, "connections/list.html", context)


@requires("connections.add_connection", post="connections.add_connection")
@sensitive_post_parameters("password")
def connection_add(request: HttpRequest) -> HttpResponse:
    """Make a connection and lead to its page, which shows the password once."""
    form = AddConnectionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row, password = services.add_connection(**form.cleaned_data)
        except ValidationError as error:
            form.refuse(error)
        else:
            return _showing_once(request, row, password)
    status = 422 if form.errors else 200
    return render(request, "connections/add.html", {"form": form}, status=status)


@requires("connections.view_connection", post="connections.change_connection")
def connection(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Show one of the tabs of a connection; take what its Settings tab sends."""
    if request.method == "POST":
        return _save_settings(request, connection_id)
    tab = request.GET.get("tab", "inbound")
    return _page(request, connection_id, tab if tab in TABS else "inbound")


@requires(post="connections.change_connection")
@sensitive_post_parameters("password")
def connection_password(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Set another password and lead to the page that shows it once."""
    row = get_object_or_404(Connection, pk=connection_id)
    form = PasswordForm(request.POST)
    if not form.is_valid():
        return _page(request, connection_id, "phone", password_form=form, status=422)
    password = services.replace_password(pk=row.pk, password=form.cleaned_data["password"])
    bans.pardon(row.sip_user)
    return _showing_once(request, row, password)


@requires(post="connections.change_connection")
def connection_enabled(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Enable or disable a connection."""
    get_object_or_404(Connection, pk=connection_id)
    enabled = request.POST.get("enabled") == "1"
    services.set_enabled(pk=connection_id, enabled=enabled)
    messages.success(request, ENABLED if enabled else DISABLED)
    return redirect("connection", connection_id=connection_id)


@requires("connections.delete_connection", post="connections.delete_connection")
def connection_delete(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Ask before deleting a connection; say which numbers and voice agents hold it."""
    row = get_object_or_404(Connection, pk=connection_id)
    status = 200
    if request.method == "POST":
        try:
            services.delete_connection(pk=connection_id)
        except ProtectedError:
            status = 409
        else:
            messages.success(request, f"{row.name} ({row.sip_user}) was deleted.")
            return redirect("connections")
    view = _view(connection_id)
    context = {"connection": row, "view": view, **_numbers(row), **_agents(row)}
    return render(request, "connections/delete.html", context, status=status)


def _save_settings(request: HttpRequest, connection_id: int) -> HttpResponse:
    row = get_object_or_404(Connection, pk=connection_id)
    tab = "permissions" if request.GET.get("tab") == "permissions" else "settings"
    form = _form(request, row, tab, request.POST)
    if not form.is_valid():
        return _page(request, connection_id, tab, form=form, status=422)
    try:
        saved, password = services.change_connection(
            pk=connection_id, changes=form.changes, seen=form.seen
        )
    except Connection.DoesNotExist as error:
        raise Http404 from error
    except ConflictError as conflict:
        form.show_conflict(conflict.stored)
        return _page(request, connection_id, tab, form=form, status=409)
    except ValidationError as error:
        form.refuse(error)
        return _page(request, connection_id, tab, form=form, status=422)
    if password:
        return _showing_once(request, saved, password)
    messages.success(request, "Saved." if form.changes else "Nothing was changed.")
    return redirect(f"{_url(connection_id)}?tab={tab}")


def _form(
    request: HttpRequest, row: Connection, tab: str, data: QueryDict | None = None
) -> ConnectionSettingsForm | ConnectionPermissionsForm:
    if tab == "permissions":
        return ConnectionPermissionsForm(data, instance=row)
    return ConnectionSettingsForm(data, instance=row, hidden=_hidden(request))


def _page(
    request: HttpRequest, connection_id: int, tab: str, *, status: int = 200, **forms: Any
) -> HttpResponse:
    view = _view(connection_id)
    context = {"view": view, "connection": view.row, "tab": tab, "refresh_s": REFRESH_S}
    context["in_use"] = presenters.in_use_of(view.row)
    parts = [render_to_string("connections/_state.html", context, request=request)]
    if tab == "registrations":
        parts.append(render_to_string("connections/_registrations.html", context, request=request))
    context |= {"parts": parts, "mark": _mark(*parts)}
    if is_fragment(request):
        return _unless_shown(request, "connections/_live.html", context)
    context |= _TAB_CONTEXTS[tab](request, view) | _numbers(view.row) | forms
    may_set = request.user.has_perm("connections.change_connection")
    problem = presenters.password_problem(view.row, may_set=may_set)
    context |= {"tabs": TABS, "problem": problem}
    return _with_password(request, context, status=status)


def _with_password(request: HttpRequest, context: dict[str, Any], *, status: int) -> HttpResponse:
    """Answer the page, with the password if one was made for this person a moment ago."""
    may_see = request.method == "GET" and request.user.has_perm("connections.change_connection")
    kept = once.take(request) if may_see else ""
    context["password"], _, token = kept.partition("\n")
    context["setup"] = present_setup(request, token)
    response = render(request, "connections/connection.html", context, status=status)
    if context["password"]:
        once.forget(response, path=request.path)
    return response


def _settings_tab(request: HttpRequest, view: ConnectionView) -> dict[str, Any]:
    return {"form": _form(request, view.row, "settings")}


def _permissions_tab(request: HttpRequest, view: ConnectionView) -> dict[str, Any]:
    home = PlatformSettings.load().home_country
    return {"form": _form(request, view.row, "permissions"), "home_country": home}


def _hidden(request: HttpRequest) -> tuple[str, ...]:
    """Return the settings that name rows which this person may not see."""
    may_see_agents = request.user.has_perm("agents.view_voiceagent")
    return () if may_see_agents else ("agent", "agent_when")


def _phone_tab(request: HttpRequest, _: ConnectionView) -> dict[str, Any]:
    servers, running = presenters.phone_servers(page_host=page_host(request), now=timezone.now())
    return {
        "servers": servers,
        "engine_runs": running,
        "realm": settings.VOIPNUMBER_REALM,
        "registrar": EdgeSettings(),
        "password_form": PasswordForm(),
    }


def _calls_tab(request: HttpRequest, view: ConnectionView) -> dict[str, Any]:
    may = request.user.has_perm
    label = f"connection:{view.row.sip_user}"
    return {
        "calls": recent_calls(label) if may("callengine.view_call") else [],
        "rejections": (
            presenters.rejections_lately(view.row) if may("callengine.view_rejection") else []
        ),
    }


def _no_more(_: HttpRequest, __: ConnectionView) -> dict[str, Any]:
    return {}


_TAB_CONTEXTS = {
    "inbound": _no_more,
    "outbound": _no_more,
    "settings": _settings_tab,
    "permissions": _permissions_tab,
    "registrations": _no_more,
    "phone": _phone_tab,
    "calls": _calls_tab,
}


def _view(connection_id: int) -> ConnectionView:
    connections: QuerySet[Connection] = with_bindings(Connection.objects.all(), now=timezone.now())
    row: Any = get_object_or_404(connections, pk=connection_id)
    return present_connection(row, row.bindings)


def _numbers(row: Connection) -> dict[str, Any]:
    numbers = list(row.numbers.order_by("number")[: NUMBERS_SHOWN + 1])
    return {"numbers": numbers[:NUMBERS_SHOWN], "more_numbers": len(numbers) > NUMBERS_SHOWN}


def _agents(row: Connection) -> dict[str, Any]:
    agents = list(row.agents_falling_back.all()[: NUMBERS_SHOWN + 1])
    return {"agents": agents[:NUMBERS_SHOWN], "more_agents": len(agents) > NUMBERS_SHOWN}


def _showing_once(request: HttpRequest, row: Connection, password: str) -> HttpResponse:
    path = _url(row.pk)
    response = redirect(f"{path}?tab=phone")
    token = invite(connection=row, password=password)
    once.keep(request, response, f"{password}\n{token}", path=path)
    return response


def _url(connection_id: int) -> str:
    return reverse("connection", args=[connection_id])


def _mark(*parts: str) -> str:
    return hashlib.blake2s("".join(parts).encode(), digest_size=8).hexdigest()


def _unless_shown(request: HttpRequest, fragment: str, context: dict[str, Any]) -> HttpResponse:
    """Answer the part of a page that refreshes itself, or 204 if it shows that already."""
    if request.headers.get(SHOWN_HEADER) == context["mark"]:
        return HttpResponse(status=204)
    return render(request, fragment, context)
