"""Templates of connections: the list, adding one, and the page of each."""

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from connections import services
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
    listed = [
        (row, codec_chips(row.inbound_codecs, ()), codec_chips(row.outbound_codecs, ()))
        for row in rows
    ]
    return render(request, "connections/templates.html", {"rows": listed})


@requires("connections.add_connectiontemplate", post="connections.add_connectiontemplate")
def template_add(request: HttpRequest) -> HttpResponse:
    """Make a template and lead to its page."""
    form = TemplateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (row := _stored(form)) is not None:
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
        if form.is_valid() and _stored(form) is not None:
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
        with suppress(ConnectionTemplate.DoesNotExist):  # Gone is what it was to be.
            services.delete_template(pk=template_id)
        messages.success(request, f"The template {row.name} was deleted.")
        return redirect("templates")
    context = {"template": row, "count": row.connections.count()}
    return render(request, "connections/template_delete.html", context)


def _stored(form: TemplateForm) -> ConnectionTemplate | None:
    """Make or rename a template as a form says; None: what was refused stands in the form."""
    values = {"name": form.cleaned_data["name"]}
    try:
        if form.instance.pk is None:
            return services.add_template(values=values)
        return services.change_template(pk=form.instance.pk, changes=values)
    except ValidationError as error:
        form.add_error("name", error.messages)
    except ConnectionTemplate.DoesNotExist as error:
        raise Http404 from error
    return None
