"""One line of text, looked for everywhere."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from dashboard.parts.access import requires
from dashboard.search.queries import SHORTEST, by_call_id, find

LONGEST = 255


@requires("callengine.view_call")
def search(request: HttpRequest) -> HttpResponse:
    """Show what matches `?q=`; the one call with that Call-ID is gone to at once."""
    text = request.GET.get("q", "").strip().replace("\x00", "")[:LONGEST]
    short = len(text) < SHORTEST
    if not short and len(calls := by_call_id(text)) == 1:
        return redirect("call", call_uuid=calls[0])
    sections = [] if short else find(text, request.user)
    context = {"search_text": text, "sections": sections, "short": short, "shortest": SHORTEST}
    return render(request, "search/search.html", context)
