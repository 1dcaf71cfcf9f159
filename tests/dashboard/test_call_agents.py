"""The voice agent on a call's page: the second party, what it costs in time, what is said."""

import json
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from callengine.core.snapshot import CallSnapshot
from dashboard.calls.agents import present_agent
from dashboard.calls.presenters import present_call, present_row
from tests.dashboard.live import agentcalls, demo
from tests.dashboard.live.conftest import fresh_channel_layer, operator, viewer
from tests.dashboard.live.test_pages import FRAGMENT, Engine
from tests.dashboard.subscribers import words

__all__ = ["fresh_channel_layer", "operator", "viewer"]


def page(client: Client, call: CallSnapshot) -> str:
    response = client.get(f"/calls/{call['id']}/")
    assert response.status_code == HTTPStatus.OK
    return words(response.content.decode())


def test_the_agent_has_a_level_as_the_caller_has(viewer: Client) -> None:
    call = agentcalls.store(agentcalls.call())
    html = viewer.get(f"/calls/{call['id']}/").content.decode()
    assert ('id="level-A"' in html, 'id="level-B"' in html) == (True, True)


def test_the_agent_is_the_second_party_with_formats_and_no_codec(viewer: Client) -> None:
    text = page(viewer, agentcalls.store(agentcalls.call()))
    assert "Leg B voice agent, support" in text
    assert "Ready AssemblyAI" in text
    assert "Session sess_01JZ8GQ4W6" in text
    assert "Caller to agent audio/pcmu bytes pass untouched" in text
    assert "Agent to caller audio/pcm resampled 24 → 8 kHz" in text
    assert "Waiting to be played 1240 ms Barge-ins 2 Closed -" in text
    assert "PCMU to the voice agent support" in text
    assert "We offer (VN-B)" not in text


def test_times_say_what_is_ours_and_what_is_the_agents(viewer: Client) -> None:
    text = page(viewer, agentcalls.store(agentcalls.call()))
    assert "Connected 82 ms the network" in without_times(text)
    assert "Ready to talk 412 ms the agent" in without_times(text)
    assert "First audio of the agent 950 ms the agent" in without_times(text)
    assert "First of it sent to the caller 45 ms ours" in without_times(text)
    assert "Until its first word: the agent 1362 ms, the network 82 ms, ours 45 ms." in text


def without_times(text: str) -> str:
    return " ".join(word for word in text.split() if word.count(":") != 2)


def test_nothing_waits_to_be_played_once_a_session_is_over() -> None:
    assert present_agent(agentcalls.session(state="ended")).queue == "-"


def test_steps_that_have_not_come_are_empty() -> None:
    asked = agentcalls.session(moments={"asked": "2026-01-02T03:04:05+00:00"}, state="connecting")
    view = present_agent(asked)
    assert [step.took for step in view.steps] == [""] * 5
    assert view.shares == ""
    assert view.badge.word == "Connecting"


def test_a_clock_that_jumps_makes_no_time_below_zero() -> None:
    moments = {"asked": "2026-01-02T03:04:05+00:00", "connected": "2026-01-02T03:04:04+00:00"}
    assert present_agent(agentcalls.session(moments=moments)).steps[1].took == "0 ms"


def test_the_record_says_how_the_socket_closed_and_what_to_do(viewer: Client) -> None:
    text = page(viewer, agentcalls.store(agentcalls.lost()))
    assert "Cut off by the voice agent" in text
    assert "Rule agent-lost SIP 503" in text
    assert "Closed 1011, internal error" in text
    assert "give the agent a fallback" in text


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [(1000, "", "1000, a normal end"), (1008, "no key", "1008, no key"), (4321, "", "4321")],
)
def test_close_codes_are_told_in_words(code: int, reason: str, told: str) -> None:
    session = agentcalls.session(close_code=code, close_reason=reason)
    assert present_agent(session).close == told


def test_what_was_said_stands_on_the_page_in_order(viewer: Client) -> None:
    text = page(viewer, agentcalls.store(agentcalls.call()))
    places = [text.index(said) for _, said, _ in agentcalls.LINES]
    assert places == sorted(places)
    assert "the number that begins with (interrupted)" in text
    assert "Tool look_up_parcel: done" in text


def test_an_agent_that_keeps_no_transcript_says_so(viewer: Client) -> None:
    silent = agentcalls.call(agents=[agentcalls.session(keeps_transcript=False)])
    text = page(viewer, agentcalls.store(silent, lines=[]))
    assert "What is said is not kept: its agent is set so." in text


def test_an_agent_that_was_left_for_a_person_stays_on_the_page(viewer: Client) -> None:
    alice = demo.leg("B2", label="Alice")
    call = agentcalls.call(
        legs=[*agentcalls.legs(), alice],
        agents=[agentcalls.session(state="ended", close_code=1000)],
        destination="connection:alice",
    )
    text = page(viewer, agentcalls.store(call))
    assert "Leg B2 callee, Alice" in text
    assert "Leg B voice agent, support has left" in text


