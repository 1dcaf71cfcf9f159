"""Voice agents in a provisioning file, and what leads to them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from agents.models import VoiceAgent
from agents.services import create_agent
from connections.models import Connection
from provisioning.apply import provision
from provisioning.export import export
from provisioning.problems import ProvisionError
from provisioning.rows import Outcome
from trunks.models import Number, Route, Trunk

pytestmark = pytest.mark.django_db

DOCUMENTED = """\
connections:
  - {sip_user: alice, password: correct horse}
agents:
  - name: support
    dialect: assemblyai            # twilio | openai | plivo
    url: "wss://agents.assemblyai.com/v1/ws"
    secret: "sk-hunter2"                  # optional; never exported
    agent_id: "..."                # or: system_prompt, greeting, voice, tools
    system_prompt: "You are a friendly support agent."
    voice: ivy
    greeting: "Hi, how can I help?"
    input:  {encoding: audio/pcmu}                  # sample_rate optional, must fit
    output: {encoding: audio/pcm, volume: 80}
    codecs: [PCMU, G722]
    fallback: "connection:alice"   # optional: number:, connection:, trunk number
    max_duration_s: 1800           # optional
    silence_timeout_s: 60          # optional
    ready_timeout_s: 10            # optional
    headers: {X-Customer: customer_id}              # SIP header -> parameter the agent gets
numbers:
  - {number: "+12025550177", to: "agent:support"}
"""
AGENT = """\
agents:
  - name: support
    dialect: assemblyai
    url: wss://a.example/v1
    system_prompt: Hi.
