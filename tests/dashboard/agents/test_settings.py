"""An agent's settings: only what its dialect uses, a secret nobody reads, two people at one row."""

import datetime as dt
import html
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import VoiceAgent
from connections.models import Connection
from tests.dashboard.agents.some import SECRET, agent, shown
from tests.dashboard.carriers import at, said, text
from trunks.models import Number, Trunk

pytestmark = pytest.mark.django_db


def stored() -> VoiceAgent:
    return VoiceAgent.objects.get()


# By dialect


@pytest.mark.parametrize(
    ("dialect", "there", "not_there"),
    [
        ("assemblyai", {"agent_id", "system_prompt", "tools", "keyterms"}, set()),
        ("openai", {"system_prompt", "voice", "transcription_model"}, {"agent_id", "keyterms"}),
        ("twilio", {"url", "new_secret"}, {"system_prompt", "tools", "voice", "agent_id"}),
        ("plivo", {"url", "new_secret"}, {"system_prompt", "greeting", "turn_detection"}),
    ],
)
def test_choosing_a_dialect_shows_what_it_uses_and_stores_nothing(
    admin: Client, dialect: str, there: set[str], not_there: set[str]
) -> None:
    row = agent()
    typed = {**shown(admin, row, "settings"), "dialect": dialect, "url": "wss://typed.example"}
    for headers in ({}, {"HX-Request": "true"}):
        answer = admin.post(at("agent-settings", row.pk), {**typed, "do": "show"}, headers=headers)
        fields = answer.context["form"].fields.keys()
        assert there <= fields
        assert not not_there & fields
        assert 'value="wss://typed.example"' in text(answer)
        assert answer.status_code == 200
    assert "<html" not in text(answer)
    assert (stored().dialect, stored().url) == ("assemblyai", row.url)


def test_what_a_dialect_does_not_use_stays_stored(admin: Client) -> None:
    row = agent(voice="ivy")
    form = {**shown(admin, row, "settings"), "dialect": "twilio"}
    said(admin, admin.post(at("agent-settings", row.pk), form))
    assert (stored().dialect, stored().voice) == ("twilio", "ivy")
    assert "The voice is not used: Twilio Media Streams has no such setting" in text(
        admin.get(at("agent", row.pk))
    )


def test_formats_that_the_new_dialect_lacks_become_those_it_has(admin: Client) -> None:
    row = agent(input_encoding="audio/pcm", output_encoding="audio/pcma")
    form = {**shown(admin, row, "settings"), "dialect": "plivo"}
    page = text(admin.post(at("agent-settings", row.pk), {**form, "do": "show"}))
    assert "This dialect cannot carry the formats that are set now" in page
    said(admin, admin.post(at("agent-settings", row.pk), form))
    assert (stored().input_encoding, stored().output_encoding) == ("audio/pcmu", "audio/pcmu")


def test_a_fault_of_a_field_that_is_not_here_is_told_above_the_form(admin: Client) -> None:
    row = agent()
    VoiceAgent.objects.update(dialect="twilio", input_encoding="audio/pcmu")
    form = {**shown(admin, row, "calls"), "silence_timeout_s": "30"}
    answer = admin.post(at("agent-calls", row.pk), form)
    assert answer.status_code == 422
    assert "Output format: &#x27;audio/pcm&#x27; is not allowed; allowed: audio/pcmu" in text(
        answer
    )


# The secret


def test_the_secret_is_kept_replaced_and_removed_and_never_shown(admin: Client) -> None:
    row = agent()
    address = at("agent-settings", row.pk)
    page = text(admin.get(address))
    assert "It is set, and never shown." in page
    form = shown(admin, row, "settings")
    for change, secret in [
        ({}, SECRET),
        ({"new_secret": "another-key"}, "another-key"),
        ({"secret_remove": "on"}, ""),
    ]:
        page = said(admin, admin.post(address, {**form, **change}))
        assert stored().secret == secret
        assert not {SECRET, "another-key"} & set(page.split('"'))
    assert "secret_remove" not in admin.get(address).context["form"].fields
    answer = admin.post(address, {**form, "new_secret": "not-to-be-shown", "url": "x"})
    assert answer.status_code == 422
    assert "not-to-be-shown" not in text(answer)
    assert stored().secret == ""


