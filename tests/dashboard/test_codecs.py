"""Codec lists by form alone: every operation without JavaScript, conflicts, errors, permissions."""

import datetime as dt
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.utils import timezone
from django.utils.html import escape

from agents.models import VoiceAgent
from audiocodecs.arranging import PICKED, StoredList
from audiocodecs.catalogue import PLATFORM_CODECS
from audiocodecs.models import PlatformSettings
from audiocodecs.services import save_codec_list
from connections.models import Connection
from connections.templates import ConnectionTemplate
from dashboard.accounts.roles import Role
from dashboard.codecs.lists import LISTS, find_list
from tests.dashboard.live import demo
from tests.dashboard.people import browser_of, person
from trunks.models import Trunk

FRAGMENT = {"HX-Request": "true"}
OWN = ["G722", "PCMU", "PCMA"]
SAVED = "Saved. The next call uses this list."
pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Connection:
    return Connection.objects.create(name="Alice", sip_user="alice", inbound_codecs=OWN)


def inbound(row: Connection) -> str:
    return f"/codecs/connection/{row.pk}/inbound/"


def typed(do: str, codecs: list[str], base: str = "G722,PCMU,PCMA", **more: Any) -> dict[str, Any]:
    """Return what a browser would send."""
    return {"do": do, "codec": codecs, "base": base, **more}


def shown(response: Any) -> tuple[list[str], list[str]]:
    """Return what stands in Selected and in Available."""
    picker = response.context["picker"]
    return [row.name for row in picker.selected], [row.name for row in picker.available]


def test_the_page_shows_the_stored_list_and_its_meaning(admin: Client, alice: Connection) -> None:
    response = admin.get(inbound(alice))
    assert response.status_code == HTTPStatus.OK
    assert shown(response) == (OWN, ["OPUS", "AMR-WB", "AMR", "G729", "ILBC", "GSM"])
    text = response.content.decode()
    for words in (
        "Best 7 kHz audio, worst 3.4 kHz; 80 kbit/s each way, headers included.",
        "or the call is declined.",
        'value="up:G722"',
        'value="preset:thrift"',
        'name="base" value="G722,PCMU,PCMA"',
    ):
        assert words in text
    assert text.count("js/picker.js") == 1


@pytest.mark.parametrize(
    ("step", "selected"),
    [
        ("up:PCMA", ["G722", "PCMA", "PCMU"]),
        ("down:G722", ["PCMU", "G722", "PCMA"]),
        ("add:OPUS", [*OWN, "OPUS"]),
        ("remove:G722", ["PCMU", "PCMA"]),
        ("preset:hd", ["OPUS", "G722", "AMR-WB"]),
        ("follow", ["OPUS", "G722", "AMR-WB", "PCMU", "PCMA"]),
        ("keep", OWN),
    ],
)
def test_an_operation_arranges_and_saves_nothing(
    admin: Client, alice: Connection, step: str, selected: list[str]
) -> None:
    response = admin.post(inbound(alice), typed(step, OWN, force="1"))
    assert shown(response)[0] == selected
    text = response.content.decode()
    assert 'name="base" value="G722,PCMU,PCMA"' in text
    assert '<span class="picker-unsaved" data-unsaved>Unsaved changes</span>' in text
    alice.refresh_from_db()
    assert (alice.inbound_codecs, alice.force_on_caller) == (OWN, False)
    is_preset = 'aria-pressed="true">HD only' in response.content.decode()
    assert is_preset == (step == "preset:hd")


def test_saving_stores_list_and_force_and_leads_back(admin: Client, alice: Connection) -> None:
    response = admin.post(inbound(alice), typed("save", ["PCMA", "G722"], force="1"))
    assert response.status_code == HTTPStatus.FOUND
    assert response["Location"] == inbound(alice)
    assert [str(message) for message in get_messages(response.wsgi_request)] == [SAVED]
    alice.refresh_from_db()
    assert (alice.inbound_codecs, alice.force_on_caller) == (["PCMA", "G722"], True)


def test_htmx_is_told_in_place(admin: Client, alice: Connection) -> None:
    response = admin.post(inbound(alice), typed("save", ["PCMA"]), headers=FRAGMENT)
    text = response.content.decode()
    assert response.status_code == HTTPStatus.OK
    assert SAVED in text
    assert 'name="base" value="PCMA"' in text
    assert "<html" not in text
    assert "data-unsaved hidden" in text


def test_saving_writes_no_other_field(admin: Client, alice: Connection) -> None:
    Connection.objects.filter(pk=alice.pk).update(name="Renamed meanwhile", outbound_codecs=["GSM"])
    admin.post(inbound(alice), typed("save", ["PCMA"]))
    alice.refresh_from_db()
    assert (alice.name, alice.outbound_codecs) == ("Renamed meanwhile", ["GSM"])