"""


def apply(text: str, **options: Any) -> Outcome:
    return provision(text=text, file="f", **options)


def changes(text: str, **options: Any) -> list[str]:
    return [str(change) for change in apply(text, **options).changes]


def problems(text: str) -> list[str]:
    with pytest.raises(ProvisionError) as caught:
        apply(text)
    return [str(problem) for problem in caught.value.problems]


def test_the_documented_agent_is_applied_and_applying_it_again_changes_nothing():
    outcome = apply(DOCUMENTED)
    assert [str(change) for change in outcome.changes] == [
        "create agent support",
        "create connection alice",
        "create number +12025550177",
    ]
    assert any("system prompt is not used" in note for note in outcome.notes)
    row = VoiceAgent.objects.get()
    assert (row.dialect, row.url) == ("assemblyai", "wss://agents.assemblyai.com/v1/ws")
    assert (row.secret, row.agent_id, row.voice) == ("sk-hunter2", "...", "ivy")
    assert (row.input_encoding, row.output_encoding) == ("audio/pcmu", "audio/pcm")
    assert (row.volume, row.codecs) == (80, ["PCMU", "G722"])
    assert row.fallback == "connection:alice"
    assert (row.max_duration_s, row.silence_timeout_s, row.ready_timeout_s) == (1800, 60, 10)
    assert row.headers == {"X-Customer": "customer_id"}
    assert Number.objects.get().agent == row
    assert changes(DOCUMENTED) == []


def test_a_file_without_secret_and_enabled_keeps_them_and_resets_the_rest():
    apply(DOCUMENTED)
    VoiceAgent.objects.update(enabled=False)
    (change,) = changes(AGENT)
    assert change.startswith("update agent support: url, agent_id, system_prompt")
    row = VoiceAgent.objects.get()
    assert (row.secret, row.enabled) == ("sk-hunter2", False)
    assert (row.voice, row.volume, row.codecs, row.fallback) == ("", None, [], "")
    assert (row.input_encoding, row.max_duration_s) == ("audio/pcm", None)


def test_formats_left_out_are_the_dialects():
    apply(AGENT.replace("assemblyai", "twilio"))
    row = VoiceAgent.objects.get()
    assert (row.input_encoding, row.output_encoding) == ("audio/pcmu", "audio/pcmu")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("input: {encoding: audio/opus}", "f:6: agents[0].input.encoding = 'audio/opus': not "
         "allowed here; allowed: audio/pcm, audio/pcmu, audio/pcma"),
        ("input: {encoding: audio/pcma, sample_rate: 24000}", "f:6: agents[0].input.sample_rate = "
         "24000: not allowed here; allowed: 8000 with audio/pcma, or nothing"),
        ("output: {sample_rate: true}", "f:6: agents[0].output.sample_rate = True: not allowed "
         "here; allowed: 24000 with audio/pcm, or nothing"),
        ("output: {volume: 101}", "allowed: a whole number from 0 to 100"),
        ("output: {volume: false}", "allowed: a whole number from 0 to 100"),
        ("output: {format: audio/pcm}", "unknown key; allowed: encoding, sample_rate, volume"),
        ("ready_timeout_s: 0", "f:6: agents[0].ready_timeout_s = 0: not allowed here; allowed: a "
         "whole number from 1 to 60"),
        ("voice: 7", "a number where text belongs; put it in quotes; allowed: text"),
        ("fallback: alice", "f:6: agents[0].fallback = 'alice': not allowed here; allowed: "
         "connection:SIP_USER, number:NUMBER or trunk:NAME NUMBER, or nothing"),
        ("fallback: connection:nobody", "f:6: agents[0].fallback = 'connection:nobody': there is "
         "no connection 'nobody'; allowed: none yet"),
        ("fallback: trunk:t 7", "there is no trunk 't'"),
        ("headers: {X-A: 1a}", "f:6: agents[0].headers.X-A = '1a': not allowed here; allowed: 1 to "
         "64 of"),
        ("headers: {Authorization: a}", "'Authorization' is not allowed; allowed: any header but"),
        ("tools: [{name: ok}, {name: a b}]", "f:6: agents[0].tools[1].name = 'a b': not allowed "
         "here; allowed: 1 to 64 of A-Z a-z 0-9 _ -"),
        ("tools: [{name: 2026-01-02}]", "f:6: agents[0].tools[0].name = datetime.date(2026, 1, "
         "2): a date where text belongs; put it in quotes; allowed: what JSON can hold"),
        ("tools: [{name: a, parameters: {when: 2026-01-02}}]", "allowed: what JSON can hold"),
        ("codecs: [G723]", "'G723' is not a codec known here"),
        ("codecs: []", "a codec list cannot be empty"),
        ('secret: "a\\nb"', "f:6: agents[0].secret = (hidden): not allowed here; allowed: up"),
        ("kept_secret: hunter2", "f:6: agents[0].kept_secret = (hidden): unknown key"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_line_key_value_and_what_is_allowed(line: str, said: str):
    found = problems(f"{AGENT}    {line}\n")
    assert len(found) == 1, found
    assert said in found[0]
    assert "hunter2" not in found[0]
    assert not VoiceAgent.objects.exists()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("dialect: assemblyai", "dialect: smoke", "f:3: agents[0].dialect = 'smoke': not allowed "
         "here; allowed: assemblyai, "),
        ("wss://a", "https://a", "f:4: agents[0].url = 'https://a.example/v1': not allowed here; "
         "allowed: a ws:// or wss://"),
        ("    url: wss://a.example/v1\n", "", "the key url is missing"),
        ("Hi.", "''", "allowed: stored agent or system prompt"),
        ("support", "su/pport", "allowed: 1 to 100 of"),
    ],
)  # fmt: skip
def test_what_an_agent_needs_is_asked_for(before: str, after: str, said: str):
    found = problems(AGENT.replace(before, after))
    assert len(found) == 1, found
    assert said in found[0]


def test_a_tool_without_its_type_is_stored_once_and_for_all():
    text = f"{AGENT}    tools: [{{name: look}}]\n"
    apply(text)
    assert VoiceAgent.objects.get().tools == [{"type": "function", "name": "look"}]
    assert changes(text) == []


def test_two_agents_of_one_name_are_refused():
    assert "duplicate agent name" in problems(AGENT + AGENT.partition("\n")[2])[0]


LEADING = """\
connections:
  - {sip_user: alice, password: correct horse, agent: {to: "agent:support", when: busy}}
trunks:
  - {name: carrier one, out: {gateways: [{uri: "sip:192.0.2.1"}]}}
numbers:
  - {number: "7", to: "agent:support"}
routes:
  - {prefix: "+", trunks: [carrier one], last_resort: "agent:support"}