def test_secrets_within_tools_are_kept_and_not_shown(admin: Client) -> None:
    http = {"url": "https://a.example", "headers": {"Authorization": "Bearer tool-key"}}
    row = agent(tools=[{"name": "look_up", "http": http}])
    form = shown(admin, row, "settings")
    assert '"Authorization": "***"' in form["tools"]
    page = said(admin, admin.post(at("agent-settings", row.pk), {**form, "voice": "ivy"}))
    assert "tool-key" not in page
    assert stored().tools[0]["http"] == http
    VoiceAgent.objects.update(voice="theirs", tools=[{"name": "other", "http": http}])
    again = {**form, "voice": "mine"}
    assert "***&#x27; is not allowed; allowed: the value: none is kept" in text(
        admin.post(at("agent-settings", row.pk), again)
    )
    answer = text(admin.post(at("agent-settings", row.pk), {**again, "tools": ""}))
    assert "tools: 1 entries" in answer
    assert "tool-key" not in answer


# JSON and lines


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("tools", '[\n {"name": 7}\n]', "Line 2: [0].name: 7 is not allowed; allowed: 1 to 64"),
        ("tools", '[{"name": "a"},\n {"name": "a"}]', "Line 2: [1].name: &#x27;a&#x27; is not"),
        ("tools", '[{"name": "a", "nmae": 1}]', "Line 1: [0]: &#x27;nmae&#x27; is not allowed"),
        ("tools", '[{"name": "50%"}]', "&#x27;50%&#x27; is not allowed"),
        ("tools", "[", "Line 1, column 2: expecting value."),
        ("tools", "{}", "Line 1: {} is not allowed; allowed: a list"),
        ("turn_detection", '{"a":\n NaN}', "Line 2: .a: nan is not allowed"),
        ("turn_detection", "[1]", "Line 1: [1] is not allowed; allowed: a mapping"),
        ("keyterms", f"Meier\n\n{'x' * 101}", "Line 3: [1]: &#x27;xxx"),
    ],
)
def test_what_is_wrong_with_json_is_said_with_line_and_key(
    admin: Client, field: str, typed: str, sentence: str
) -> None:
    row = agent()
    form = {**shown(admin, row, "settings"), field: typed}
    answer = admin.post(at("agent-settings", row.pk), form)
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert answer.context["form"][field].value() == typed


def test_json_and_lists_are_stored_and_shown_again(admin: Client) -> None:
    row = agent()
    typed = {
        "tools": '[{"name": "end_call", "description": "Grüße"}]',
        "keyterms": "Meier\r\n\r\n Müller \r\n",
        "turn_detection": '{"type": "server_vad"}',
    }
    said(
        admin, admin.post(at("agent-settings", row.pk), {**shown(admin, row, "settings"), **typed})
    )
    row = stored()
    assert row.tools == [{"type": "function", "name": "end_call", "description": "Grüße"}]
    assert row.keyterms == ["Meier", "Müller"]
    assert row.turn_detection == {"type": "server_vad"}
    again = shown(admin, row, "settings")
    assert "Grüße" in again["tools"]
    assert again["keyterms"] == "Meier\nMüller"
    emptied = dict.fromkeys(typed, "")
    said(admin, admin.post(at("agent-settings", row.pk), {**again, **emptied}))
    assert (stored().tools, stored().keyterms, stored().turn_detection) == ([], [], {})


# Two people at one row


def test_an_agent_changed_meanwhile_is_not_overwritten(admin: Client) -> None:
    row = agent()
    form = {**shown(admin, row, "settings"), "voice": "mine"}
    VoiceAgent.objects.update(system_prompt="theirs")
    answer = admin.post(at("agent-settings", row.pk), form)
    assert "somebody else changed this meanwhile. Stored now: " in text(answer)
    assert "system prompt: theirs" in text(answer)
    assert stored().voice == ""
    again = {**form, "revision": answer.context["form"]["revision"].value()}
    said(admin, admin.post(at("agent-settings", row.pk), again))
    assert (stored().voice, stored().system_prompt) == ("mine", "Be kind.")


