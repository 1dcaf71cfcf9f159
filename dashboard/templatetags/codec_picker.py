"""The tags that put a codec picker on a page; `dashboard.codecs.lists` says how."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.db import models

from dashboard.codecs.lists import find_list, picker_context

register = template.Library()


@register.inclusion_tag("codecs/_picker.html", takes_context=True)
def codec_picker(context: template.Context, row: models.Model, name: str) -> Mapping[str, Any]:
    """Show the picker of an object's codec list, such as `{% codec_picker trunk "in" %}`."""
    request = context["request"]
    picker = picker_context(request, find_list(type(row), name), row)
    return {**picker, "csrf_token": context.get("csrf_token"), "head": _first_time(request)}


@register.inclusion_tag("codecs/_head.html", takes_context=True)
def codec_picker_head(context: template.Context) -> dict[str, bool]:
    """Bring the style sheet and the scripts, once a page."""
    return {"head": _first_time(context["request"])}


def _first_time(request: Any) -> bool:
    first = not getattr(request, "has_codec_picker", False)
    request.has_codec_picker = True
    return first
