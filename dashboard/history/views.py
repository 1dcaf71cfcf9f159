"""The record of calls: filtered, added up, exported."""

from uuid import UUID

from django.db.models import Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from dashboard.history import export
from dashboard.history.filters import CallFilterForm
from dashboard.history.queries import NEWEST_FIRST, Matches, matches, matching, totals
from dashboard.history.rows import MAX_ROWS, CountedPaginator, rows_of
from dashboard.parts.access import requires
from dashboard.parts.tables import PER_PAGE, Listing, refused_export

SORTS = ("-started", "started", "-duration", "duration")


@requires("callengine.view_call")
def history(request: HttpRequest) -> HttpResponse:
    """List calls, newest first, with what they come to."""
    form = CallFilterForm(request.GET)
    form.is_valid()  # what is refused is left out, and said
    asked_for = matches(matching(form.cleaned_data))
    sums = totals(asked_for.calls)
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else SORTS[0]
    paginator = CountedPaginator(range(min(sums.calls, MAX_ROWS)), PER_PAGE, count=sums.calls)
    page = paginator.get_page(request.GET.get("page", ""))
    places = slice(page.start_index() - 1, page.end_index()) if sums.calls else slice(0, 0)
    page.object_list = rows_of(_keys(asked_for, sort, places))
    listing = Listing(
        page=page,
        form=form,
        sort=sort,
        filtered=any(form[name].data for name in form.field_order),
        more=sums.calls > MAX_ROWS,
    )
    context = {"listing": listing, "totals": sums, "max_rows": MAX_ROWS}
    return render(request, "history/history.html", context)


@requires("callengine.view_call")
def history_export(request: HttpRequest) -> HttpResponseBase:
    """Stream the calls that match as CSV, newest first, all of them."""
    form = CallFilterForm(request.GET)
    if (refused := refused_export(request, form, page="history")) is not None:
        return refused
    return StreamingHttpResponse(
        export.lines(matching(form.cleaned_data)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="calls-{timezone.now():%Y-%m-%d}.csv"'
        },
    )


def _keys(asked_for: Matches, sort: str, places: slice) -> list[UUID]:
    """Return the calls at these places of the list."""
    if sort == "-started":
        return asked_for.page(places.start, places.stop)
    talked_s = Coalesce("talk_s", Value(-1))
    order = {
        "started": ("started", "id"),
        "-duration": (talked_s.desc(), *NEWEST_FIRST),
        "duration": (talked_s, *NEWEST_FIRST),
    }[sort]
    keys = asked_for.calls.order_by(*order).values_list("pk", flat=True)
    return list(keys[places])
