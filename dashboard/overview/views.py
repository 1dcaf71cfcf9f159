"""What goes on now, what went wrong lately, and the first steps where nothing goes on yet."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from callengine.models import Call, Rejection
from connections.models import Connection
from dashboard.calls.shown import CallRow
from dashboard.history.outcomes import FAILED
from dashboard.history.queries import NEWEST_FIRST, matching
from dashboard.history.rows import rows_of
from dashboard.overview.figures import figures
from dashboard.overview.now import concerns
from dashboard.parts import engines
from dashboard.parts.access import is_fragment, requires
from dashboard.parts.engines import present_engine

LATEST = 5
POLL_AGE_S = 5.0
"A page that says `Cache-Control: max-age=5`, as one that polls does, is content with that."


@dataclass(frozen=True, slots=True)
class SetUpStep:
    """One thing to do on a fresh system."""

    done: bool
    word: str
    text: str
    url: str
    button: str


@requires("callengine.view_call")
def overview(request: HttpRequest) -> HttpResponse:
    """Show the state of everything; the page asks for its fragment every ten seconds."""
    fragment = is_fragment(request)
    polls = fragment and request.headers.get("Cache-Control") == "max-age=5"
    may_see_rejections = request.user.has_perm("callengine.view_rejection")
    nodes, registered = engines.nodes_and_registered()
    counted = figures(rejections=may_see_rejections, at_most_old_s=POLL_AGE_S if polls else 0.0)
    state = present_engine(nodes, now=counted.at, registered=registered, calls=counted.calls_now)
    context = {
        "figures": counted,
        "concerns": concerns(request.user.has_perm, engine=state, trunks=counted.trunks),
        "node_state": state,
        "registered": registered,
        "failed": _failed(),
        "rejections": _rejections() if may_see_rejections else [],
        "may_see_rejections": may_see_rejections,
        "steps": _steps(registered=registered, may_add=_may_add(request)),
    }
    template = "overview/_overview.html" if fragment else "overview/overview.html"
    return render(request, template, context)


def _rejections() -> QuerySet[Rejection]:
    return Rejection.objects.order_by("-at", "-id")[:LATEST]


def _failed() -> list[CallRow]:
    """Return the newest calls of a week of which something is to be mended. Two queries."""
    failed = matching({"time": "week"}).filter(FAILED).order_by(*NEWEST_FIRST)
    return rows_of(list(failed.values_list("pk", flat=True)[:LATEST]))


def _may_add(request: HttpRequest) -> bool:
    return request.user.has_perm("connections.add_connection")


def _steps(*, registered: int, may_add: bool) -> list[SetUpStep]:
    """Return the three first steps until all of them are done. Two queries."""
    has_connection = Connection.objects.exists()
    has_call = Call.objects.exists()
    if has_connection and has_call:
        return []
    return [
        SetUpStep(
            has_connection,
            "Add a connection",
            "A SIP user and a password for one phone."
            if may_add
            else "An administrator gives your phone a SIP user and a password.",
            reverse("connection-add") if may_add else reverse("connections"),
            "Add a connection" if may_add else "See the connections",
        ),
        SetUpStep(
            registered > 0,
            "Register a phone",
            "Type the connection's SIP settings into a phone; it appears as registered.",
            reverse("connections"),
            "See the SIP settings",
        ),
        SetUpStep(
            has_call,
            "Make a call",
            "Dial *echo to hear yourself, or another connection's SIP user, and watch which "
            "codecs the legs agree on.",
            reverse("calls"),
            "Watch live calls",
        ),
    ]
