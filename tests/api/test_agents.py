"""What becomes of voice agents by way of the API."""

from typing import Any

import pytest

from agents.models import VoiceAgent
from connections.models import Connection
from tests.api.programs import AGENTS, SUPPORT, Program, problems
from trunks.models import Number, Trunk

pytestmark = pytest.mark.django_db
UNKNOWN = "5f0e3a52-0d9f-4a7e-9f3a-2b1c6f7d8e90"


def test_an_agent_in_its_vendors_shape_comes_back_whole(crm: Program) -> None:
    answer = crm.post(SUPPORT)
    assert answer.status_code == 201
    record = answer.json()
    row = VoiceAgent.objects.get()
    assert record.pop("id") == str(row.uid)
    assert record.pop("created_at") <= record.pop("updated_at")
    assert record == {
        **SUPPORT,
        "greeting": "",
        "input": {
            "format": {"encoding": "audio/pcm", "sample_rate": 24000},
            "keyterms": [],
            "turn_detection": {},
        },
        "output": {"format": {"encoding": "audio/pcm", "sample_rate": 24000}, "volume": None},
        "tools": [],
        "dialect": "assemblyai",
        "url": "wss://agents.assemblyai.com/v1/ws",
        "secret": "",
        "agent_id": "",
        "transcription_model": "",
        "codecs": [],
        "fallback": "",
        "max_duration_s": None,
        "silence_timeout_s": None,
        "ready_timeout_s": 10,
        "headers": {},
        "keeps_transcript": True,
        "answers_at_once": False,
        "enabled": True,
    }


EVERYTHING: dict[str, Any] = {
    "name": "everything",
    "dialect": "openai",
    "url": "wss://ai.example.com/v1/realtime?model=m",
    "secret": "sk-live-1",
    "agent_id": "",
    "system_prompt": "Be brief.",
    "greeting": "Hello!",
    "voice": {"voice_id": "ash"},
    "transcription_model": "whisper-1",
    "input": {
        "format": {"encoding": "audio/pcmu", "sample_rate": 8000},
        "keyterms": ["Grüezi", "VoIP"],
        "turn_detection": {"type": "server_vad", "threshold": 0.5},
    },
    "output": {"format": {"encoding": "audio/pcma", "sample_rate": 8000}, "volume": 0},
    "tools": [
        {
            "type": "function",
            "name": "look_up",
            "description": "An order",
            "parameters": {"type": "object"},
        }
    ],
    "codecs": ["PCMU", "G722"],
    "fallback": "trunk:carrier-one +442071838750",
    "max_duration_s": 1800,
    "silence_timeout_s": 60,
    "ready_timeout_s": 5,
    "headers": {"X-Customer": "customer_id"},
    "keeps_transcript": False,
    "answers_at_once": True,
    "enabled": False,
}


def test_every_setting_comes_back_as_it_was_sent_but_the_secret(crm: Program) -> None:
    Trunk.objects.create(name="carrier-one")
    record = crm.made(**EVERYTHING)
    assert {name: record[name] for name in EVERYTHING} == EVERYTHING | {"secret": "***"}
    assert VoiceAgent.objects.get().secret == "sk-live-1"
    assert crm.get(f"{AGENTS}/{record['id']}").json() == record


def test_what_came_back_can_be_sent_again_and_changes_nothing(crm: Program) -> None:
    Trunk.objects.create(name="carrier-one")
    record = crm.made(**EVERYTHING)
    sent = {name: record[name] for name in EVERYTHING}
    answer = crm.send("PUT", f"{AGENTS}/{record['id']}", sent)
    assert answer.status_code == 200
    assert answer.json() | {"updated_at": ""} == record | {"updated_at": ""}
    assert VoiceAgent.objects.get().secret == "sk-live-1"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"output": {"volume": 60}}, {"volume": 60}),
        ({"output": {"format": {"encoding": "audio/pcma"}}}, {"output_encoding": "audio/pcma"}),
        ({"output": {"volume": None}}, {"volume": None}),
        ({"input": {"turn_detection": {"b": 2}}}, {"turn_detection": {"a": {"x": 1}, "b": 2}}),
        (
            {"input": {"turn_detection": {"a": {"y": 2}}}},
            {"turn_detection": {"a": {"x": 1, "y": 2}}},
        ),
        ({"input": {"turn_detection": {"a": None}}}, {"turn_detection": {}}),
        ({"input": {"keyterms": ["two"]}}, {"keyterms": ["two"]}),
        ({"headers": {"X-Two": "two"}}, {"headers": {"X-One": "one", "X-Two": "two"}}),
        ({"voice": {"voice_id": "ash"}}, {"voice": "ash"}),
        ({"voice": None}, {"voice": ""}),
        ({"transcription_model": "whisper-1"}, {"transcription_model": "whisper-1"}),
        ({"name": "sales"}, {"name": "sales"}),
        ({"secret": ""}, {"secret": ""}),
        ({"secret": "***"}, {}),
        ({"enabled": False}, {"enabled": False}),
        ({"fallback": ""}, {"fallback_connection": None}),
        ({}, {}),
    ],
)
def test_a_change_is_merged_deep_and_leaves_the_rest(
    crm: Program, method: str, change: dict[str, Any], changed: dict[str, Any]
) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    record = crm.made(
        dialect="openai",
        url="wss://ai.example.com/",
        secret="sk-1",
        input={"format": {"encoding": "audio/pcmu"}, "keyterms": ["one"]}
        | {"turn_detection": {"a": {"x": 1}}},
        output={"format": {"encoding": "audio/pcmu"}, "volume": 10},
        headers={"X-One": "one"},
        fallback="connection:alice",
    )
    before = _columns()
    answer = crm.send(method, f"{AGENTS}/{record['id']}", change)
    assert answer.status_code == 200, answer.content
    assert _columns() == before | changed
    assert answer.json() == crm.get(f"{AGENTS}/{record['id']}").json()


