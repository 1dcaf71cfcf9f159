"""A trunk's two sides: who may call in, and which gateways its calls are sent to."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from dashboard.parts.access import requires
from dashboard.parts.saving import is_stored, store_order
from dashboard.trunks.presenters import equal_priorities
from dashboard.trunks.tabs import render_tab
from trunks.forms import GatewayForm, GatewayShareForm, TrunkInForm, TrunkOutForm
from trunks.models import Trunk
from trunks.services import add_gateway, change_gateway, order_gateways, remove_gateway


@requires("trunks.view_trunk", post="trunks.change_trunk")
def inward(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show and change who may call in over a trunk."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkInForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. It holds for the next call.")
        return redirect("trunk-in", trunk_id)
    row = get_object_or_404(Trunk, pk=trunk_id)
    return render_tab(request, row, "in", {"form": form}, form)


@requires("trunks.view_trunk", post="trunks.change_trunk")
def outward(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Show the gateways of a trunk, and change what is presented to them."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = TrunkOutForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST" and is_stored(form):
        messages.success(request, "Saved. It holds for the next call.")
        return redirect("trunk-out", trunk_id)
    return _outward(request, trunk_id, form=form)


def _outward(
    request: HttpRequest,
    trunk_id: int,
    *,
    form: TrunkOutForm | None = None,
    adding: GatewayForm | None = None,
) -> HttpResponse:
    row = get_object_or_404(Trunk, pk=trunk_id)
    gateways = list(row.gateways.all())
    context = {
        "form": form or TrunkOutForm(instance=Trunk.objects.get(pk=trunk_id)),
        "adding": adding or GatewayForm(),
        "gateways": gateways,
        "order": [gateway.pk for gateway in gateways],
        "equal": equal_priorities(gateways),
    }
    return render_tab(request, row, "out", context, form, adding)


@requires(post="trunks.change_trunk")
def gateway_add(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Add a gateway."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = GatewayForm(request.POST)
    if form.is_valid():
        try:
            gateway = add_gateway(trunk=row, uri=form.cleaned_data["uri"])
        except ValidationError as error:
            form.add_error("uri", error)
        else:
            messages.success(request, f"{gateway} is added. It is tried last.")
            return _to_gateways(trunk_id)
    return _outward(request, trunk_id, adding=form)


@requires(post="trunks.change_trunk")
def gateway_share(request: HttpRequest, trunk_id: int, gateway_id: int) -> HttpResponse:
    """Give a gateway another priority and weight."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    form = GatewayShareForm(request.POST)
    if not form.is_valid():
        messages.error(
            request, "Not saved: a priority is 0 to 32767 and a weight 1 to 65535, whole numbers."
        )
    elif change_gateway(trunk=row, gateway_id=gateway_id, **form.cleaned_data):
        messages.success(request, "Saved. It holds for the next call.")
    else:
        messages.info(request, "That gateway was removed meanwhile.")
    return _to_gateways(trunk_id)


@requires(post="trunks.change_trunk")
def gateway_remove(request: HttpRequest, trunk_id: int, gateway_id: int) -> HttpResponse:
    """Remove a gateway."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    uri = remove_gateway(trunk=row, gateway_id=gateway_id)
    if uri:
        messages.success(request, f"{uri} is removed. Calls no longer try it.")
    else:
        messages.info(request, "That gateway was removed already.")
    return _to_gateways(trunk_id)


@requires(post="trunks.change_trunk")
def gateway_order(request: HttpRequest, trunk_id: int) -> HttpResponse:
    """Store the order of the gateways, unless somebody else changed them meanwhile."""
    row = get_object_or_404(Trunk, pk=trunk_id)
    store_order(request, partial(order_gateways, trunk=row), first=row.gateways.first)
    return _to_gateways(trunk_id)


def _to_gateways(trunk_id: int) -> HttpResponse:
    return redirect(reverse("trunk-out", args=[trunk_id]))
