"""The transfer form on a call's page, and what it tells the engine."""

from http import HTTPStatus

import pytest
from django.test import Client

from callengine.models import Call
from callengine.record import reading, store
from connections.models import Connection
from tests.dashboard.agents.some import agent
from tests.dashboard.carriers import text
from tests.dashboard.live import demo
from tests.dashboard.live.conftest import fresh_channel_layer, operator, viewer
from tests.dashboard.live.test_pages import FRAGMENT, Engine
from trunks.models import Number

__all__ = ["fresh_channel_layer", "operator", "viewer"]
SAID = "Transferring to 1001: the timeline shows how it goes."
NOBODY = "Nobody is named: type a number, or the name of a connection."
FORM = 'class="transfer-form"'


def address(call: demo.CallSnapshot) -> str:
    return f"/calls/{call['id']}/transfer/"


def test_a_transfer_tells_the_engine_whom_and_who_asked(operator: Client) -> None:
    call, engine = demo.store(demo.call()), Engine()
    response = operator.post(address(call), {"to": " 1001 "}, follow=True)
    assert SAID in response.content.decode()
    assert engine.commands() == [
        {
            "type": "engine.command",
            "command": "transfer",
            "call": call["id"],
            "to": "1001",
            "by": "operator",
        }
    ]


def test_with_htmx_the_form_answers_in_place(operator: Client) -> None:
    call, engine = demo.store(demo.call()), Engine()
    response = operator.post(address(call), {"to": "1001"}, headers=FRAGMENT)
    page = response.content.decode()
    assert "<html" not in page
    assert SAID in page
    assert FORM in page
    assert "hx-preserve" not in page  # or the browser would keep the form as it was
    assert len(engine.commands()) == 1


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("+1 (202) 555-0100", "+12025550100"),
        ("020 7946.0018", "02079460018"),
        ("alice.b", "alice.b"),
        ("*97#", "*97#"),
        ("bob", "bob"),
        ("Bob Marsh (bob)", "bob"),
        ("bob marsh", "bob"),
        ("connection:bob", "bob"),
        ("desk", "desk"),
    ],
)
def test_a_number_or_a_name_may_be_typed_as_people_write_it(
    operator: Client, typed: str, sent: str
) -> None:
    Connection.objects.create(name="Bob Marsh", sip_user="bob")
    Connection.objects.create(name="Number leads to it", sip_user="leads")
    Number.objects.create(number="desk", connection=Connection.objects.get(sip_user="leads"))
    call, engine = demo.store(demo.call()), Engine()
    operator.post(address(call), {"to": typed})
    assert [command["to"] for command in engine.commands()] == [sent]


@pytest.mark.parametrize(
    "typed",
    ["sales team", "sip:bob@192.0.2.1", "<script>alert(1)</script>", "a" * 65, "é", "trunk:x"],
)
@pytest.mark.parametrize("headers", [FRAGMENT, {}], ids=["htmx", "plain"])
def test_what_cannot_be_called_is_named_with_what_is_allowed(
    operator: Client, typed: str, headers: dict[str, str]
) -> None:
    call, engine = demo.store(demo.call()), Engine()
    response = operator.post(address(call), {"to": typed}, headers=headers)
    page = response.content.decode()
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'class="field-error"' in page
    assert "allowed: the SIP user or name of a connection" in page
    assert "A number may be typed as well." in page
    assert "<script>alert" not in page
    assert "<details open>" in page
    assert ("<html" in page) is (headers == {})
    assert engine.commands() == []


def test_a_null_character_is_an_error_of_the_field(operator: Client) -> None:
    response = operator.post(address(demo.store(demo.call())), {"to": "10\x0001"})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'class="field-error"' in response.content.decode()


def test_nothing_typed_is_named_too(operator: Client) -> None:
    call = demo.store(demo.call())
    response = operator.post(address(call), {"to": " "})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert NOBODY in response.content.decode()


def test_what_is_far_too_long_names_nobody(operator: Client) -> None:
    response = operator.post(address(demo.store(demo.call())), {"to": "a" * 999})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert NOBODY in response.content.decode()