def test_an_empty_list_is_never_saved(admin: Client, alice: Connection) -> None:
    for headers in ({}, FRAGMENT):
        response = admin.post(inbound(alice), typed("save", []), headers=headers)
        assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "Not saved: nothing is selected" in response.content.decode()
        assert shown(response)[0] == []
    alice.refresh_from_db()
    assert alice.inbound_codecs == OWN


@pytest.mark.parametrize(
    "sent",
    [
        {"codec": ["MP3"]},
        {"codec": ["G722", "G722"]},
        {"codec": ["G722"], "base": "<script>"},
        {"codec": ["G722"], "base": "G722," * 200},
        {"codec": ["G722"], "do": "x" * 100},
        {"do": ""},
    ],
)
def test_what_no_browser_sends_is_an_error_and_saves_nothing(
    admin: Client, alice: Connection, sent: dict[str, Any]
) -> None:
    response = admin.post(inbound(alice), {"do": "save", "base": "G722,PCMU,PCMA", **sent})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "<script>" not in response.content.decode()
    alice.refresh_from_db()
    assert alice.inbound_codecs == OWN


def test_a_list_never_set_shows_the_platform_list_and_stays_unset(
    admin: Client, alice: Connection
) -> None:
    PlatformSettings.objects.create(codecs=["PCMA", "OPUS"])
    url = f"/codecs/connection/{alice.pk}/outbound/"
    response = admin.get(url)
    assert shown(response)[0] == ["PCMA", "OPUS"]
    assert "Uses the platform list." in response.content.decode()
    assert not response.context["picker"].unsaved
    admin.post(url, typed("save", ["PCMA", "OPUS"], base="", follows="1"))
    alice.refresh_from_db()
    assert alice.outbound_codecs == []


def test_the_way_back_to_the_platform_list(admin: Client, alice: Connection) -> None:
    response = admin.post(inbound(alice), typed("follow", OWN))
    assert response.context["picker"].arrangement.follows
    admin.post(inbound(alice), typed("save", shown(response)[0], follows="1"))
    alice.refresh_from_db()
    assert alice.inbound_codecs == []


def test_somebody_elses_change_is_shown_and_never_lost(admin: Client, alice: Connection) -> None:
    Connection.objects.filter(pk=alice.pk).update(inbound_codecs=["OPUS"], force_on_caller=True)
    for headers in ({}, FRAGMENT):
        response = admin.post(inbound(alice), typed("save", ["PCMA"]), headers=headers)
        assert response.status_code == HTTPStatus.CONFLICT
        text = response.content.decode()
        assert "The list is now OPUS, forced on the caller; yours is PCMA, not forced." in text
        assert "Take theirs" in text
        assert "Save mine instead" in text
        assert 'name="base" value="OPUS;force"' in text
        assert shown(response)[0] == ["PCMA"]
    alice.refresh_from_db()
    assert alice.inbound_codecs == ["OPUS"]


def test_take_theirs_and_save_mine_instead(admin: Client, alice: Connection) -> None:
    Connection.objects.filter(pk=alice.pk).update(inbound_codecs=["OPUS"])
    response = admin.post(inbound(alice), typed("discard", ["PCMA"], base="OPUS"))
    assert shown(response)[0] == ["OPUS"]
    admin.post(inbound(alice), typed("save", ["PCMA"], base="OPUS"))
    alice.refresh_from_db()
    assert alice.inbound_codecs == ["PCMA"]


def test_save_mine_instead_does_not_overwrite_a_third_change(
    admin: Client, alice: Connection
) -> None:
    Connection.objects.filter(pk=alice.pk).update(inbound_codecs=["PCMU"])
    response = admin.post(inbound(alice), typed("save", ["PCMA"], base="OPUS"))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "The list is now PCMU, not forced;" in response.content.decode()


def test_the_same_change_made_twice_is_no_conflict(admin: Client, alice: Connection) -> None:
    Connection.objects.filter(pk=alice.pk).update(inbound_codecs=["PCMA"])
    response = admin.post(inbound(alice), typed("save", ["PCMA"]), headers=FRAGMENT)
    assert response.status_code == HTTPStatus.OK
    assert SAVED in response.content.decode()


def test_a_row_that_is_gone_is_said_to_be_gone() -> None:
    fields = find_list(Trunk, "in").fields
    with pytest.raises(LookupError, match="no trunk has the key 999"):
        save_codec_list(fields=fields, pk=999, wanted=StoredList(("PCMA",)), base=StoredList())


def test_a_change_of_force_alone_is_a_conflict_too(admin: Client, alice: Connection) -> None:
    Connection.objects.filter(pk=alice.pk).update(force_on_caller=True)
    response = admin.post(inbound(alice), typed("save", ["PCMA"]))
    assert response.status_code == HTTPStatus.CONFLICT
    assert "G722, PCMU, PCMA, forced on the caller" in response.content.decode()