def test_two_parts_of_an_agent_do_not_undo_each_other(admin: Client) -> None:
    row = agent()
    forms = {part: shown(admin, row, part) for part in ("settings", "audio", "calls")}
    changes = {
        "settings": {"voice": "ivy", "new_secret": "another-key"},
        "audio": {"input_encoding": "audio/pcmu", "volume": "80"},
        "calls": {"max_duration_s": "1800"},
    }
    for part, change in changes.items():
        said(admin, admin.post(at(f"agent-{part}", row.pk), {**forms[part], **change}))
    kept = stored()
    assert (kept.voice, kept.secret) == ("ivy", "another-key")
    assert (kept.input_encoding, kept.volume, kept.max_duration_s) == ("audio/pcmu", 80, 1800)


def test_saving_moves_the_time_of_the_last_change(admin: Client) -> None:
    row = agent()
    long_ago = timezone.now() - dt.timedelta(days=1)
    for part, change in [("settings", "voice"), ("audio", "volume"), ("calls", "max_duration_s")]:
        VoiceAgent.objects.update(updated_at=long_ago)
        form = {**shown(admin, row, part), change: "60"}
        said(admin, admin.post(at(f"agent-{part}", row.pk), form))
        assert stored().updated_at > long_ago, part


# Formats


@pytest.mark.parametrize(
    ("asked", "lines", "remark"),
    [
        (
            {"codec": ["PCMU", "G722"], "input_encoding": "audio/pcmu"},
            [("PCMU", "matches G.711 on the phone leg: bytes pass untouched")],
            "telephone quality",
        ),
        (
            {"codec": ["G722"], "output_encoding": "audio/pcm", "direction": "output"},
            [("G722", "resampled 24 → 16 kHz")],
            "",
        ),
        (
            {"codec": ["OPUS", "PCMA"], "input_encoding": "audio/pcma", "follows": "1"},
            [
                ("PCMA", "matches G.711 on the phone leg: bytes pass untouched"),
                ("OPUS", "resampled"),
            ],
            "",
        ),
        ({"codec": []}, [], ""),
        ({"codec": ["NONSENSE"]}, [], ""),
    ],
)
def test_what_a_format_means_follows_what_is_typed(
    admin: Client, asked: dict[str, Any], lines: list[tuple[str, str]], remark: str
) -> None:
    row = agent()
    answer = admin.get(at("agent-meaning-fragment", row.pk), asked)
    told = answer.context["meaning"]
    assert [line.chips[0].name for line in told.lines][: len(lines)] == [name for name, _ in lines]
    for line, (_, words) in zip(told.lines, lines, strict=False):
        assert line.text.startswith(words)
    assert remark in told.remark
    assert ("No codec is selected" in text(answer)) is (not told.lines)


def test_a_format_there_is_not_has_no_meaning(admin: Client) -> None:
    row = agent()
    answer = admin.get(at("agent-meaning-fragment", row.pk), {"input_encoding": "audio/flac"})
    assert answer.status_code == 400
    assert "allowed: audio/pcm, audio/pcmu, audio/pcma" in text(answer)


def test_only_the_formats_of_the_dialect_are_offered(admin: Client) -> None:
    row = agent(dialect="twilio", input_encoding="audio/pcmu", output_encoding="audio/pcmu")
    form = admin.get(at("agent-audio", row.pk)).context["form"]
    assert [value for value, _ in form.fields["input_encoding"].choices] == ["audio/pcmu"]
    assert "volume" not in form.fields
    answer = admin.post(at("agent-audio", row.pk), {"input_encoding": "audio/pcm"})
    assert answer.status_code == 422
    assert "audio/pcm is not one of the available choices" in text(answer)


# Calls