def test_a_name_of_several_is_asked_about(operator: Client) -> None:
    for user in ("alice1", "alice2"):
        Connection.objects.create(name="Alice", sip_user=user)
    response = operator.post(address(demo.store(demo.call())), {"to": "alice"})
    asks = "may be any of 2: write Alice (alice1) or Alice (alice2)."
    assert asks in response.content.decode()


def test_a_voice_agent_is_transferred_to_by_a_number(operator: Client) -> None:
    call, engine = demo.store(demo.call()), Engine()
    row = agent("support")
    why = "support (voice agent) is not called by its name: type a number that leads to it"
    assert f"{why}." in text(operator.post(address(call), {"to": "agent:support"}))
    Number.objects.create(number="+12025550188", agent=row)
    answer = operator.post(address(call), {"to": "support (voice agent)"})
    assert f"{why}, such as +12025550188." in text(answer)
    assert engine.commands() == []


def test_names_of_connections_are_offered_as_one_types(operator: Client) -> None:
    page = text(operator.get(f"/calls/{demo.store(demo.call())['id']}/"))
    assert 'data-combobox="/parties/?kinds=connection"' in page
    Connection.objects.create(name="Bob Marsh", sip_user="bob")
    options = text(operator.get("/parties/?kinds=connection&destination=mar"))
    assert 'data-value="Bob Marsh (bob)"' in options


def test_a_call_that_ended_is_not_transferred(operator: Client) -> None:
    call, engine = demo.store(demo.declined()), Engine()
    assert FORM not in operator.get(f"/calls/{call['id']}/").content.decode()
    response = operator.post(address(call), {"to": "1001"}, follow=True)
    assert b"The call had already ended." in response.content
    assert engine.commands() == []


def test_only_who_may_change_calls_sees_the_form_and_may_use_it(
    operator: Client, viewer: Client
) -> None:
    call, engine = demo.store(demo.call()), Engine()
    page = f"/calls/{call['id']}/"
    assert FORM in operator.get(page).content.decode()
    assert FORM not in viewer.get(page).content.decode()
    response = viewer.post(address(call), {"to": "1001"})
    assert response.status_code == HTTPStatus.FORBIDDEN
    assert engine.commands() == []


@pytest.mark.django_db
def test_the_record_keeps_each_transfers_plan_and_where_the_lists_come_from() -> None:
    call = demo.store(demo.call())
    for to in ("1001", "1002"):
        transfer = {
            "to": to,
            "by": "olga",
            "at": "2026-11-20T14:00:00+00:00",
            "destination": f"connection:{to}",
            "vn_a_source": "platform list",
            "vn_b_source": f"inbound list of {to}",
            "notes": ["\x00"],
        }
        store.transferred(call_id=call["id"], transfer=transfer)
    stored = Call.objects.get(pk=call["id"])
    assert [one["to"] for one in stored.plan["transfers"]] == ["1001", "1002"]
    assert stored.plan["transfers"][0]["notes"] == ["\N{REPLACEMENT CHARACTER}"]
    shown = reading.snapshot(stored)
    assert shown["vn_b_source"] == "inbound list of 1002"
    assert shown["vn_a_source"] == "platform list"


@pytest.mark.django_db
def test_a_transfer_of_an_unknown_call_is_not_stored() -> None:
    transfer = {"vn_a_source": "", "vn_b_source": ""}
    unknown = "00000000-0000-0000-0000-000000000000"
    assert not store.transferred(call_id=unknown, transfer=transfer)


@pytest.mark.django_db
def test_the_page_shows_the_leg_that_took_the_call_over(viewer: Client) -> None:
    taken = demo.leg("B2", label="Carol", codec="PCMU", state="up")
    left = demo.leg("B", label="Bob", codec="G722", state="ended")
    rung = demo.leg("B3", label="Dora", codec=None, state="ended")
    call = demo.store(demo.call(legs=[demo.leg("A"), left, taken, rung]))
    page = viewer.get(f"/calls/{call['id']}/").content.decode()
    assert '<span class="leg-name">Leg B2</span>' in page
    also = page.split("Also dialled:")[1].split("</p>")[0]
    assert "Bob" in also
    assert "Dora" in also
    assert "Carol" not in also
