"""Names to choose from while somebody types whom a number or a route leads to."""

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.parts.access import requires
from trunks.parties import KINDS, MAX_LENGTH, suggestions

FIELDS = ("destination", "source", "trunk")
"Names of the fields that ask."


@requires("trunks.view_trunk")
def parties(request: HttpRequest) -> HttpResponse:
    """Answer with the options of a `<datalist>`: connections and trunks, or trunks alone."""
    text = next((request.GET[name] for name in FIELDS if name in request.GET), "")[:MAX_LENGTH]
    kinds = KINDS if request.GET.get("kinds") != "trunk" else ("trunk",)
    allowed = [kind for kind in kinds if _may_see(request, kind)]
    names = suggestions(text, kinds=allowed) if allowed else []
    return render(request, "trunks/_options.html", {"parties": names})


def _may_see(request: HttpRequest, kind: str) -> bool:
    return bool(cast("Any", request.user).has_perm(f"{kind}s.view_{kind}"))
