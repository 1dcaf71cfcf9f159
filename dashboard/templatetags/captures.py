"""The tags that put packet captures on the pages of calls and connections."""

from typing import Any

from django import template

from callengine.models import Call
from connections.models import Connection
from dashboard.captures import presenters, services
from dashboard.captures.forms import CaptureForm

register = template.Library()


@register.inclusion_tag("captures/_card.html", takes_context=True)
def call_captures(context: template.Context, call: Call) -> dict[str, Any]:
    """Show what was recorded of a call's packets, and the form that begins it."""
    return {**presenters.card(call), **_of_page(context)}


@register.inclusion_tag("captures/_next_call.html", takes_context=True)
def next_call_capture(context: template.Context, connection: Connection) -> dict[str, Any]:
    """Show whether a connection's next call is to be recorded, and the form that has it so."""
    party = services.party_of(connection)
    return {
        "connection": connection,
        "waiting": presenters.of_next_call(party),
        "last": presenters.last_of(party),
        "capture_form": CaptureForm(),
        **_of_page(context),
    }


def _of_page(context: template.Context) -> dict[str, Any]:
    return {name: context.get(name) for name in ("perms", "csrf_token", "request")}
