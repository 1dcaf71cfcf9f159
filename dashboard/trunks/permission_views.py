"""What may go through a trunk, and how much of that is in use."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from audiocodecs.models import PlatformSettings
from dashboard.parts.access import requires
from dashboard.parts.saving import is_stored
from dashboard.trunks.tabs import render_tab
from trunks.forms import TrunkPermissionsForm
from trunks.models import Trunk


@requires("trunks.view_trunk", post="trunks.change_trunk")
def permissions(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show and change what may go through a trunk."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkPermissionsForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. It holds for the next call.")
        return redirect("trunk-permissions", trunk_id)
    row = get_object_or_404(Trunk, pk=trunk_id)
    context = {"form": form, "home_country": PlatformSettings.load().home_country}
    return render_tab(request, row, "permissions", context, form)
