"""The record of calls: filtered, added up, exported."""

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from callengine.models import Call
from dashboard import export
from dashboard.access import requires
from dashboard.filters import CallFilterForm
from dashboard.history import NEWEST_FIRST, matching, narrowed, totals
from dashboard.recorded import MAX_ROWS, page_of_calls
from dashboard.tables import PER_PAGE, Listing

SORTS = ("-started", "started", "-duration", "duration")


@requires("callengine.view_call")
def history(request: HttpRequest) -> HttpResponse:
    """List calls, newest first, with what they come to."""
    form = CallFilterForm(request.GET)
    form.is_valid()  # what is refused is left out, and said
    calls = narrowed(matching(form.cleaned_data))
    sums = totals(calls)
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else SORTS[0]
    number = request.GET.get("page", "")
    page = page_of_calls(_sorted(calls, sort), number, count=sums.calls, per_page=PER_PAGE)
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
def history_export(request: HttpRequest) -> StreamingHttpResponse:
    """Stream the calls that match as CSV, newest first, all of them."""
    form = CallFilterForm(request.GET)
    form.is_valid()
    return StreamingHttpResponse(
        export.lines(matching(form.cleaned_data)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="calls-{timezone.now():%Y-%m-%d}.csv"'
        },
    )


def _sorted(calls: QuerySet[Call], sort: str) -> QuerySet[Call]:
    if sort.endswith("started"):
        return calls.order_by(*(NEWEST_FIRST if sort == "-started" else ("started", "id")))
    talked_s = Coalesce("talk_s", Value(-1))
    return calls.order_by(talked_s.desc() if sort == "-duration" else talked_s, *NEWEST_FIRST)
