"""What was refused and why, by where it came from or one by one; letting an address in."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html

from callengine.models import Rejection
from dashboard.history.filters import MOST_TRUNKS
from dashboard.history.rows import MAX_ROWS, CountedPaginator
from dashboard.parts.access import requires
from dashboard.parts.tables import PER_PAGE, Listing
from dashboard.rejections import bans, queries
from dashboard.rejections.filters import RejectionFilterForm
from trunks.models import Trunk
from trunks.services import allow_address

GROUPS_PER_PAGE = 25
OPENED = 20
"Rejections shown when a group is opened in place."
FEW_TRUNKS = 50
"Up to so many are offered in a select beside every group; more as suggestions, once."


@requires("callengine.view_rejection")
def rejections(request: HttpRequest) -> HttpResponse:
    """List what was refused, gathered by source, or each with `?view=each`."""
    form = RejectionFilterForm(request.GET)
    form.is_valid()  # what is refused is left out, and said
    asked_for = queries.matching(form.cleaned_data)
    each = form.cleaned_data.get("view") == "each"
    page, more = (_each if each else _groups)(asked_for, request.GET.get("page", ""))
    listing = Listing(
        page=page,
        form=form,
        sort="",
        filtered=any(request.GET.get(name) for name in form.field_order),
        more=more,
    )
    context: dict[str, Any] = {
        "listing": listing,
        "each": each,
        "max_rows": MAX_ROWS,
        "gathered": queries.GATHERED,
        "of_the_day": form.cleaned_data.get("time") == "day",
        "bans": bans.bans(),
    }
    if not each and request.user.has_perm("trunks.change_trunk"):
        names = Trunk.objects.order_by("name").values_list("name", flat=True)[:MOST_TRUNKS]
        context |= {"trunks": list(names), "few_trunks": FEW_TRUNKS}
    return render(request, "rejections/list.html", context)


@requires("callengine.view_rejection")
def former_address(request: HttpRequest) -> HttpResponse:
    """Lead on from where the page was before: people keep addresses."""
    query = request.META.get("QUERY_STRING", "")
    return redirect(reverse("rejections") + (f"?{query}" if query else ""))


@requires("callengine.view_rejection")
def rejections_each(request: HttpRequest) -> HttpResponse:
    """Show the newest rejections of one source: what a group unfolds to."""
    form = RejectionFilterForm(request.GET)
    form.is_valid()
    newest = queries.matching(form.cleaned_data).order_by("-at", "-id")[:OPENED]
    return render(
        request, "rejections/_each.html", {"rejections": _shown(newest), "one_source": True}
    )


@requires(post="trunks.change_trunk")
def rejections_allow(request: HttpRequest) -> HttpResponse:
    """Put an address on a trunk's access list, and say what that changed."""
    address = request.POST.get("address", "")[:100]
    if not request.POST.get("trunk"):
        messages.error(request, f"Nothing was changed: choose the trunk that {address} belongs to.")
        return _back(address)
    # PostgreSQL takes no NUL, in a question neither.
    trunk = get_object_or_404(Trunk, name=request.POST["trunk"].replace("\x00", ""))
    try:
        added = allow_address(trunk=trunk, address=address)
    except ValidationError as error:
        messages.error(request, f"Nothing was changed: {' '.join(error.messages)}")
        return _back("")
    link = format_html('<a href="{}">{}</a>', reverse("trunk", args=[trunk.pk]), trunk.name)
    text = (
        "{} is now on the access list of {}: its next call is let in. To undo that, take the "
        "address off the list again."
        if added
        else "{} was on the access list of {} already, so nothing was changed. If its calls are "
        "refused all the same, see whether the trunk is enabled and whether it asks for a password."
    )
    say = messages.success if added else messages.warning
    say(request, format_html(text, address, link))
    if added and not trunk.enabled:
        messages.warning(request, f"{trunk.name} is disabled: enable it, or its calls are refused.")
    return _back(address)


def _back(address: str) -> HttpResponse:
    query = f"?{urlencode({'source': address, 'time': ''})}" if queries.is_address(address) else ""
    return redirect(reverse("rejections") + query)


def _groups(asked_for: QuerySet[Rejection], number: str) -> tuple[Any, bool]:
    asked_for, more = queries.newest(asked_for)
    groups = queries.by_source(asked_for)
    count = groups[: MAX_ROWS + 1].count()
    page = CountedPaginator(groups, GROUPS_PER_PAGE, count=count).get_page(number)
    page.object_list = queries.sources(asked_for, list(page.object_list))
    return page, more


def _each(asked_for: QuerySet[Rejection], number: str) -> tuple[Any, bool]:
    newest = asked_for.order_by("-at", "-id")
    count = newest.values("pk")[: MAX_ROWS + 1].count()
    page = CountedPaginator(newest, PER_PAGE, count=count).get_page(number)
    page.object_list = _shown(page.object_list)
    return page, count > MAX_ROWS


def _shown(rows: Iterable[Rejection]) -> list[tuple[Rejection, str]]:
    return [(row, queries.what(row)) for row in rows]
