"""The record in the Django admin: looked at and searched, never written by hand."""

import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client

from callengine import admin as record_admin
from callengine.models import (
    AgentSession,
    AgentSessionLine,
    CallEvent,
    Direction,
    EngineNode,
    SipMessage,
)
from tests.dashboard.live import demo
from tests.dashboard.record import call, rejection

pytestmark = pytest.mark.django_db
MODELS = ("call", "leg", "callevent", "sipmessage", "rejection", "enginenode")


@pytest.fixture
def browser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="correct horse"))
    return client


def listed(browser: Client, model: str, text: str) -> int:
    page = browser.get(f"/admin/callengine/{model}/", {"q": text})
    assert page.status_code == 200
    return len(page.context["cl"].result_list)


def test_rows_are_found_by_call_id_party_and_id(browser: Client) -> None:
    made, _ = call(from_user="+12025550100"), call(from_user="bob", to_user="carol")
    CallEvent.objects.create(call=made, at=made.started, kind="invite", text="INVITE")
    SipMessage.objects.create(
        call=made, number=1, at=made.started, direction=Direction.IN, summary="INVITE"
    )
    for text in (f"A-{made.pk.hex}@127.0.0.1", str(made.pk), f" {made.pk.hex} "):
        found = {model: listed(browser, model, text) for model in MODELS[:4]}
        assert found == {"call": 1, "leg": 2, "callevent": 1, "sipmessage": 1}
    assert [listed(browser, "call", text) for text in ("+1202", "car", "bo", "", "%")] == [
        1, 1, 1, 2, 0
    ]  # fmt: skip
    assert listed(browser, "leg", str(uuid.uuid4())) == 0


def test_a_call_shows_its_agents_and_what_was_said_and_nobody_writes_them(browser: Client) -> None:
    made = call()
    AgentSession.objects.create(
        call=made, leg="B", name="support", dialect="assemblyai", session_id="sess_1",
        state="ended", input="audio/pcmu", output="audio/pcm", close_code=1011,
        close_reason="it has failed",
    )  # fmt: skip
    AgentSessionLine.objects.create(
        call=made, number=1, at=made.started, leg="B", who="agent", text="<b>Good day</b>"
    )
    page = browser.get(f"/admin/callengine/call/{made.pk}/change/")
    shown = page.content.decode()
    for words in ("sess_1", "it has failed", "1011", "&lt;b&gt;Good day&lt;/b&gt;"):
        assert words in shown
    assert 'name="agent_sessions-0-name"' not in shown
    assert 'name="agent_lines-0-text"' not in shown


def test_rejections_are_found_by_source_user_and_call_id(browser: Client) -> None:
    one = rejection("203.0.113.7", user="mallory")
    rejection("198.51.100.9", user="trent")
    texts = ("203.0", "mal", "trent", one.call_id, "13.7")
    assert [listed(browser, "rejection", text) for text in texts] == [1, 1, 1, 1, 0]


def test_a_list_counts_no_further_than_it_shows(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_admin, "MOST_LISTED", 3)
    for _ in range(5):
        rejection()
    changes = browser.get("/admin/callengine/rejection/").context["cl"]
    assert (changes.result_count, changes.full_result_count) == (3, None)


@pytest.mark.parametrize("model", MODELS)
def test_nobody_writes_a_record_by_hand(browser: Client, model: str) -> None:
    assert browser.get(f"/admin/callengine/{model}/add/").status_code == 403


def test_only_a_node_that_is_gone_can_be_deleted(browser: Client) -> None:
    made, node = call(), demo.engine_node()
    assert browser.post(f"/admin/callengine/call/{made.pk}/delete/").status_code == 403
    assert browser.post(f"/admin/callengine/call/{made.pk}/change/", {}).status_code == 403
    browser.post(f"/admin/callengine/enginenode/{node.pk}/delete/", {"post": "yes"})
    assert not EngineNode.objects.exists()


def test_a_call_shows_no_password_a_phone_put_into_its_contact(browser: Client) -> None:
    uri = "sip:alice:hunter2@127.0.0.1:5060"
    made = call(plan={"waves": [{"targets": [{"uri": uri}]}]})
    page = browser.get(f"/admin/callengine/call/{made.pk}/change/").content.decode()
    assert "sip:alice:***@127.0.0.1:5060" in page
    assert "hunter2" not in page