@pytest.mark.parametrize(
    ("typed", "reference", "words"),
    [
        ("alice", "connection:alice", "Alice (alice)"),
        ("Alice (alice)", "connection:alice", "Alice (alice)"),
        ("connection:alice", "connection:alice", "Alice (alice)"),
        ("+1 202 555 0100", "number:+12025550100", "+12025550100"),
        ("desk", "number:desk", "desk"),
        ("number:bell", "number:bell", "bell"),
        *(
            (typed, "trunk:carrier-one +12025550100", "+12025550100 via carrier-one")
            for typed in (
                "+1 202 555 0100 via carrier-one",
                "+12025550100 Via carrier-one (trunk)",
                "trunk:carrier-one +12025550100",
            )
        ),
        ("", "", ""),
    ],
)
def test_a_fallback_is_taken_as_people_write_it(
    admin: Client, typed: str, reference: str, words: str
) -> None:
    Number.objects.create(number="desk", selftest="echo")
    Connection.objects.create(name="Alice", sip_user="alice")
    Trunk.objects.create(name="carrier-one")
    row = agent(fallback_number="999")
    form = {**shown(admin, row, "calls"), "fallback": typed}
    said(admin, admin.post(at("agent-calls", row.pk), form))
    assert stored().fallback == reference
    assert shown(admin, row, "calls").get("fallback", "") == words


def test_whatever_is_offered_as_a_fallback_is_taken(admin: Client) -> None:
    """A trunk alone was offered, and then refused."""
    Connection.objects.create(name="Alice", sip_user="alice")
    Trunk.objects.create(name="carrier-one")
    row = agent()
    page = text(admin.get(at("agent-calls", row.pk)))
    (asked,) = re.findall(r'data-combobox="([^"]+)"', page)
    offered = re.findall(r'data-value="([^"]+)"', text(admin.get(html.unescape(asked))))
    assert "Alice (alice)" in offered
    chosen = re.findall(r'<option value="([^"]+)"', page[page.index("fallback_chosen") :])
    sent = [("fallback", one) for one in offered] + [("fallback_chosen", one) for one in chosen]
    for name, value in sent:
        form = {**shown(admin, row, "calls"), name: value}
        said(admin, admin.post(at("agent-calls", row.pk), form))
        assert stored().fallback == "connection:alice"
        VoiceAgent.objects.update(fallback_connection=None)


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("fallback", "connection:nobody", "Nobody here is &#x27;connection:nobody&#x27;"),
        ("fallback", "trunk:carrier-one", "such as +12025550100 via carrier-one."),
        ("fallback", "carrier-one", "carrier-one is a trunk: write what is dialled through it"),
        ("fallback", "1 via nobody", "Nobody here is &#x27;nobody&#x27;; allowed: the name of"),
        ("fallback", "sales desk", "Nobody here is &#x27;sales desk&#x27;; allowed: the SIP user"),
        ("headers", "X-Customer", "Line 1: write a SIP header and a parameter"),
        ("headers", "X-A: a\nX-A: b", "Line 2: X-A is named twice."),
        ("headers", "X-A: a\n\nAuthorization: b", "any header but those with credentials"),
        ("headers", "X-A: a\nX-B: 1b", "Line 2: X-B: &#x27;1b&#x27; is not allowed"),
        ("ready_timeout_s", "0", "greater than or equal to 1"),
        ("max_duration_s", "-1", "greater than or equal to"),
    ],
)
def test_what_is_wrong_with_calls_is_said(
    admin: Client, field: str, typed: str, sentence: str
) -> None:
    row = agent()
    Trunk.objects.create(name="carrier-one")
    form = {**shown(admin, row, "calls"), field: typed}
    answer = admin.post(at("agent-calls", row.pk), form)
    assert answer.status_code == 422
    assert sentence in text(answer)


def test_headers_are_stored_and_shown_a_line_each(admin: Client) -> None:
    row = agent()
    form = {**shown(admin, row, "calls"), "headers": "X-Customer: customer_id\r\nX-Tier:tier"}
    said(admin, admin.post(at("agent-calls", row.pk), form))
    assert stored().headers == {"X-Customer": "customer_id", "X-Tier": "tier"}
    assert shown(admin, row, "calls")["headers"] == "X-Customer: customer_id\nX-Tier: tier"
    unchecked = {key: value for key, value in form.items() if key != "keeps_transcript"}
    unchecked["revision"] = shown(admin, row, "calls")["revision"]
    said(admin, admin.post(at("agent-calls", row.pk), unchecked))
    assert not stored().keeps_transcript
