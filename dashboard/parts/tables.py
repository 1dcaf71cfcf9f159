"""Lists that grow: filtered, sorted and cut into pages, all of it in the query string."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_filters import FilterSet

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """What `templates/tables/*.html` draw."""

    page: Page[Any]
    form: Any
    "The bound filter form; its errors name the field and what is allowed."
    sort: str
    filtered: bool
    "Whether anything was asked for: an empty list then means that nothing matches."
    more: bool = False
    "Whether more rows match than the pages hold."

    @property
    def rows(self) -> Any:
        """The rows of this page."""
        return self.page.object_list

    @property
    def total(self) -> int:
        """How many rows match."""
        return self.page.paginator.count

    @property
    def window(self) -> list[int | str]:
        """Page numbers around this one, with the ellipsis where some are left out."""
        paginator = self.page.paginator
        return list(paginator.get_elided_page_range(self.page.number, on_each_side=2, on_ends=1))


def listing(
    request: HttpRequest,
    filterset: type[FilterSet],
    queryset: QuerySet[Any],
    *,
    sorts: Mapping[str, tuple[str, ...]],
    per_page: int = PER_PAGE,
) -> Listing:
    """Return one page of what matches `?field=...&sort=...&page=...`.

    `sorts` maps the words a person may sort by to `order_by` fields; the first one is the default,
    and `-word` turns each around. A page number that is none, or beyond the end, gives the
    nearest page. Values that a filter refuses are ignored and shown as errors of the form.
    """
    filters = filterset(request.GET, queryset=queryset, request=request)
    sort = request.GET.get("sort", "")
    if sort.removeprefix("-") not in sorts:
        sort = next(iter(sorts))
    fields = sorts[sort.removeprefix("-")]
    if sort.startswith("-"):
        fields = tuple(_reversed(field) for field in fields)
    page = Paginator(filters.qs.order_by(*fields), per_page).get_page(request.GET.get("page"))
    asked = any(request.GET.get(name) for name in filters.form.fields)
    return Listing(page=page, form=filters.form, sort=sort, filtered=asked)


def refused_export(request: HttpRequest, form: Form, *, page: str) -> HttpResponse | None:
    """Lead back to the list, the page of this name, where a filter of its file is refused.

    The list leaves out such a filter, and says so beside it; a file has no place to say so. None:
    nothing is refused.
    """
    if form.is_valid():
        return None
    words = (
        f"{form[name].label}: {error}"
        for name in form.fields
        for error in form.errors.get(name, ())
    )
    messages.error(request, f"Not exported. {' '.join(words)}")
    return redirect(f"{reverse(page)}?{request.GET.urlencode()}")


def _reversed(field: str) -> str:
    return field[1:] if field.startswith("-") else f"-{field}"
