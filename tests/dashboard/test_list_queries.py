"""Every list page asks the database as often with many rows as with few."""

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents.models import VoiceAgent
from callengine.models import CallEvent, Direction, SipMessage
from connections.models import Connection, Registration
from dashboard.accounts.roles import Role
from dashboard.overview import figures
from tests.dashboard.addresses import ALL
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of, person
from tests.dashboard.record import ENDS, call, rejection
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.thorough

LISTS = {
    "overview": "/",
    "calls": "/calls/",
    "history": "/history/",
    "history filtered": "/history/?number=user&codec=OPUS&trunk=carrier-0&sort=-duration",
    "rejections": "/rejections/",
    "rejections each": "/rejections/?view=each&source=203.0.113.",
    "rejections-each": "/rejections/each/?source=203.0.113.0",
    "search": "/search/?q=user",
    "connections": "/connections/",
    "connection": "/connections/1/",
    "trunks": "/trunks/",
    "trunk": "/trunks/1/",
    "numbers": "/numbers/",
    "routes": "/routes/",
    "agents": "/agents/",
    "agent": "/agents/1/",
    "users": "/settings/users/",
    "settings": "/settings/",
    **{
        f"admin:{name}": f"/admin/{name.replace('_', '/')}/"
        for name in (
            "callengine_call",
            "callengine_leg",
            "callengine_callevent",
            "callengine_sipmessage",
            "callengine_rejection",
            "callengine_enginenode",
            "connections_connection",
            "trunks_trunk",
            "trunks_number",
            "trunks_route",
            "auth_user",
        )
    },
}


def fill(first: int, last: int) -> None:
    """Store rows of everything, numbered from `first` to before `last`."""
    now = timezone.now()
    for at in range(first, last):
        phone = Connection.objects.create(pk=at + 1, name=f"user {at}", sip_user=f"user{at}")
        Registration.objects.create(
            connection=phone,
            contact=f"sip:user{at}@192.0.2.1",
            call_id=str(at),
            cseq=1,
            expires_at=now + dt.timedelta(hours=1),
            flow="udp:192.0.2.1:5060",
            registered_at=now,
        )
        carrier = Trunk.objects.create(
            pk=at + 1, name=f"carrier-{at}", in_allowed_addresses=[f"192.0.2.{at}/32"]
        )
        Gateway.objects.create(trunk=carrier, uri=f"sip:192.0.2.{at}")
        Number.objects.create(number=f"+1202555{at:04d}", connection=phone)
        agent = VoiceAgent.objects.create(
            pk=at + 1, name=f"agent-{at}", dialect="twilio", url="wss://agents.example.com"
        )
        Number.objects.create(number=f"+1303555{at:04d}", agent=agent)
        route = Route.objects.create(prefix=f"+{1000 + at}")
        RouteTrunk.objects.create(route=route, trunk=carrier)
        person(Role.OPERATOR, f"operator{at}")
        demo.engine_node(name=f"engine-{at}")
        rejection(f"203.0.113.{at % 7}", user=f"user{at}")
        rejection(f"203.0.113.{at % 7}", rule="wrong-password")
        for outcome in (*ENDS, "in-progress"):
            made = call(
                outcome,
                from_user=f"user{at}",
                source="connection:user0",
                destination="trunk:carrier-0",
            )
            CallEvent.objects.create(call=made, at=now, kind="invite", text="INVITE")
            SipMessage.objects.create(
                call=made, number=1, at=now, direction=Direction.IN, summary="INVITE"
            )


def queries(browser: Client) -> dict[str, int]:
    """Return how many queries each list asks, which has been asked for before."""
    counted = {}
    for name, path in LISTS.items():
        figures._last.clear()
        with CaptureQueriesContext(connection) as asked:
            response = browser.get(path)
        assert response.status_code == 200, path
        counted[name] = len(asked)
    return counted


@pytest.mark.django_db
def test_every_list_asks_as_often_with_many_rows_as_with_few() -> None:
    browser = browser_of(Role.ADMIN)
    fill(0, 3)
    for path in LISTS.values():
        browser.get(path)
    few = queries(browser)
    fill(3, 14)
    assert queries(browser) == few
    assert max(few.values()) < 25


def test_every_page_with_a_list_is_tried() -> None:
    """A new page of the rail is to be named above; so is what it filters by."""
    from dashboard.parts.rail import _GROUPS

    named = {name for group in _GROUPS for _, name, _ in group}
    without_list = {"lab", "phone"}
    assert named - without_list <= LISTS.keys()
    known = {address.name for address in ALL}
    assert {name for name in LISTS if " " not in name and ":" not in name} <= known
    assert reverse("overview") == "/"
