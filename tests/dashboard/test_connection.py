"""The page of one connection, tab by tab."""

import datetime as dt
import re
from http import HTTPStatus

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callengine.models import Call, EngineNode, Rejection
from connections.models import Connection
from tests.dashboard.live import demo
from tests.dashboard.subscribers import (
    registered,
    stored,
    text,
    url,
    words,
)
from trunks.models import Number

pytestmark = pytest.mark.django_db


def test_every_tab_has_an_address_and_says_whose_page_it_is(viewer: Client) -> None:
    row = stored()
    for tab in ("inbound", "outbound", "settings", "registrations", "phone", "calls", "nonsense"):
        page = text(viewer, url(row, f"?tab={tab}"))
        assert "<h1><bdi>Alice</bdi></h1>" in page
        assert page.count('aria-current="page"') == 2, "its place in the rail, and its tab"
    assert viewer.get("/connections/999/").status_code == HTTPStatus.NOT_FOUND


def test_the_codec_lists_stand_in_their_tabs(admin: Client) -> None:
    row = stored(inbound_codecs=["G722", "PCMU"])
    page = text(admin, url(row))
    assert f'action="/codecs/connection/{row.pk}/inbound/"' in page
    assert "Force selected codecs on the caller" in page
    page = text(admin, url(row, "?tab=outbound"))
    assert f'action="/codecs/connection/{row.pk}/outbound/"' in page
    assert "Force selected codecs on the caller" not in page


def test_a_viewer_sees_no_button_and_no_form(viewer: Client) -> None:
    row = stored()
    for tab in ("inbound", "outbound", "settings", "registrations", "phone", "calls"):
        main = text(viewer, url(row, f"?tab={tab}")).split("<main")[1]
        assert "<form" not in main
        assert "/delete/" not in main
        assert "<input" not in main


def test_only_who_may_set_a_password_is_told_to(viewer: Client, admin: Client) -> None:
    row = stored()
    row.ha1_realm = "elsewhere.example"
    row.save()
    for reader, told in ((admin, True), (viewer, False)):
        page = text(reader, url(row, "?tab=phone"))
        assert "so the phone is refused." in page
        assert ("Set a new password." in page) is told
        assert ("An administrator can set a new one." in page) is not told


def test_registrations_tell_device_contact_source_and_times(viewer: Client) -> None:
    row = stored()
    empty = text(viewer, url(row, "?tab=registrations"))
    assert "No phone is registered" in empty
    registered(row)
    registered(row, device="Linphone", left_s=-5)
    page = words(text(viewer, url(row, "?tab=registrations")))
    for word in ("Yealink T46U", "sip:alice@192.0.2.1:5060", "udp:198.51.100.4:40000"):
        assert word in page
    assert "Linphone" not in page, "it has expired"


def test_a_phone_that_renews_its_registration_stays_in_its_place(viewer: Client) -> None:
    row = stored()
    registered(row, device="Yealink T46U")
    registered(row, device="Linphone")
    for contact in ("sip:alice@192.0.2.1:5060", "sip:alice@192.0.2.2:5060"):
        row.registrations.filter(contact=contact).update(registered_at=timezone.now())
        page = words(text(viewer, url(row, "?tab=registrations")))
        assert page.index("Yealink T46U sip:") < page.index("Linphone sip:")
        assert "Yealink T46U and 1 more" in page
        assert "Yealink T46U and 1 more" in words(text(viewer, "/connections/"))


def test_state_and_registrations_of_a_page_refresh_themselves(viewer: Client) -> None:
    row = stored()
    page = text(viewer, url(row, "?tab=registrations"))
    assert f'hx-get="{url(row)}?tab=registrations" hx-trigger="every 5s"' in page
    mark = re.search(r'id="connection-state".*?"Shown": "(\w+)"', page)
    assert mark
    asking = {"HX-Request": "true", "Shown": mark[1]}
    address = url(row, "?tab=registrations")
    assert viewer.get(address, headers=asking).status_code == HTTPStatus.NO_CONTENT
    registered(row)
    part = viewer.get(address, headers=asking).content.decode()
    assert (
        '<section id="registrations" aria-label="Registrations" hx-swap-oob="anew-outerHTML">'
        in part
    )
    assert "sip:alice@192.0.2.1:5060" in part
    assert "<html" not in part


