"""Names to choose from while somebody types whom a number or a route leads to."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.parts.access import requires
from trunks.parties import MAX_LENGTH, PLACES, SUGGESTIONS, NamedParty, suggestions

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
    """Answer with the options of a list box: parties of all `kinds`, or of those it names."""
    text = next((request.GET[name] for name in FIELDS if name in request.GET), "")[:MAX_LENGTH]
    names = choices(request, text, request.GET.get("kinds", ""))
    return render(request, "trunks/_options.html", {"choices": names})


def choices(
    request: HttpRequest, text: str, kinds: str, *, most: int = SUGGESTIONS
) -> list[tuple[str, NamedParty]]:
    """Return parties that hold a text, of these kinds (`connection,trunk`; empty: of all).

    Each with how it is written in the field. Of each kind the first few, and of kinds that this
    person may see. One query a kind.
    """
    wanted = [kind for kind in PLACES if kind in kinds.split(",")] or PLACES
    allowed = [kind for kind in wanted if request.user.has_perm(_PERMISSIONS[kind])]
    suggested = suggestions(text, kinds=allowed, most=most) if allowed else []
    return [(one.words if len(wanted) > 1 else one.brief, one) for one in suggested]
