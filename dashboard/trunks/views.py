"""Trunks: the list, one trunk's parts, its gateways in order."""

from functools import partial
from typing import Any

import django_filters
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from dashboard.calls.lately import recent_calls
from dashboard.parts.access import requires
from dashboard.parts.saving import is_stored, store_order
from dashboard.parts.tables import listing
from dashboard.trunks.presenters import (
    equal_priorities,
    lacks,
    recent_rejections,
    state_of,
    trunk_rows,
)
from trunks.forms import GatewayForm, TrunkAddForm, TrunkInForm, TrunkNameForm, TrunkOutForm
from trunks.models import Gateway, Number, Route, Trunk
from trunks.services import (
    add_gateway,
    create_trunk,
    delete_trunk,
    order_gateways,
    remove_gateway,
    set_enabled,
)

USES_SHOWN = 20
SORTS = {
    "name": ("name",),
    "state": ("-enabled", "name"),
    "gateways": ("gateway_count", "name"),
    "numbers": ("number_count", "name"),
}


class TrunkFilter(django_filters.FilterSet):  # type: ignore[misc]
    """What the list of trunks is searched and filtered by."""

    q = django_filters.CharFilter(label="Search", method="search", max_length=100)
    state = django_filters.ChoiceFilter(
        label="State",
        empty_label="All",
        choices=(("enabled", "Enabled"), ("disabled", "Disabled")),
        method="by_state",
    )

    def search(self, rows: QuerySet[Trunk], _name: str, text: str) -> QuerySet[Trunk]:
        """Keep those whose name, user names, addresses or gateways hold the text."""
        gateways = Gateway.objects.filter(trunk=OuterRef("pk"), uri__icontains=text)
        return rows.filter(
            Q(name__icontains=text)
            | Q(in_username__icontains=text)
            | Q(out_username__icontains=text)
            | Q(in_allowed_addresses__icontains=text)
            | Exists(gateways)
        )

    def by_state(self, rows: QuerySet[Trunk], _name: str, word: str) -> QuerySet[Trunk]:
        """Keep the enabled or the disabled ones."""
        return rows.filter(enabled=word == "enabled")


@requires("trunks.view_trunk")
def trunks(request: HttpRequest) -> HttpResponse:
    """List the trunks."""
    rows = Trunk.objects.annotate(
        gateway_count=_count(Gateway.objects.filter(trunk=OuterRef("pk")), "trunk"),
        number_count=_count(Number.objects.filter(trunk=OuterRef("pk")), "trunk"),
    )
    page = listing(request, TrunkFilter, rows, sorts=SORTS)
    context = {"listing": page, "rows": trunk_rows(page.rows)}
    return render(request, "trunks/list.html", context)


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    counted = rows.order_by().values(by).annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