def _columns() -> dict[str, Any]:
    row = VoiceAgent.objects.get()
    names = [field.name for field in row._meta.fields if field.name != "updated_at"]
    return {name: getattr(row, name) for name in names}


def test_a_deleted_agent_is_gone(crm: Program) -> None:
    path = f"{AGENTS}/{crm.made()['id']}"
    answer = crm.send("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert problems(crm.send("DELETE", path), 404)
    assert not VoiceAgent.objects.exists()


def test_an_agent_to_which_something_leads_stays_and_the_answer_says_what(crm: Program) -> None:
    record = crm.made()
    agent = VoiceAgent.objects.get()
    Number.objects.create(number="+12025550177", agent=agent)
    Number.objects.create(number="100", agent=agent)
    answer = crm.send("DELETE", f"{AGENTS}/{record['id']}")
    assert sorted(value for _, value, _ in problems(answer, 409)) == [
        "number +12025550177",
        "number 100",
    ]
    assert VoiceAgent.objects.exists()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_an_agent_that_is_none_is_404(crm: Program, method: str) -> None:
    answer = crm.send(method, f"{AGENTS}/{UNKNOWN}", {} if method.startswith("P") else None)
    assert problems(answer, 404) == [("path.agent_id", UNKNOWN, None)]


def test_a_name_that_is_taken_is_a_conflict(crm: Program) -> None:
    crm.made()
    other = crm.made(name="sales")
    assert [at for at, _, _ in problems(crm.post(SUPPORT), 409)] == ["body.name"]
    answer = crm.patch(other["id"], {"name": "support"})
    assert [(at, value) for at, value, _ in problems(answer, 409)] == [("body.name", "support")]


def test_a_list_goes_on_where_it_ended_whatever_came_and_went(crm: Program) -> None:
    for number in range(5):
        crm.made(name=f"agent {number}")
    first = crm.get(f"{AGENTS}?limit=2").json()
    assert [one["name"] for one in first["agents"]] == ["agent 0", "agent 1"]
    VoiceAgent.objects.filter(name__in=["agent 0", "agent 1"]).delete()
    second = crm.get(f"{AGENTS}?limit=2&cursor={first['next_cursor']}").json()
    assert [one["name"] for one in second["agents"]] == ["agent 2", "agent 3"]
    last = crm.get(f"{AGENTS}?limit=2&cursor={second['next_cursor']}").json()
    assert ([one["name"] for one in last["agents"]], last["next_cursor"]) == (["agent 4"], None)


def test_a_list_costs_the_same_however_long_it_is(
    crm: Program, django_assert_max_num_queries: Any
) -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    for number in range(5):
        crm.made(name=f"agent {number}", fallback="connection:alice")
    with django_assert_max_num_queries(4):
        assert len(crm.get().json()["agents"]) == 5


def test_headers_of_a_tool_are_secret_too(crm: Program) -> None:
    http = {"url": "https://crm.example.com", "headers": {"Authorization": "Bearer x", "X-A": "1"}}
    tool = {"type": "function", "name": "look_up", "http": http}
    record = crm.made(tools=[tool])
    shown = {"Authorization": "***", "X-A": "***"}
    assert record["tools"] == [tool | {"http": http | {"headers": shown}}]
    assert VoiceAgent.objects.get().tools == [tool]
    again = [record["tools"][0] | {"description": "An order"}]
    assert crm.patch(record["id"], {"tools": again}).status_code == 200
    assert VoiceAgent.objects.get().tools == [tool | {"description": "An order"}]
    renamed = [record["tools"][0] | {"name": "other"}]
    assert [at for at, _, _ in problems(crm.patch(record["id"], {"tools": renamed}))] == [
        "body.tools.0.http.headers.Authorization",
        "body.tools.0.http.headers.X-A",
    ]
