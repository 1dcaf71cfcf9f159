"""Names to choose from while somebody types whom a number or a route leads to."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.parts.access import requires
from trunks.parties import MAX_LENGTH, PLACES, suggestions

FIELDS = ("destination", "source", "trunk", "fallback", "last_resort")
"Names of the fields that ask."
_PERMISSIONS = {
    "connection": "connections.view_connection",
    "trunk": "trunks.view_trunk",
    "agent": "agents.view_voiceagent",
    "test": "trunks.view_trunk",
}


@requires("trunks.view_trunk")
def parties(request: HttpRequest) -> HttpResponse:
    """Answer with the options of a `<datalist>`: parties of all `kinds`, or of those it names."""
    text = next((request.GET[name] for name in FIELDS if name in request.GET), "")[:MAX_LENGTH]
    wanted = request.GET.get("kinds", "").split(",")
    kinds = [kind for kind in PLACES if kind in wanted] or PLACES
    allowed = [kind for kind in kinds if request.user.has_perm(_PERMISSIONS[kind])]
    names = suggestions(text, kinds=allowed) if allowed else []
    return render(request, "trunks/_options.html", {"parties": names})