"""


def test_connections_numbers_and_routes_lead_to_an_agent_that_falls_back_to_one_of_them():
    text = LEADING + AGENT + '    fallback: "connection:alice"\n'
    apply(text)
    row = VoiceAgent.objects.get()
    alice = Connection.objects.get()
    assert (alice.agent, alice.agent_when) == (row, "busy")
    assert (Number.objects.get().agent, Route.objects.get().last_resort_agent) == (row, row)
    assert row.fallback_connection == alice
    assert changes(text) == []
    assert changes(text.replace("connection:alice", "trunk:carrier one +44")) == [
        "update agent support: fallback"
    ]
    assert VoiceAgent.objects.get().fallback == "trunk:carrier one +44"
    assert changes(LEADING.replace(', last_resort: "agent:support"', "")) == [
        "update route +: last_resort_agent"
    ]


@pytest.mark.parametrize(
    "line",
    [
        'numbers: [{number: "7", to: "agent:nobody"}]',
        'connections: [{sip_user: a, agent: {to: "agent:nobody"}}]',
        'trunks: [{name: t}]\nroutes: [{prefix: "1", trunks: [t], last_resort: "agent:nobody"}]',
    ],
)
def test_a_reference_to_no_agent_is_refused(line: str):
    (found,) = problems(f"{AGENT}{line}\n")
    assert "there is no agent 'nobody'; allowed: support" in found


def test_pruning_takes_agents_that_lead_in_a_circle():
    apply(LEADING + AGENT + '    fallback: "connection:alice"\n')
    apply("connections: []\ntrunks: []\nagents: []\nnumbers: []\nroutes: []\n", prune=True)
    for model in (VoiceAgent, Connection, Trunk, Number, Route):
        assert not model.objects.exists()


def test_an_agent_that_something_leads_to_is_not_pruned():
    apply(LEADING + AGENT)
    with pytest.raises(ProvisionError, match="cannot be pruned"):
        apply("agents: []\n", prune=True)
    assert VoiceAgent.objects.exists()


def test_an_export_holds_everything_but_the_secret_and_can_be_taken_elsewhere():
    apply(LEADING + DOCUMENTED[DOCUMENTED.index("agents:") : DOCUMENTED.index("numbers:")])
    row = VoiceAgent.objects.get()
    row.system_prompt = 'Two lines:\n"quoted" \\ and a tab\t, \u2028, \U0001f600.'
    row.tools = [
        {
            "type": "function",
            "name": "look",
            "parameters": {"a": [1, 1e-05, 2.5e20, None, True, "no", "1"]},
        }
    ]
    row.turn_detection, row.keyterms = {"type": "vad", "on": False}, ["VoIP", "yes"]
    row.transcription_model = "whisper-1"
    row.answers_at_once, row.keeps_transcript, row.enabled = True, False, False
    row.save()
    text = export()
    assert "hunter2" not in text
    assert "# secret: never exported" in text
    assert changes(text) == []
    before = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    for model in (Number, Route):
        model.objects.all().delete()
    Connection.objects.update(agent=None)
    VoiceAgent.objects.all().delete()
    apply(text)
    after = VoiceAgent.objects.get()
    apart = {"id", "uid", "secret", "created_at", "updated_at"}
    kept = {name: getattr(after, name) for name in before.keys() - apart}
    assert kept == {name: value for name, value in before.items() if name not in apart}
    assert export().replace(" ", "") == text.replace(
        "    # secret: never exported; without this key the one kept here stays\n", ""
    ).replace(" ", "")


def test_the_secrets_of_tools_are_in_no_export_and_stay():
    headers = {"Authorization": "Bearer hunter2", "X": "1"}
    tools = [{"type": "function", "name": "look", "http": {"headers": headers}}]
    apply(AGENT)
    VoiceAgent.objects.update(tools=tools)
    text = export()
    assert "hunter2" not in text
    assert changes(text) == []
    assert VoiceAgent.objects.get().tools == tools
    VoiceAgent.objects.all().delete()
    found = problems(text)
    assert len(found) == 2
    assert "agents[0].tools[0].http.headers.Authorization = '***': *** stands for a" in found[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"))
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


class AnySettingSurvives(HypothesisTestCase):
    @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), JSON, max_size=3))
    def test_export_and_import(self, turn_detection):
        if "\\x00" in repr(turn_detection):
            return  # no database keeps it
        values = {"name": "a", "dialect": "assemblyai", "url": "wss://a", "system_prompt": "x"}
        create_agent(values=values | {"turn_detection": turn_detection})
        outcome = provision(text=export(), file="f")
        assert outcome.changes == []


def test_the_file_of_the_documentation_is_one(settings):
    text = (settings.BASE_DIR / "docs" / "provisioning.md").read_text()
    file = text.partition("```yaml\n")[2].partition("```")[0]
    assert "create agent support" in changes(file)
    assert changes(file) == []
