"""The tag that puts the links to a call's record on its page."""

from typing import Any

from django import template

from callengine.models import Call
from dashboard.shares import presenters

register = template.Library()


@register.inclusion_tag("shares/_card.html", takes_context=True)
def call_shares(context: template.Context, call: Call) -> dict[str, Any]:
    """Show the links to a call's record, and the form that makes one."""
    page = {name: context.get(name) for name in ("perms", "csrf_token", "request")}
    return {**presenters.card(call), **page}
