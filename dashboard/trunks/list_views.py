"""The list of trunks, and a new one."""

from typing import Any

import django_filters
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from dashboard.parts.access import requires
from dashboard.parts.tables import listing
from dashboard.trunks.presenters import trunk_rows
from trunks.forms import TrunkAddForm
from trunks.models import Gateway, Number, Trunk
from trunks.services import create_trunk
from trunks.states import with_standing

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
    rows = with_standing(Trunk.objects.all()).annotate(
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
    form = TrunkAddForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = create_trunk(trunk=form.instance, gateway=form.cleaned_data["gateway"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{row} is added. Now set who may call in and where to.")
            return redirect("trunk", row.pk)
    status = 422 if form.is_bound else 200
    return render(request, "trunks/add.html", {"form": form}, status=status)
