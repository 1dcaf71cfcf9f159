"""Numbers: the list, and where each one's calls go."""

from functools import partial

import django_filters
from django.contrib import messages
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from dashboard.parts.access import requires
from dashboard.parts.saving import is_done, is_stored
from dashboard.parts.tables import listing
from sip.revisions import save
from trunks.models import Number, Trunk
from trunks.number_forms import NumberForm
from trunks.states import with_standing

SORTS = {
    "number": ("number",),
    "destination": ("connection__sip_user", "trunk__name", "agent__name", "selftest", "number"),
}


class NumberFilter(django_filters.FilterSet):  # type: ignore[misc]
    """What the list of numbers is searched and filtered by."""

    q = django_filters.CharFilter(label="Search", method="search", max_length=100)
    kind = django_filters.ChoiceFilter(
        label="Goes to",
        empty_label="All",
        choices=(
            ("connection", "Connections"),
            ("trunk", "Trunks"),
            ("agent", "Voice agents"),
            ("test", "Test destinations"),
        ),
        method="by_kind",
    )

    def search(self, rows: QuerySet[Number], _name: str, text: str) -> QuerySet[Number]:
        """Keep those whose number or destination holds the text."""
        return rows.filter(
            Q(number__icontains=text)
            | Q(connection__sip_user__icontains=text)
            | Q(connection__name__icontains=text)
            | Q(trunk__name__icontains=text)
            | Q(agent__name__icontains=text)
        )

    def by_kind(self, rows: QuerySet[Number], _name: str, kind: str) -> QuerySet[Number]:
        """Keep those that go to a connection, a trunk, a voice agent or a test destination."""
        if kind == "test":
            return rows.exclude(selftest="")
        return rows.filter(**{f"{kind}__isnull": False})


def _with_destinations() -> QuerySet[Number]:
    """Return the numbers with where they lead. Three queries more, for what is known of trunks."""
    trunks = Prefetch("trunk", queryset=with_standing(Trunk.objects.all()))
    return Number.objects.select_related("connection", "agent").prefetch_related(trunks)


@requires("trunks.view_number")
def numbers(request: HttpRequest) -> HttpResponse:
    """List the numbers."""
    rows = _with_destinations()
    context = {"listing": listing(request, NumberFilter, rows, sorts=SORTS)}
    return render(request, "numbers/list.html", context)


@requires("trunks.add_number", post="trunks.add_number")
def add(request: HttpRequest) -> HttpResponse:
    """Add a number; `?number=` and `?to=` fill the form."""
    if request.method == "POST":
        form = NumberForm(request.POST)
        if is_done(form, partial(save, form.instance)):
            messages.success(request, f"{form.instance.number} goes to {_where(form)}.")
            return redirect("numbers")
    else:
        asked = {"number": request.GET.get("number"), "destination": request.GET.get("to")}
        form = NumberForm(initial=asked)
    return _form(request, form)


def _where(form: NumberForm) -> str:
    party = form.cleaned_data["destination"]
    return party.name if party.kind == "test" else str(party.row)


@requires("trunks.view_number", post="trunks.change_number")
def number(request: HttpRequest, number_id: int) -> HttpResponse:
    """Show one number; change it or where it goes."""
    row = get_object_or_404(_with_destinations(), pk=number_id)
    form = NumberForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, f"Saved. {row.number} goes to {_where(form)} from the next call.")
        return redirect("numbers")
    return _form(request, form, number_id)


def _form(request: HttpRequest, form: NumberForm, number_id: int | None = None) -> HttpResponse:
    rows = _with_destinations()
    stored = rows.filter(pk=number_id).first() if number_id is not None else None
    wrong = form.is_bound and form.errors
    context = {"form": form, "number": stored}
    return render(request, "numbers/form.html", context, status=422 if wrong else 200)


@requires("trunks.delete_number", post="trunks.delete_number")
def delete(request: HttpRequest, number_id: int) -> HttpResponse:
    """Ask, and delete a number."""
    row = get_object_or_404(_with_destinations(), pk=number_id)
    if request.method == "POST":
        row.delete()
        messages.success(request, f"{row} is deleted.")
        return redirect("numbers")
    return render(request, "numbers/delete.html", {"number": row})