@requires("trunks.add_trunk", post="trunks.add_trunk")
def add(request: HttpRequest) -> HttpResponse:
    """Add a trunk; its page has all the rest."""
    form = TrunkAddForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = create_trunk(trunk=form.instance, gateway=form.cleaned_data["gateway"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{row} is added. Now set who may call in and where to.")
            return redirect("trunk", row.pk)
    return render(request, "trunks/add.html", {"form": form})


@requires("trunks.view_trunk", post="trunks.change_trunk")
def trunk(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show what uses a trunk and what happened on it; rename it."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkNameForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. The next call uses this name.")
        return redirect("trunk", trunk_id)
    # The form has written what was typed into its row, wrong or not.
    row = get_object_or_404(Trunk, pk=trunk_id)
    label, gateways = f"trunk:{row.name}", list(row.gateways.all())
    may = request.user.has_perm
    context = {
        "form": form,
        "gateways": gateways,
        "lacks": lacks(row, has_gateway=bool(gateways)),
        "uses": _uses(row),
        "calls": recent_calls(label) if may("callengine.view_call") else [],
        "rejections": recent_rejections(row) if may("callengine.view_rejection") else [],
    }
    return _part(request, row, "overview", context, form)


def _uses(row: Trunk) -> dict[str, Any]:
    numbers = Number.objects.filter(trunk=row)
    routes = Route.objects.filter(steps__trunk=row)
    agents = list(row.agents_falling_back.all()[: USES_SHOWN + 1])
    return {
        "numbers": numbers[:USES_SHOWN],
        "number_count": numbers.count(),
        "routes": routes[:USES_SHOWN],
        "route_count": routes.count(),
        "agents": agents[:USES_SHOWN],
        "more_agents": len(agents) > USES_SHOWN,
    }


@requires("trunks.view_trunk", post="trunks.change_trunk")
def inward(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show and change who may call in over a trunk."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkInForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. It holds for the next call.")
        return redirect("trunk-in", trunk_id)
    row = get_object_or_404(Trunk, pk=trunk_id)
    return _part(request, row, "in", {"form": form}, form)


@requires("trunks.view_trunk", post="trunks.change_trunk")
def outward(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show the gateways of a trunk, and change what is presented to them."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkOutForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. It holds for the next call.")
        return redirect("trunk-out", trunk_id)
    return _outward(request, trunk_id, form=form)


def _outward(
    request: HttpRequest,
    trunk_id: int,
    *,
    form: TrunkOutForm | None = None,
    adding: GatewayForm | None = None,
) -> HttpResponse:
    row = get_object_or_404(Trunk, pk=trunk_id)
    gateways = list(row.gateways.all())
    context = {
        "form": form or TrunkOutForm(instance=Trunk.objects.get(pk=trunk_id)),
        "adding": adding or GatewayForm(),
        "gateways": gateways,
        "order": [gateway.pk for gateway in gateways],
        "equal": equal_priorities(gateways),
    }
    return _part(request, row, "out", context, form, adding)


def _part(
    request: HttpRequest, row: Trunk, part: str, context: dict[str, Any], *forms: Any
) -> HttpResponse:
    """Render one tab; a form that is wrong makes it 422."""
    wrong = any(form is not None and form.is_bound and form.errors for form in forms)
    context |= {"trunk": row, "part": part, "state": state_of(row)}
    return render(request, f"trunks/{part}.html", context, status=422 if wrong else 200)


@requires(post="trunks.change_trunk")
def gateway_add(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Add a gateway."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = GatewayForm(request.POST)
    if form.is_valid():
        try:
            gateway = add_gateway(trunk=row, uri=form.cleaned_data["uri"])
        except ValidationError as error:
            form.add_error("uri", error)
        else:
            messages.success(request, f"{gateway} is added. It is tried last.")
            return _to_gateways(trunk_id)
    return _outward(request, trunk_id, adding=form)


@requires(post="trunks.change_trunk")
def gateway_remove(request: HttpRequest, trunk_id: int, gateway_id: int) -> HttpResponse:
    """Remove a gateway."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    uri = remove_gateway(trunk=row, gateway_id=gateway_id)
    if uri:
        messages.success(request, f"{uri} is removed. Calls no longer try it.")
    else:
        messages.info(request, "That gateway was removed already.")
    return _to_gateways(trunk_id)


@requires(post="trunks.change_trunk")
def gateway_order(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Store the order of the gateways, unless somebody else changed them meanwhile."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    store_order(request, partial(order_gateways, trunk=row), first=row.gateways.first)
    return _to_gateways(trunk_id)


def _to_gateways(trunk_id: int) -> HttpResponse:
    return redirect(reverse("trunk-out", args=[trunk_id]))


@requires(post="trunks.change_trunk")
def enable(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Enable or disable a trunk: `enabled` is `yes` or `no`."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    wanted = request.POST.get("enabled")
    if wanted not in ("yes", "no"):
        messages.error(request, "Not saved: say whether it is to be enabled, yes or no.")
    else:
        set_enabled(trunk=row, enabled=wanted == "yes")
        now = "takes and sends calls again" if row.enabled else "takes and sends no more calls"
        messages.success(request, f"{row} {now}. Calls in progress go on.")
    return redirect("trunk", trunk_id)


@requires("trunks.delete_trunk", post="trunks.delete_trunk")
def delete(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Ask, and delete a trunk that nothing leads to."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    uses = _uses(row)
    if request.method == "POST" and delete_trunk(trunk=row):
        messages.success(request, f"{row} is deleted. Its past calls stay on the record.")
        return redirect("trunks")
    context = {"trunk": row, "uses": uses}
    blocked = bool(uses["number_count"] or uses["route_count"] or uses["agents"])
    status = 409 if request.method == "POST" else 200
    return render(request, "trunks/delete.html", context | {"blocked": blocked}, status=status)
