"""Voice agents as they are stored: rules, constraints, secrets, changes."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from agents.fitness import idle_settings
from agents.models import VoiceAgent
from agents.services import create_agent, delete_agent, patch_agent, set_secret, uses
from agents.sessions import session_of
from connections.models import Connection
from trunks.models import Number, Route, Trunk

pytestmark = pytest.mark.django_db

SUPPORT = {
    "name": "support",
    "dialect": "assemblyai",
    "url": "wss://agents.example.com/v1/ws",
    "system_prompt": "Be friendly.",
}


def support(**values: Any) -> VoiceAgent:
    return create_agent(values=SUPPORT | values)


def refusal(**values: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        support(**values)
    return caught.value.message_dict


def test_a_new_agent_speaks_pcm_both_ways_and_waits_ten_seconds() -> None:
    agent = support()
    assert (agent.input_encoding, agent.output_encoding) == ("audio/pcm", "audio/pcm")
    assert agent.ready_timeout_s == 10
    assert (agent.silence_timeout_s, agent.max_duration_s) == (None, None)
    assert agent.keeps_transcript
    assert agent.account == f"AC{agent.uid.hex}"


def test_a_dialect_with_one_format_has_that() -> None:
    agent = support(dialect="twilio", system_prompt="")
    assert (agent.input_encoding, agent.output_encoding) == ("audio/pcmu", "audio/pcmu")


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"name": "support!"}, "name", "1 to 100 of A-Z"),
        ({"dialect": "smoke"}, "dialect", "'smoke' is not allowed; allowed: "),
        ({"input_encoding": "audio/opus"}, "input_encoding", "'audio/opus' is not allowed"),
        (
            {"dialect": "twilio", "output_encoding": "audio/pcm"},
            "output_encoding",
            "'audio/pcm' is not allowed; allowed: audio/pcmu with the dialect twilio",
        ),
        ({"system_prompt": ""}, "agent_id", "allowed: stored agent or system prompt"),
        ({"system_prompt": "x" * 20_001}, "system_prompt", "20000"),
        ({"volume": 101}, "volume", "100"),
        ({"volume": -1}, "volume", "0"),
        ({"codecs": ["PCMU", "G723"]}, "codecs", "'G723' is not a codec known here"),
        ({"ready_timeout_s": 0}, "ready_timeout_s", "1"),
        ({"silence_timeout_s": 0}, "silence_timeout_s", "1"),
        ({"max_duration_s": 0}, "max_duration_s", "1"),
        ({"headers": {"Authorization": "a"}}, "headers", "with credentials"),
        ({"tools": [{}]}, "tools", "[0].name"),
        ({"fallback": "alice"}, "fallback", "allowed: connection:SIP_USER, number:NUMBER or"),
        ({"fallback": "connection:nobody"}, "fallback", "'nobody' is not allowed"),
        ({"fallback": "trunk:carrier-one"}, "fallback", "'trunk:carrier-one' is not allowed"),
    ],
)
def test_what_is_not_allowed_is_said_at_its_field(
    values: dict[str, Any], field: str, said: str
) -> None:
    errors = refusal(**values)
    assert said in " ".join(errors[field])
    assert not VoiceAgent.objects.exists()


def test_two_agents_do_not_share_a_name() -> None:
    support()
    assert refusal() == {"name": ["Another voice agent already has this name."]}


def test_a_secret_is_encrypted_at_rest_and_in_no_repr() -> None:
    agent = create_agent(values=SUPPORT, secret="sk-hunter2")
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM agents_voiceagent")
        stored = cursor.fetchone()[0]
    assert stored
    assert "hunter2" not in stored
    agent = VoiceAgent.objects.get()
    assert session_of(agent).secret == "sk-hunter2"
    assert "hunter2" not in f"{agent!r} {agent} {session_of(agent)!r}"


def test_a_secret_can_be_replaced_and_taken_away() -> None:
    agent = create_agent(values=SUPPORT, secret="one")
    patch_agent(pk=agent.pk, changes={"voice": "ivy"})
    assert VoiceAgent.objects.get().secret == "one"
    patch_agent(pk=agent.pk, changes={}, secret="two")
    assert VoiceAgent.objects.get().secret == "two"
    assert set_secret(pk=agent.pk, secret="")
    assert VoiceAgent.objects.get().secret == ""
    with pytest.raises(ValidationError, match="not allowed"):
        set_secret(pk=agent.pk, secret="a\nb")
    assert not set_secret(pk=0, secret="x")


def test_a_change_leaves_the_rest_and_merges_mappings() -> None:
    agent = support(
        input_encoding="audio/pcmu",
        output_encoding="audio/pcmu",
        turn_detection={"type": "vad", "limits": {"low": 1, "high": 2}},
        keyterms=["a", "b"],
    )
    patch_agent(
        pk=agent.pk,
        changes={"volume": 60, "turn_detection": {"limits": {"low": 0}}, "keyterms": ["c"]},
    )
    agent = VoiceAgent.objects.get()
    assert (agent.output_encoding, agent.volume) == ("audio/pcmu", 60)
    assert agent.turn_detection == {"type": "vad", "limits": {"low": 0, "high": 2}}
    assert agent.keyterms == ["c"]
    patch_agent(pk=agent.pk, changes={"turn_detection": {"limits": None}})
    assert VoiceAgent.objects.get().turn_detection == {"type": "vad"}


def test_a_change_that_is_not_allowed_changes_nothing() -> None:
    agent = support()
    with pytest.raises(ValidationError):
        patch_agent(pk=agent.pk, changes={"voice": "ivy", "volume": 500})
    assert VoiceAgent.objects.get().voice == ""


def test_a_tool_is_a_function_without_saying_so() -> None:
    agent = support(tools=[{"name": "look"}, {"type": "function", "name": "end_call"}])
    assert [tool["type"] for tool in agent.tools] == ["function", "function"]


def test_nobody_sets_what_is_ours() -> None:
    for name in ("uid", "secret", "created_at", "no_such_field"):
        with pytest.raises(ValueError, match=name):
            create_agent(values=SUPPORT | {name: "x"})


def test_a_fallback_is_written_as_it_was_read() -> None:
    Connection.objects.create(name="Alice", sip_user="alice")
    Trunk.objects.create(name="carrier one")
    agent = support()
    for text in ("connection:alice", "number:+12025550100", "trunk:carrier one +44207", ""):
        patch_agent(pk=agent.pk, changes={"fallback": text})
        assert VoiceAgent.objects.get().fallback == text


def test_the_database_holds_a_fallback_to_one_place() -> None:
    alice = Connection.objects.create(name="Alice", sip_user="alice")
    trunk = Trunk.objects.create(name="t")
    agent = support()
    for fields in (
        {"fallback_connection": alice, "fallback_number": "1"},
        {"fallback_connection": alice, "fallback_trunk": trunk, "fallback_number": "1"},
        {"fallback_trunk": trunk},
        {"input_encoding": "audio/opus"},
        {"volume": 101},
        {"url": ""},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            VoiceAgent.objects.filter(pk=agent.pk).update(**fields)


def test_an_agent_that_something_leads_to_stays_and_says_what() -> None:
    agent = support()
    alice = Connection.objects.create(name="Alice", sip_user="alice", agent=agent)
    number = Number.objects.create(number="+12025550177", agent=agent)
    route = Route.objects.create(prefix="+44", last_resort_agent=agent)
    leading = ["connection alice", "number +12025550177", "route +44"]
    assert sorted(uses(agent=agent)) == leading
    assert sorted(delete_agent(pk=agent.pk)) == leading
    for row in (alice, number, route):
        row.delete()
    assert delete_agent(pk=agent.pk) == []
    assert not VoiceAgent.objects.exists()


def test_a_number_goes_to_exactly_one_of_three() -> None:
    agent, trunk = support(), Trunk.objects.create(name="t")
    for places in ({}, {"agent": agent, "trunk": trunk}):
        with pytest.raises(ValidationError, match="choose one"):
            Number(number="7", **places).full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            Number.objects.create(number="7", **places)


def test_settings_that_the_agent_is_not_told_are_named() -> None:
    assert idle_settings(support()) == {}
    stored = support(name="stored", agent_id="a1", voice="ivy")
    assert set(idle_settings(stored)) == {"system_prompt", "voice"}
    carrier = support(name="carrier", dialect="twilio")
    assert "no such setting" in idle_settings(carrier)["system_prompt"]
