"""A server of agents ends its call as it would at Twilio, and no other call."""

import base64
from typing import Any

import pytest
from channels.layers import channel_layers
from django.test import Client

from agents.models import VoiceAgent
from agents.services import create_agent
from api import twilio
from api.keys.guessing import Guesses
from callengine.models import AgentSession, Call
from callengine.notices.commands import EndByAgent
from tests.dashboard.live import demo

pytestmark = pytest.mark.django_db
SECRET = "auth-token-1"
COMPLETED = {"Status": "completed"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what engines are told."""
    heard: list[object] = []

    async def hear(group: str, command: object) -> None:
        assert group == "engines"
        heard.append(command)

    monkeypatch.setattr(twilio, "tell", hear)
    monkeypatch.setattr(twilio, "guesses", Guesses(most=lambda: 3, window_s=lambda: 900))
    channel_layers.backends.clear()
    return heard


@pytest.fixture
def agent() -> VoiceAgent:
    values = {"name": "support", "dialect": "twilio", "url": "wss://ai.example.com/ws"}
    return create_agent(values=values, secret=SECRET)


@pytest.fixture
def call() -> Call:
    snapshot = demo.call()
    demo.store(snapshot)
    return Call.objects.get(pk=snapshot["id"])


def sid(call: Call) -> str:
    return f"CA{call.pk.hex}"


def post(agent: VoiceAgent, call_sid: str, body: dict[str, str], **other: str) -> Any:
    """Ask as pipecat does; `other` replaces `account`, `name` or `secret`."""
    account = other.get("account", agent.account)
    login = f"{other.get('name', account)}:{other.get('secret', SECRET)}"
    return Client(enforce_csrf_checks=True).post(
        f"/2010-04-01/Accounts/{account}/Calls/{call_sid}.json",
        body,
        headers={"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"},
    )


def session(call: Call, name: str) -> None:
    encoding = "audio/pcmu"
    AgentSession.objects.create(
        call=call, leg="B", name=name, dialect="twilio", state="ready", input=encoding
    )


@pytest.mark.parametrize("names", [[], ["support"]])
def test_an_agent_ends_its_call(
    told: list[object], agent: VoiceAgent, call: Call, names: list[str]
) -> None:
    for name in names:
        session(call, name)
    answer = post(agent, sid(call), COMPLETED)
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert told == [EndByAgent(call=str(call.pk), agent="support")]


def test_an_agent_does_not_end_the_call_of_another(
    told: list[object], agent: VoiceAgent, call: Call
) -> None:
    session(call, "sales")
    answer = post(agent, sid(call), COMPLETED)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    assert told == []


@pytest.mark.parametrize("call_sid", ["CA" + "0" * 32, "CA1", "x", "CA" + "é" * 32])
def test_a_call_that_is_none_or_over_is_not_found(
    told: list[object], agent: VoiceAgent, call: Call, call_sid: str
) -> None:
    assert post(agent, call_sid, COMPLETED).json()["code"] == 20404
    Call.objects.filter(pk=call.pk).update(ended=call.started)
    assert post(agent, sid(call), COMPLETED).json()["code"] == 20404
    assert told == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "Allowed: completed"),
        ({"Status": "canceled"}, "'canceled'"),
        ({"Twiml": "<Response/>"}, "Twiml is not done here"),
        ({"Url": "https://x.example", "Status": "completed"}, "Url is not done here"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(
    told: list[object], agent: VoiceAgent, call: Call, body: dict[str, str], word: str
) -> None:
    answer = post(agent, sid(call), body)
    assert answer.status_code == 400
    assert word in answer.json()["message"]
    assert told == []


@pytest.mark.parametrize(
    "other",
    [
        {"secret": "wrong"},
        {"secret": ""},
        {"name": "AC" + "0" * 32},
        {"account": "AC" + "0" * 32},
        {"account": "support"},
        {"account": ""},
        {"secret": "é"},
    ],
)
def test_nobody_else_gets_in(
    told: list[object], agent: VoiceAgent, call: Call, other: dict[str, str]
) -> None:
    answer = post(agent, sid(call), COMPLETED, **other)
    assert answer.status_code in (401, 404)
    assert told == []


@pytest.mark.parametrize("change", [{"secret": ""}, {"dialect": "openai"}])
def test_an_agent_without_a_secret_or_of_another_dialect_has_no_such_account(
    told: list[object], agent: VoiceAgent, call: Call, change: dict[str, str]
) -> None:
    for name, value in change.items():
        setattr(agent, name, value)
    agent.save()
    for secret in (SECRET, ""):
        assert post(agent, sid(call), COMPLETED, secret=secret).json()["code"] == 20003
    assert told == []


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic %%%", "Basic /w==", "Basic \xe4", "Bearer x"]
)
def test_a_header_that_says_nothing_is_answered_with_a_challenge(
    told: list[object], agent: VoiceAgent, call: Call, header: str | None
) -> None:
    path = f"/2010-04-01/Accounts/{agent.account}/Calls/{sid(call)}.json"
    headers = {} if header is None else {"Authorization": header}
    answer = Client().post(path, COMPLETED, headers=headers)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="api"')
    assert told == []


def test_guessing_is_held_back_and_the_right_one_goes_on(
    told: list[object], agent: VoiceAgent, call: Call
) -> None:
    assert post(agent, sid(call), COMPLETED).status_code == 200
    for number in range(3):
        assert post(agent, sid(call), COMPLETED, secret=f"{number}").status_code == 401
    assert post(agent, sid(call), COMPLETED, secret="4").status_code == 429
    assert post(agent, sid(call), COMPLETED).status_code == 200


def test_only_post_is_there(agent: VoiceAgent, call: Call) -> None:
    path = f"/2010-04-01/Accounts/{agent.account}/Calls/{sid(call)}.json"
    answer = Client().get(path)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
