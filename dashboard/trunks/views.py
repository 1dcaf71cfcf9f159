"""One trunk: what uses it, what happened on it; enabling and deleting it."""

import re
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from dashboard.calls.lately import recent_calls
from dashboard.parts.access import requires
from dashboard.parts.saving import is_stored
from dashboard.trunks.presenters import in_use_of, lacks, recent_rejections
from dashboard.trunks.standing import read_standing, standing_of
from dashboard.trunks.tabs import render_tab
from dashboard.trunks.trial import TrunkTestForm
from trunks.forms import TrunkNameForm
from trunks.models import Number, Route, Trunk
from trunks.services import delete_trunk, set_enabled
from trunks.states import with_standing

USES_SHOWN = 20
MOST_ASKED = 1000
"Trunks whose states are read at once."
TRUNK_ID = re.compile(r"[0-9]{1,15}")


@requires("trunks.view_trunk", post="trunks.change_trunk")
def trunk(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show what uses a trunk and what happened on it; rename it."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkNameForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. The next call uses this name.")
        return redirect("trunk", trunk_id)
    # The form has written what was typed into its row, wrong or not.
    row = get_object_or_404(with_standing(Trunk.objects.all()), pk=trunk_id)
    label, gateways = f"trunk:{row.name}", list(row.gateways.all())
    may = request.user.has_perm
    context = {
        "form": form,
        "trial_form": TrunkTestForm(),
        "gateways": gateways,
        "lacks": lacks(row, has_gateway=bool(gateways)),
        "uses": _uses(row),
        "standing": standing_of(row),
        "calls": recent_calls(label) if may("callengine.view_call") else [],
        "rejections": recent_rejections(row) if may("callengine.view_rejection") else [],
    }
    return render_tab(request, row, "overview", context, form)


@requires("trunks.view_trunk")
def standing(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Say how a trunk stands and what it uses: its page asks unless a websocket tells it."""
    read = read_standing(trunk_id)
    if read is None:
        raise Http404
    row, view = read
    context = {"trunk": row, "standing": view}
    context["in_use"] = in_use_of(row)
    return render(request, "trunks/_standing_now.html", context)


@requires("trunks.view_trunk")
def states(request: HttpRequest) -> HttpResponse:
    """Say how the trunks of `?of=1,2` stand, for pages that name them."""
    asked = [int(text) for text in request.GET.get("of", "").split(",") if TRUNK_ID.fullmatch(text)]
    rows = with_standing(Trunk.objects.filter(pk__in=asked[:MOST_ASKED]))
    context = {"trunks": rows}
    return render(request, "trunks/_states.html", context)


def _uses(row: Trunk) -> dict[str, Any]:
    numbers = Number.objects.filter(trunk=row)
    routes = Route.objects.filter(steps__trunk=row)
    agents = list(row.agents_falling_back.all()[: USES_SHOWN + 1])
    return {
        "numbers": numbers[:USES_SHOWN],
        "number_count": numbers.count(),
        "routes": routes[:USES_SHOWN],
        "route_count": routes.count(),
        "agents": agents[:USES_SHOWN],
        "more_agents": len(agents) > USES_SHOWN,
    }


@requires(post="trunks.change_trunk")
def enable(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Enable or disable a trunk: `enabled` is `yes` or `no`."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    wanted = request.POST.get("enabled")
    if wanted not in ("yes", "no"):
        messages.error(request, "Not saved: say whether it is to be enabled, yes or no.")
    else:
        set_enabled(trunk=row, enabled=wanted == "yes")
        now = "takes and sends calls again" if row.enabled else "takes and sends no more calls"
        messages.success(request, f"{row} {now}. Calls in progress go on.")
    return redirect("trunk", trunk_id)


@requires("trunks.delete_trunk", post="trunks.delete_trunk")
def delete(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Ask, and delete a trunk that nothing leads to."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    uses = _uses(row)
    if request.method == "POST" and delete_trunk(trunk=row):
        messages.success(request, f"{row} is deleted. Its past calls stay on the record.")
        return redirect("trunks")
    context = {"trunk": row, "uses": uses}
    blocked = bool(uses["number_count"] or uses["route_count"] or uses["agents"])
    status = 409 if request.method == "POST" else 200
    return render(request, "trunks/delete.html", context | {"blocked": blocked}, status=status)