def test_what_to_type_into_a_phone_follows_the_running_engine(
    viewer: Client, settings: object
) -> None:
    row = stored()
    page = words(text(viewer, url(row, "?tab=phone")))
    assert "No engine runs now" in page
    demo.engine_node(listening=["udp:192.0.2.4:5080", "tcp:192.0.2.4:5080"])
    page = text(viewer, url(row, "?tab=phone"))
    for copied in ("192.0.2.4", "5080", "alice@192.0.2.4:5080", "alice", "voipnumber", "600"):
        assert f'data-copy="{copied}"' in page
    assert "UDP or TCP" in page
    assert "the one that was shown when it was set" in page
    EngineNode.objects.update(listening=["udp:0.0.0.0:5060"])
    there = words(
        viewer.get(url(row, "?tab=phone"), headers={"host": "127.0.0.1"}).content.decode()
    )
    assert "The address under which the phone reaches this machine: the engine listens" in there
    settings.ALLOWED_HOSTS = ["pbx.example.org"]  # type: ignore[attr-defined]
    client_page = viewer.get(url(row, "?tab=phone"), headers={"host": "pbx.example.org:8000"})
    assert "probably pbx.example.org:" in words(client_page.content.decode())
    settings.ALLOWED_HOSTS = ["[2001:db8::7]"]  # type: ignore[attr-defined]
    client_page = viewer.get(url(row, "?tab=phone"), headers={"host": "[2001:db8::7]"})
    assert "probably 2001:db8::7:" in words(client_page.content.decode())
    settings.ALLOWED_HOSTS = ["testserver"]  # type: ignore[attr-defined]
    settings.VOIPNUMBER_PUBLIC_ADDRESS = "203.0.113.80"  # type: ignore[attr-defined]
    assert 'data-copy="203.0.113.80"' in text(viewer, url(row, "?tab=phone"))
    EngineNode.objects.update(listening=["udp:0.0.0.0:5060", "tls:0.0.0.0:5061"])
    settings.VOIPNUMBER_SIP_TLS_NAME = "sip.example.org"  # type: ignore[attr-defined]
    page = text(viewer, url(row, "?tab=phone"))
    for copied in ("203.0.113.80", "alice@203.0.113.80", "5060", "alice@sip.example.org", "5061"):
        assert f'data-copy="{copied}"' in page


def test_why_a_phone_cannot_sign_in_is_said_on_every_tab(viewer: Client, settings: object) -> None:
    bare = Connection.objects.create(name="Bare", sip_user="bare")
    assert "It has no password" in text(viewer, url(bare))
    row = stored()
    settings.VOIPNUMBER_REALM = "elsewhere"  # type: ignore[attr-defined]
    assert "set for the realm voipnumber; the realm is now elsewhere" in text(viewer, url(row))


def test_numbers_calls_and_refusals_of_a_connection_and_of_no_other(viewer: Client) -> None:
    alice, bob = stored(), stored("bob")
    Number.objects.create(number="+12025550100", connection=alice)
    now = timezone.now()
    for number in range(12):
        at = now - dt.timedelta(minutes=number)
        ended = at + dt.timedelta(seconds=5)
        Call.objects.create(
            started=at,
            ended=ended,
            from_user=f"caller-{number:02}",
            source="connection:alice" if number % 2 else "external:192.0.2.1",
            destination="trunk:carrier" if number % 2 else "connection:alice",
        )
        Rejection.objects.create(
            at=at,
            source_address=f"192.0.2.{number}",
            user="alice",
            method="REGISTER",
            code=403,
            rule="wrong-password",
            advice=f"Advice {number:02}.",
        )
    with CaptureQueriesContext(database) as seen:
        page = text(viewer, url(alice, "?tab=calls"))
    assert len(seen) <= 20
    assert "+12025550100" in page
    shown_calls = re.findall(r"caller-(\d\d)", page)
    assert sorted(set(shown_calls)) == [f"{n:02}" for n in range(10)]
    assert [int(n) for n in dict.fromkeys(shown_calls)] == list(range(10)), "the newest first"
    assert re.findall(r"Advice (\d\d)", page) == [f"{n:02}" for n in range(10)]
    page = text(viewer, url(bob, "?tab=calls"))
    assert "No call yet" in page
    assert "Nothing in its name was refused" in page
