"""Connections with a password and phones, and what their pages show of them."""

import datetime as dt
import html
import re
from http import HTTPStatus

from django.forms import Form
from django.test import Client
from django.utils import timezone

from connections.models import Connection, Registration
from connections.services import set_password

GIVEN = "correct horse battery"


def stored(sip_user: str = "alice", **values: object) -> Connection:
    row = Connection(**{"name": sip_user.title(), "sip_user": sip_user, **values})
    set_password(connection=row, password=GIVEN)
    row.save()
    return row


def registered(row: Connection, *, device: str = "Yealink T46U", left_s: float = 300) -> None:
    now = timezone.now()
    Registration.objects.create(
        connection=row,
        contact=f"sip:{row.sip_user}@192.0.2.{row.registrations.count() + 1}:5060",
        call_id="c",
        cseq=1,
        expires_at=now + dt.timedelta(seconds=left_s),
        flow="udp:198.51.100.4:40000",
        user_agent=device,
        registered_at=now,
    )


def url(row: Connection, rest: str = "") -> str:
    return f"/connections/{row.pk}/{rest}"


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def words(page: str) -> str:
    """Return what a person reads of a page."""
    page = re.sub(r"(?s)<head>.*?</head>|<[^>]+>", " ", page)
    return html.unescape(re.sub(r"\s+", " ", page))


def shown_password(page: str) -> str:
    found = re.search(r'id="password">([^<]+)<', page)
    return html.unescape(found[1]) if found else ""


def users(page: str) -> list[str]:
    return re.findall(r'data-word="SIP user"><span class="mono">([^<]+)<', page)


def shown(client: Client, row: Connection) -> dict[str, str]:
    """Return what the Settings form would send unchanged, hidden fields included."""
    return sent_by(client.get(url(row, "?tab=settings")).context["form"])


def sent_by(form: Form) -> dict[str, str]:
    """Return what a form sends if nobody touches it."""
    values: dict[str, str] = {}
    for field in form:
        value = field.field.prepare_value(field.value())
        if field.field.show_hidden_initial:
            values[field.html_initial_name] = "" if value is None else str(value)
        if value not in (None, False):
            values[field.html_name] = "on" if value is True else str(value)
    return values