def test_a_person_who_is_left_for_an_agent_is_not_the_callee_any_more() -> None:
    caller, agent = agentcalls.legs()
    call = agentcalls.call(
        legs=[caller, demo.leg("B", label="Alice"), {**agent, "name": "B2"}],
        agents=[agentcalls.session(leg="B2")],
    )
    view = present_call(call, now=agentcalls.timezone.now())
    assert view.leg_b is not None
    assert view.leg_b.agent is not None
    assert [leg.title for leg in view.also_rung] == ["Alice"]


def test_before_its_session_is_heard_of_the_leg_is_an_agents_all_the_same() -> None:
    caller, agent = agentcalls.legs()
    call = agentcalls.call(legs=[caller, {**agent, "remote": ""}], agents=[])
    view = present_call(call, now=agentcalls.timezone.now())
    assert view.leg_b is not None
    assert view.leg_b.agent is not None
    assert view.leg_b.agent.badge.word == "No session"


def test_lists_name_the_agent_where_others_have_a_codec(viewer: Client) -> None:
    agentcalls.store(agentcalls.call())
    agentcalls.store(agentcalls.lost())
    assert "voice agent" in words(viewer.get("/calls/").content.decode())
    assert "voice agent" in words(viewer.get("/history/").content.decode())
    row = present_row(agentcalls.call(), now=agentcalls.timezone.now())
    assert (row.agent, row.chip_b) == ("support", None)


def test_texts_of_an_agent_are_no_markup(viewer: Client) -> None:
    markup = "<script>alert(1)</script>"
    session = agentcalls.session(
        name=markup, session_id=markup, close_code=1, close_reason=markup, how_in=markup
    )
    call = agentcalls.call(agents=[session])
    stored = agentcalls.store(call, lines=[agentcalls.line(1, "agent", markup)])
    assert markup not in viewer.get(f"/calls/{stored['id']}/").content.decode()


# Settings that change in a call


def change(client: Client, call: CallSnapshot, **fields: str) -> tuple[int, str]:
    response = client.post(f"/calls/{call['id']}/agent/", fields, headers=FRAGMENT)
    return response.status_code, words(response.content.decode())


def sent(engine: Engine) -> list[dict[str, Any]]:
    return [json.loads(command["settings"]) for command in engine.commands()]


def test_prompt_tools_and_volume_are_told_to_the_engine(operator: Client) -> None:
    call, engine = agentcalls.store(agentcalls.call()), Engine()
    tools = [{"name": "end_call"}]
    code, text = change(
        operator, call, system_prompt="Be brief.", tools=json.dumps(tools), volume="0"
    )
    assert code == HTTPStatus.OK
    assert "The agent is told: system_prompt, tools, volume." in text
    (command,) = engine.commands()
    assert {k: v for k, v in command.items() if k != "settings"} == {
        "type": "engine.command",
        "command": "agent-change",
        "call": call["id"],
        "leg": "B",
        "by": "operator",
    }
    settings = json.loads(command["settings"])
    assert settings == {"system_prompt": "Be brief.", "tools": tools, "volume": 0}


def test_without_javascript_it_leads_back_to_the_call(operator: Client) -> None:
    call = agentcalls.store(agentcalls.call())
    response = operator.post(f"/calls/{call['id']}/agent/", {"volume": "40"}, follow=True)
    assert "The agent is told: volume." in response.content.decode()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "Nothing was changed"),
        ({"volume": "101"}, "less than or equal to 100"),
        ({"tools": "end_call"}, "This is no JSON. Allowed: a list of tools."),
        ({"tools": '[{"name": "a b"}]'}, "'a b' is not allowed; allowed: 1 to 64 of"),
        ({"voice": "ivy"}, "voice cannot change during a call: the agent's server fixes it"),
        ({"greeting": "Hi"}, "greeting cannot change during a call"),
        ({"output_encoding": "audio/pcmu"}, "output_encoding cannot change during a call"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    operator: Client, fields: dict[str, str], complaint: str
) -> None:
    call, engine = agentcalls.store(agentcalls.call()), Engine()
    code, text = change(operator, call, **fields)
    assert code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert complaint in text
    assert engine.commands() == []


def test_a_platform_that_changes_nothing_says_why(operator: Client) -> None:
    twilio = agentcalls.call(agents=[agentcalls.session(dialect="twilio")])
    code, text = change(operator, agentcalls.store(twilio), system_prompt="Be brief.")
    assert code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "the agent's own server keeps its settings" in text


def test_no_agent_that_is_up_is_nothing_to_change(operator: Client) -> None:
    for call in (demo.store(demo.call()), agentcalls.store(agentcalls.lost())):
        code, text = change(operator, call, volume="40")
        assert code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "No agent is up in this call" in text


def test_the_form_is_an_operators_and_of_calls_that_are_up(
    operator: Client, viewer: Client
) -> None:
    call = agentcalls.store(agentcalls.call())
    assert "Change agent" in page(operator, call)
    assert "Change agent" not in page(viewer, call)
    assert "Change agent" not in page(operator, agentcalls.store(agentcalls.lost()))
    # Where no agent has the call it is there, hidden: the call may be transferred to one.
    assert "agent-now" not in page(operator, demo.store(demo.call()))
    assert change(viewer, call, volume="1")[0] == HTTPStatus.FORBIDDEN
