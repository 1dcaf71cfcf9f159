"""What a trunk does to numbers, callers and headers, and what a number would become."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from audiocodecs.models import PlatformSettings
from callengine.core.rewriting import rewritten
from dashboard.parts.access import requires
from dashboard.parts.saving import is_stored
from dashboard.trunks.tabs import render_tab
from numbering.rewriting import Rewritten
from trunks.forms import TrunkNumbersForm, TryNumberForm
from trunks.models import Trunk


@dataclass(frozen=True, slots=True)
class Becomes:
    """What a number would become in one place."""

    what: str
    result: Rewritten


@requires("trunks.view_trunk", post="trunks.change_trunk")
def numbers(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show and change the rules; with `?number=` say what that number would become."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkNumbersForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. It holds for the next call.")
        return redirect("trunk-numbers", trunk_id)
    row = get_object_or_404(Trunk, pk=trunk_id)
    trying = TryNumberForm(request.GET if request.GET.get("number") else None)
    becomes: list[Becomes] = []
    if trying.is_bound and trying.is_valid():
        becomes = _becomes(row, trying.cleaned_data["number"])
    context = {"form": form, "trying": trying, "becomes": becomes}
    return render_tab(request, row, "numbers", context, form)


def _becomes(row: Trunk, number: str) -> list[Becomes]:
    """Return what calls would make of a number, by the rules that are saved."""
    home = PlatformSettings.load().home_country
    places = (
        ("Dialled by a caller of the trunk", row.in_called_rules),
        ("Calling in over the trunk", row.in_caller_rules),
        ("Sent to the trunk", row.out_called_rules),
        ("Shown to the trunk as the caller", row.out_caller_rules),
    )
    return [Becomes(what, rewritten(number, rules, home)) for what, rules in places]
