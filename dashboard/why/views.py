"""Why something was refused, asked with whatever a person has at hand."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboard.parts import engines
from dashboard.parts.access import requires
from dashboard.why.answers import answer
from dashboard.why.asked import asked_for

LONGEST = 1000
"Characters that may be pasted: a whole header line, or a URI."


@requires("callengine.view_rejection")
def why(request: HttpRequest) -> HttpResponse:
    """Say what is known of `?q=`: a Call-ID, a number, a user name or an address."""
    text = request.GET.get("q", "")[:LONGEST]
    asked = asked_for(text)
    told = answer(asked, user=request.user, now=timezone.now()) if asked else None
    context = {"text": text, "asked": asked, "answer": told, "engine": engines.pill()}
    return render(request, "why/why.html", context)
