"""What one line of text leads to, place by place; each asked only if the reader may look there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.http import urlencode

from agents.models import VoiceAgent
from callengine.models import CallHeader, Leg, Rejection
from connections.models import Connection
from dashboard.history.queries import NEWEST_FIRST, matching
from dashboard.history.rows import rows_of
from dashboard.rejections import queries
from trunks.models import Number, Trunk
from trunks.states import with_standing
from trunks.validators import plain_number

SHOWN = 5
SHORTEST = 2
"With fewer characters everything would match."


@dataclass(frozen=True, slots=True)
class Section:
    """What was found in one place."""

    word: str
    kind: str
    rows: list[Any]
    more: bool
    url: str
    "The whole list, filtered."


def find(text: str, user: User | AnonymousUser) -> list[Section]:
    """Return the places where something was found, a few rows each."""
    places: tuple[tuple[str, Callable[[str], Section]], ...] = (
        ("connections.view_connection", _connections),
        ("trunks.view_trunk", _trunks),
        ("trunks.view_number", _numbers),
        ("agents.view_voiceagent", _agents),
        ("callengine.view_call", _calls),
        ("callengine.view_rejection", _rejections),
    )
    sections = [search(text) for permission, search in places if user.has_perm(permission)]
    return [section for section in sections if section.rows]


def by_call_id(text: str) -> list[Any]:
    """Return the keys of calls with a leg of this SIP Call-ID, two at most. One query."""
    legs = Leg.objects.filter(sip_call_id=text).order_by().values_list("call_id", flat=True)
    return list(legs.distinct()[:2])


def _by_header(text: str) -> list[Any]:
    """Return the keys of the newest calls with a header of this value on record. One query."""
    headers = CallHeader.objects.filter(value=text).order_by("-call__started")
    return list(headers.values_list("call_id", flat=True)[: SHOWN + 1])


def _connections(text: str) -> Section:
    rows = Connection.objects.filter(Q(sip_user__icontains=text) | Q(name__icontains=text))
    return _section("Connections", "connections", rows.order_by("sip_user"), text)


def _trunks(text: str) -> Section:
    rows = Trunk.objects.filter(Q(name__icontains=text) | Q(gateways__uri__icontains=text))
    rows = with_standing(rows).order_by("name").distinct()
    return _section("Trunks", "trunks", rows, text)


def _agents(text: str) -> Section:
    rows = VoiceAgent.objects.filter(Q(name__icontains=text) | Q(agent_id__icontains=text))
    return _section("Voice agents", "agents", rows.order_by("name"), text)


def _numbers(text: str) -> Section:
    rows = Number.objects.filter(number__icontains=plain_number(text))
    rows = rows.select_related("connection", "trunk", "agent").order_by("number")
    return _section("Numbers", "numbers", rows, plain_number(text))


def _calls(text: str) -> Section:
    number = plain_number(text)
    keys = matching({"number": number}).order_by(*NEWEST_FIRST).values_list("pk", flat=True)
    calls = list(keys[: SHOWN + 1]) or by_call_id(text) or _by_header(text)
    url = f"{reverse('history')}?{urlencode({'number': number})}"
    return Section("Calls", "calls", rows_of(calls[:SHOWN]), len(calls) > SHOWN, url)


def _rejections(text: str) -> Section:
    begins = queries.matching({"source": text})
    field = "source"
    rows = list(begins.order_by("-at", "-id")[: SHOWN + 1])
    if not rows:
        field = "user"
        rows = list(
            queries.matching({"user": plain_number(text)}).order_by("-at", "-id")[: SHOWN + 1]
        )
    if not rows:
        rows = list(Rejection.objects.filter(call_id=text).order_by("-at")[: SHOWN + 1])
    url = f"{reverse('rejections')}?{urlencode({field: text, 'view': 'each', 'time': ''})}"
    return Section(
        "Rejected",
        "rejections",
        [(row, queries.what(row)) for row in rows[:SHOWN]],
        len(rows) > SHOWN,
        url,
    )


def _section(word: str, name: str, matches: QuerySet[Any], text: str) -> Section:
    rows = list(matches[: SHOWN + 1])
    url = f"{reverse(name)}?{urlencode({'q': text})}"
    return Section(word, name, rows[:SHOWN], len(rows) > SHOWN, url)
