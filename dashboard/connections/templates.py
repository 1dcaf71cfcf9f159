"""Templates of connections: the list, adding one, and the page of each."""

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from connections.forms import TemplateForm
from connections.templates import ConnectionTemplate
from dashboard.codecs.shown import codec_chips
from dashboard.parts.access import requires

TABS = {"inbound": "Inbound", "outbound": "Outbound", "followers": "Connections", "name": "Name"}
FOLLOWERS_SHOWN = 200


@requires("connections.view_connectiontemplate")
def template_list(request: HttpRequest) -> HttpResponse:
    """List the templates: few, so without pages."""
    rows = ConnectionTemplate.objects.annotate(count=Count("connections"))
    shown = [
        (row, codec_chips(row.inbound_codecs, ()), codec_chips(row.outbound_codecs, ()))
        for row in rows
    ]
    return render(request, "connections/templates.html", {"rows": shown})


@requires("connections.add_connectiontemplate", post="connections.add_connectiontemplate")
def template_add(request: HttpRequest) -> HttpResponse:
    """Make a template and lead to its page."""
    form = TemplateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        row = form.save()
        text = f"{row.name} has the platform list both ways. Arrange its lists, then have "
        messages.success(request, f"{text}connections follow it.")
        return redirect("template", template_id=row.pk)
    status = 422 if form.errors else 200
    return render(request, "connections/template_add.html", {"form": form}, status=status)


@requires("connections.view_connectiontemplate", post="connections.change_connectiontemplate")
def template(request: HttpRequest, template_id: int) -> HttpResponse:
    """Show one of the tabs of a template; take another name."""
    row = get_object_or_404(ConnectionTemplate, pk=template_id)
    tab = request.GET.get("tab", "inbound")
    form = TemplateForm(request.POST if request.method == "POST" else None, instance=row)
    if request.method == "POST":
        tab = "name"
        if form.is_valid():
            row.save(update_fields=["name"])
            messages.success(request, "Saved.")
            return redirect("template", template_id=row.pk)
        row.refresh_from_db()  # the heading says what it is called
    followers = list(row.connections.order_by("name", "sip_user")[: FOLLOWERS_SHOWN + 1])
    context: dict[str, Any] = {
        "template": row,
        "tabs": TABS,
        "tab": tab if tab in TABS else "inbound",
        "form": form,
        "followers": followers[:FOLLOWERS_SHOWN],
        "more": len(followers) > FOLLOWERS_SHOWN,
        "count": row.connections.count(),
    }
    status = 422 if form.errors else 200
    return render(request, "connections/template.html", context, status=status)


@requires("connections.delete_connectiontemplate", post="connections.delete_connectiontemplate")
def template_delete(request: HttpRequest, template_id: int) -> HttpResponse:
    """Ask before deleting a template; those who follow it keep its lists as their own."""
    row = get_object_or_404(ConnectionTemplate, pk=template_id)
    if request.method == "POST":
        row.delete()
        messages.success(request, f"The template {row.name} was deleted.")
        return redirect("templates")
    context = {"template": row, "count": row.connections.count()}
    return render(request, "connections/template_delete.html", context)
