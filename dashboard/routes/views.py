"""Routes: prefixes and the trunks tried for them, and where a number would go."""

from functools import partial
from typing import Any

import django_filters
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from dashboard.parts.access import requires
from dashboard.parts.saving import is_stored, store_order
from dashboard.parts.tables import listing
from dashboard.routes.presenters import Way, way_of
from trunks.models import Route, RouteTrunk, Trunk
from trunks.number_forms import RouteAddForm, RouteForm, RouteTrunkForm, WhereForm
from trunks.services import (
    add_route_trunk,
    create_route,
    order_route_trunks,
    remove_route_trunk,
)
from trunks.states import with_standing

SORTS = {"prefix": ("prefix",)}


class RouteFilter(django_filters.FilterSet):  # type: ignore[misc]
    """What the list of routes is searched by."""

    q = django_filters.CharFilter(label="Search", method="search", max_length=100)

    def search(self, rows: QuerySet[Route], _name: str, text: str) -> QuerySet[Route]:
        """Keep those whose prefix or trunks hold the text."""
        steps = RouteTrunk.objects.filter(route=OuterRef("pk"), trunk__name__icontains=text)
        return rows.filter(Q(prefix__icontains=text) | Exists(steps))


@requires("trunks.view_route")
def routes(request: HttpRequest) -> HttpResponse:
    """List the routes; with `?number=` say where that number would go."""
    rows = Route.objects.select_related("last_resort_agent").prefetch_related(
        Prefetch("steps__trunk", queryset=with_standing(Trunk.objects.all()))
    )
    page = listing(request, RouteFilter, rows, sorts=SORTS)
    form, way = _asked(request)
    context = {"listing": page, "where": form, "way": way}
    return render(request, "routes/list.html", context)


def _asked(request: HttpRequest) -> tuple[WhereForm, Way | None]:
    if not request.GET.get("number"):
        return WhereForm(initial={"source": request.GET.get("source", "")}), None
    form = WhereForm(request.GET)
    if not form.is_valid():
        return form, None
    asked = form.cleaned_data
    try:
        return form, way_of(number=asked["number"], party=asked["source"], offer=asked["offer"])
    except LookupError as error:
        form.add_error("source", str(error))
        return form, None


@requires("trunks.add_route", post="trunks.add_route")
def add(request: HttpRequest) -> HttpResponse:
    """Add a route with its first trunk; `?prefix=` fills the form."""
    if request.method == "POST":
        form = RouteAddForm(request.POST)
    else:
        asked = {"prefix": request.GET.get("prefix"), "trunk": request.GET.get("trunk")}
        form = RouteAddForm(initial=asked)
    if request.method == "POST" and form.is_valid():
        try:
            row = create_route(route=form.instance, trunk=form.cleaned_data["trunk"].row)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"The route {row} is added.")
            return redirect("route", row.pk)
    status = 422 if form.is_bound else 200
    return render(request, "routes/add.html", {"form": form}, status=status)


@requires("trunks.view_route", post="trunks.change_route")
def route(request: HttpRequest, route_id: int) -> HttpResponse:
    """Show one route; change its prefix."""
    row = get_object_or_404(Route, pk=route_id)
    form = RouteForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. The next call uses this prefix.")
        return redirect("route", route_id)
    return _page(request, route_id, form=form)


def _page(
    request: HttpRequest,
    route_id: int,
    *,
    form: RouteForm | None = None,
    adding: RouteTrunkForm | None = None,
) -> HttpResponse:
    row = get_object_or_404(Route.objects.select_related("last_resort_agent"), pk=route_id)
    trunks = Prefetch("trunk", queryset=with_standing(Trunk.objects.all()))
    steps = list(row.steps.prefetch_related(trunks))
    wrong = any(one is not None and one.is_bound and one.errors for one in (form, adding))
    context: dict[str, Any] = {
        "route": row,
        "form": form or RouteForm(instance=Route.objects.get(pk=route_id)),
        "adding": adding or RouteTrunkForm(),
        "steps": steps,
        "order": [step.trunk_id for step in steps],
    }
    return render(request, "routes/route.html", context, status=422 if wrong else 200)


@requires(post="trunks.change_route")
def trunk_add(request: HttpRequest, route_id: int) -> HttpResponse:
    """Add a trunk to a route."""
    row = get_object_or_404(Route, pk=route_id)
    form = RouteTrunkForm(request.POST)
    if form.is_valid():
        trunk = form.cleaned_data["trunk"].row
        try:
            add_route_trunk(route=row, trunk=trunk)
        except ValidationError as error:
            form.add_error("trunk", error)
        else:
            messages.success(request, f"{trunk} is added. It is tried last.")
            return redirect("route", route_id)
    return _page(request, route_id, adding=form)


@requires(post="trunks.change_route")
def trunk_remove(request: HttpRequest, route_id: int, trunk_id: int) -> HttpResponse:
    """Take a trunk out of a route."""
    row = get_object_or_404(Route, pk=route_id)
    trunk = get_object_or_404(Trunk, pk=trunk_id)
    try:
        removed = remove_route_trunk(route=row, trunk=trunk)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        said = f"{trunk} is taken out." if removed else f"{trunk} was taken out already."
        messages.success(request, said)
    return redirect("route", route_id)


@requires(post="trunks.change_route")
def trunk_order(request: HttpRequest, route_id: int) -> HttpResponse:
    """Store the order of a route's trunks, unless somebody else changed them meanwhile."""
    row = get_object_or_404(Route, pk=route_id)
    store_order(request, partial(order_route_trunks, route=row), first=lambda: _first_trunk(row))
    return redirect("route", route_id)


def _first_trunk(row: Route) -> Trunk | None:
    step = row.steps.select_related("trunk").first()
    return step.trunk if step else None


@requires("trunks.delete_route", post="trunks.delete_route")
def delete(request: HttpRequest, route_id: int) -> HttpResponse:
    """Ask, and delete a route."""
    row = get_object_or_404(Route.objects.prefetch_related("steps__trunk"), pk=route_id)
    if request.method == "POST":
        row.delete()
        messages.success(request, f"The route {row} is deleted.")
        return redirect("routes")
    return render(request, "routes/delete.html", {"route": row})
