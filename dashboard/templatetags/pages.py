"""Tags of the pages: icons, chips, times and the rail."""

import datetime as dt
from functools import cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from audiocodecs.chips import Chip
from dashboard.calls.ladder import Lane, present_lanes
from dashboard.calls.levels import level_bar
from dashboard.calls.shown import CallView
from dashboard.parts import engines, parties
from dashboard.parts.durations import duration_text
from dashboard.parts.rail import RailPlace, places
from dashboard.parts.shown import Badge, EngineView
from dashboard.trunks.standing import trunk_badge
from trunks.models import Trunk

register = template.Library()
MOST_CHOICES = 100


_CLOCKS = {"time": "%H:%M:%S", "minute": "%H:%M", "date": "%b %d, %H:%M", "day": "%d %b %Y"}


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite; the word next to it is what a screen reader reads.

    Kept: a page has dozens, and where the sprite lies was worked out for each.
    """
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.simple_tag
def badge(value: Badge) -> SafeString:
    """Draw a state: a dot in its colour, and the word."""
    return format_html('<span class="badge badge-{}">{}</span>', value.tone, value.word)


@register.inclusion_tag("trunks/_state.html")
def trunk_state(trunk: Trunk) -> dict[str, Any]:
    """Draw how a trunk stands, kept true; no query if it comes from `with_standing`."""
    return {"trunk_id": trunk.pk, "state": trunk_badge(trunk)}


@register.simple_tag
def lanes(call: CallView) -> tuple[Lane, ...]:
    """Return the columns of a call's ladder."""
    return present_lanes(call)


@register.inclusion_tag("calls/_chip.html")
def codec(value: Chip, brief: bool = False) -> dict[str, Any]:
    """Draw a codec; a brief one leaves out the rates."""
    return {"chip": value, "brief": brief}


@register.simple_tag
def level(leg: str) -> SafeString:
    """Draw the bar of how loud a leg's party is, empty: levels come over the websocket."""
    return level_bar(leg, 0.0)


@register.simple_tag
def way_in(party: str, number: str) -> str:
    """Write over what a number calls or is reached: `via carrier-one`, `from 203.0.113.7`."""
    kind, _, name = party.partition(":")
    if kind == "connection":
        return "" if name == number else name
    if kind == "browser":
        return ""  # who calls from one is called so
    words = {"trunk": "via", "external": "from", "agent": "voice agent", "test": "test"}
    return f"{words[kind]} {name}" if kind in words else party


_PARTIES = {
    "connection": ("Connection", "connections"),
    "trunk": ("Trunk", "trunks"),
    "agent": ("Voice agent", "agents"),
    "test": ("Test destination", ""),
    "external": ("Unknown, at", ""),
    "browser": ("Browser of", ""),
}
"Kind of party -> what it is called, and the list it is found in."


@register.simple_tag
def party(label: str, unlinked: bool = False) -> SafeString | str:
    """Write who `connection:alice` is in words, with a link to where it is found."""
    kind, _, name = label.partition(":")
    if kind not in _PARTIES:
        return label or "-"
    word, place = _PARTIES[kind]
    if unlinked or not place:
        return format_html("{} <bdi>{}</bdi>", word, name)
    query = urlencode({"q": name})
    return format_html('{} <a href="{}?{}"><bdi>{}</bdi></a>', word, reverse(place), query, name)


@register.simple_tag
def duration(seconds: float) -> str:
    """Write seconds as `00:42` or `1:02:03`."""
    return duration_text(seconds)


@register.simple_tag
def clock(value: dt.datetime | None, style: str = "time") -> SafeString | str:
    """Write a time of day; the browser turns it into local time, with the zone on hover.

    `style` is `time` (with seconds), `minute`, `date` (day and minute), `day` (with its
    year), or `recent`: the time if that was today, else the date.
    """
    if value is None:
        return ""
    at = timezone.localtime(value)
    spelling = style
    if style == "recent":
        spelling = "time" if at.date() == timezone.localdate() else "date"
    text = at.strftime(_CLOCKS[spelling])
    return format_html(
        '<time datetime="{}" data-clock="{}" title="{}">{}</time>',
        value.isoformat(),
        style,
        at.strftime("%Y-%m-%d %H:%M:%S %Z"),
        text,
    )


@register.simple_tag(takes_context=True)
def engine_pill(context: template.Context) -> EngineView:
    """Return the state of the engine for the top bar. Three queries, none if the page has it."""
    state: EngineView | None = context.get("node_state")
    return state or engines.pill()


@register.simple_tag(takes_context=True)
def party_choices(context: template.Context, kinds: str = "") -> list[Any]:
    """Return whom a field may name, for who cannot search: the first hundred of each kind."""
    return parties.choices(context["request"], "", kinds or "", most=MOST_CHOICES)


@register.simple_tag(takes_context=True)
def rail(context: template.Context) -> list[list[RailPlace]]:
    """Return the places this user may see, in groups; a page may say in which it is."""
    request = context.get("request")
    place = str(context.get("place") or getattr(request, "path", ""))
    return places(getattr(request, "user", None), place)