def test_every_list_is_saved_where_it_belongs(admin: Client) -> None:
    dora = Connection.objects.create(name="Dora", sip_user="dora")
    carrier = Trunk.objects.create(name="carrier-one")
    agent = VoiceAgent.objects.create(name="support", dialect="twilio", url="wss://a.example")
    desk = ConnectionTemplate.objects.create(name="Desk phones")
    rows = {Connection: dora, ConnectionTemplate: desk, Trunk: carrier, VoiceAgent: agent}
    for number, known in enumerate(LISTS):
        row = rows.get(known.fields.model) or PlatformSettings.load()
        codecs = [*PLATFORM_CODECS[number % 5 :], "GSM"]
        response = admin.post(known.url(row), typed("save", codecs, base=""))
        assert response.status_code == HTTPStatus.FOUND
        row = known.fields.model._default_manager.get()
        assert getattr(row, known.fields.codecs) == codecs
        page = admin.get(known.url(row))
        assert shown(page)[0] == codecs
        assert escape(page.context["about"]) in page.content.decode()


def test_what_is_not_there_is_not_found(admin: Client, alice: Connection) -> None:
    for path in (
        "/codecs/connection/999/inbound/",
        f"/codecs/connection/{alice.pk}/in/",
        "/codecs/trunk/999/in/",
        "/codecs/agent/999/codecs/",
    ):
        assert admin.get(path).status_code == HTTPStatus.NOT_FOUND
        assert admin.post(path, typed("save", ["PCMA"])).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_may_only_look_sees_the_list_without_a_button(alice: Connection, role: Role) -> None:
    alice.force_on_caller = True
    alice.save()
    browser = browser_of(role)
    response = browser.get(inbound(alice))
    text = response.content.decode()
    picker = text[text.index('class="picker"') :].split("</section>")[0]
    assert shown(response)[0] == OWN
    for word in ("<button", "<form", "<input"):
        assert word not in picker
    assert "Forced on the caller" in picker
    assert browser.post(inbound(alice), typed("save", ["PCMA"])).status_code == HTTPStatus.FORBIDDEN
    alice.refresh_from_db()
    assert alice.inbound_codecs == OWN


def test_a_strangers_post_changes_nothing(alice: Connection) -> None:
    response = Client().post(inbound(alice), typed("save", ["PCMA"]))
    assert response.status_code == HTTPStatus.FOUND
    assert "/login/" in response["Location"]
    alice.refresh_from_db()
    assert alice.inbound_codecs == OWN


def test_a_post_without_the_token_is_refused(alice: Connection) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person(Role.ADMIN))
    response = browser.post(inbound(alice), typed("save", ["PCMA"]))
    assert response.status_code == HTTPStatus.FORBIDDEN


def test_what_a_running_engine_cannot_do_is_greyed_with_its_reason(
    admin: Client, alice: Connection
) -> None:
    reason = "libvo-amrwbenc.so.0 is not installed"
    demo.engine_node()
    long_ago = timezone.now() - dt.timedelta(minutes=5)
    demo.engine_node(name="gone", seen=long_ago, unavailable_codecs={"OPUS": "it was old"})
    text = admin.get(inbound(alice)).content.decode()
    assert f"Not possible now: {reason}" in text
    assert "Not possible now: it was old" not in text
    assert text.count("picker-off") == 1
    demo.engine_node(name="engine-2", codecs=list(PICKED))
    assert f"Not possible now: on engine-1: {reason}" in admin.get(inbound(alice)).content.decode()


def test_the_meaning_of_any_list_can_be_asked_for(admin: Client) -> None:
    response = admin.get("/codecs/meaning/?codec=G722&codec=MP3&codec=PCMA&codec=G722")
    assert response["Content-Type"].startswith("text/plain")
    assert response.content == (
        b"Best 7 kHz audio, worst 3.4 kHz; 80 kbit/s each way, headers included."
    )


def test_one_line_puts_a_picker_on_a_page_and_its_files_once(alice: Connection) -> None:
    request = RequestFactory().get("/")
    request.user = person(Role.ADMIN)
    page = Template(
        '{% load codec_picker %}{% codec_picker row "inbound" %}{% codec_picker row "outbound" %}'
    )
    html = page.render(Context({"row": alice, "request": request, "csrf_token": "t" * 32}))
    assert html.count("js/picker.js") == 1
    assert html.count("<form") == html.count('name="csrfmiddlewaretoken"') == 2
    assert f'action="{inbound(alice)}"' in html
    assert f'id="codecs-connection-{alice.pk}-outbound"' in html


def test_a_list_nobody_knows_is_a_mistake_of_the_page() -> None:
    with pytest.raises(LookupError, match="no codec list 'in'"):
        find_list(Connection, "in")


def test_a_picker_costs_few_queries(alice: Connection, django_assert_num_queries: Any) -> None:
    request = RequestFactory().get("/")
    request.user = person(Role.ADMIN)
    page = Template('{% load codec_picker %}{% codec_picker row "inbound" %}')
    with django_assert_num_queries(6):
        html = page.render(Context({"row": alice, "request": request}))
    assert "G722" in html
