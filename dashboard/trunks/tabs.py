"""The tabs of a trunk's page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.trunks.presenters import in_use_of
from dashboard.trunks.standing import trunk_badge
from trunks.models import Trunk


def render_tab(
    request: HttpRequest, row: Trunk, part: str, context: dict[str, Any], *forms: Any
) -> HttpResponse:
    """Render one tab; a form that is wrong makes it 422."""
    wrong = any(form is not None and form.is_bound and form.errors for form in forms)
    context |= {"trunk": row, "part": part, "state": trunk_badge(row), "in_use": in_use_of(row)}
    return render(request, f"trunks/{part}.html", context, status=422 if wrong else 200)
