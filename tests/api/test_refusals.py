"""Bodies, paths and queries that are wrong: where, which value, what is allowed."""

from typing import Any

import pytest

from agents import limits
from tests.api.programs import AGENTS, SUPPORT, Program, problems

pytestmark = pytest.mark.django_db
GONE = "(left out)"
"A key left out."

BOTH: list[tuple[dict[str, Any], str, Any, str]] = [
    ({"name": None}, "name", None, "text"),
    ({"name": ""}, "name", "", "1 to 100 of"),
    ({"name": 7}, "name", 7, "text"),
    ({"name": "a\nb"}, "name", "a\nb", "1 to 100 of"),
    ({"name": "a\n"}, "name", "a\n", "1 to 100 of"),
    ({"greeting": None}, "greeting", None, ""),
    ({"greeting": "x" * 2001}, "greeting", "x" * 200 + "...", f"up to {limits.MAX_GREETING}"),
    ({"voice": "ivy"}, "voice", "ivy", "an object"),
    ({"voice": {}}, "voice.voice_id", None, ""),
    ({"voice": {"voice_id": ""}}, "voice.voice_id", "", "1 or more"),
    ({"voice": {"voice_id": "ivy", "speed": 1}}, "voice.speed", 1, "voice_id"),
    ({"output": {"volume": False}}, "output.volume", False, "a whole number"),
    ({"output": {"volume": "60"}}, "output.volume", "60", ""),
    ({"output": {"volume": 60.0}}, "output.volume", 60.0, ""),
    ({"output": {"volume": 101}}, "output.volume", 101, "100 or less"),
    ({"output": {"volume": -1}}, "output.volume", -1, "0 or more"),
    ({"output": None}, "output", None, "an object"),
    ({"output": {"format": None}}, "output.format", None, ""),
    (
        {"output": {"format": {"encoding": "audio/opus"}}},
        "output.format.encoding",
        "audio/opus",
        "audio/pcm, audio/pcmu, audio/pcma",
    ),
    (
        {"input": {"format": {"encoding": "audio/pcmu", "sample_rate": 16000}}},
        "input.format.sample_rate",
        16000,
        "8000",
    ),
    ({"input": {"format": {"sample_rate": 8000}}}, "input.format.sample_rate", 8000, "24000"),
    ({"input": {"format": {"sample_rate": True}}}, "input.format.sample_rate", True, ""),
    ({"input": {"keyterms": "one"}}, "input.keyterms", "one", "a list"),
    ({"input": {"keyterms": ["one", " "]}}, "input.keyterms.1", " ", "what matches"),
    ({"input": {"keyterms": ["\x85"]}}, "input.keyterms.0", "\x85", "what matches"),
    ({"input": {"keyterms": ["x"] * 101}}, "input.keyterms", None, "up to 100"),
    ({"input": {"turn_detection": []}}, "input.turn_detection", None, "an object"),
    ({"input": {"turn_detection": {"a": "x" * 2000}}}, "input.turn_detection", None, "2000"),
    ({"tools": [{"type": "function"}]}, "tools.0.name", None, ""),
    ({"tools": [{"name": "a b"}]}, "tools.0.name", "a b", "1 to 64"),
    ({"tools": [{"name": "a", "type": "http"}]}, "tools.0.type", "http", "'function'"),
    ({"tools": [{"name": "a", "strict": True}]}, "tools.0.strict", True, "type, name"),
    ({"tools": [{"name": "a"}, {"name": "a"}]}, "tools.1.name", "a", "each name once"),
    ({"dialect": "sip"}, "dialect", "sip", "assemblyai, openai, plivo, twilio"),
    ({"url": "https://x.example"}, "url", "https://x.example", "ws://"),
    ({"url": "wss://u:p@x.example/"}, "url", "wss://u:p@x.example/", "without user name"),
    ({"codecs": ["PCMU", "MP3"]}, "codecs.1", "MP3", "PCMU"),
    ({"codecs": ["PCMU", "PCMU"]}, "codecs", None, ""),
    ({"fallback": "bob"}, "fallback", "bob", "connection:SIP_USER"),
    ({"fallback": "connection:nobody"}, "fallback", "connection:nobody", "connection"),
    ({"max_duration_s": 0}, "max_duration_s", 0, "1 or more"),
    ({"ready_timeout_s": None}, "ready_timeout_s", None, ""),
    ({"ready_timeout_s": 61}, "ready_timeout_s", 61, "60 or less"),
    ({"headers": {"X-A": "a b"}}, "headers.X-A", "a b", "1 to 64"),
    ({"headers": {"Authorization": "a"}}, "headers", None, "credentials"),
    ({"enabled": 1}, "enabled", 1, "true or false"),
    ({"secret": "sk\nX-Evil: 1"}, "secret", "***", "printable ASCII"),
    ({"secret": 7}, "secret", "***", ""),
    ({"id": "x"}, "id", "x", "name"),
    ({"created_at": "now"}, "created_at", "now", "dialect, url"),
]
NEW: list[tuple[dict[str, Any], str, Any, str]] = [
    ({"name": GONE}, "name", None, ""),
    ({"system_prompt": GONE}, "agent_id", None, "system prompt"),
    ({"dialect": "twilio"}, "url", None, ""),
    (
        {"dialect": "twilio", "url": "wss://x.example/?a=b"},
        "url",
        "wss://x.example/?a=b",
        "no query",
    ),
    ({"secret": "***"}, "secret", "***", ""),
]


def refused(answer: Any, at: str, value: Any, allowed: str) -> None:
    ours = [one for one in problems(answer) if one[0] == (f"body.{at}" if at else "body")]
    assert ours, answer.json()
    assert ours[0][1] == value
    assert type(ours[0][1]) is type(value)
    assert allowed in (ours[0][2] or ""), ours[0][2]


def named(case: Any) -> str:
    return str(case)[:60] if isinstance(case, dict) else ""


@pytest.mark.parametrize(("body", "at", "value", "allowed"), BOTH + NEW, ids=named)
def test_a_new_agent_is_refused_by_field_and_value(
    crm: Program, body: dict[str, Any], at: str, value: Any, allowed: str
) -> None:
    sent = {name: given for name, given in (SUPPORT | body).items() if given != GONE}
    refused(crm.post(sent), at, value, allowed)
    assert crm.get().json()["agents"] == []


@pytest.fixture
def kept(crm: Program) -> dict[str, Any]:
    return crm.made()


@pytest.mark.parametrize(("body", "at", "value", "allowed"), BOTH, ids=named)
def test_a_change_is_refused_by_field_and_value(
    crm: Program, kept: dict[str, Any], body: dict[str, Any], at: str, value: Any, allowed: str
) -> None:
    refused(crm.patch(kept["id"], body), at, value, allowed)
    assert crm.get(f"{AGENTS}/{kept['id']}").json() == kept


def test_the_rate_of_a_change_is_held_against_the_format_that_is_kept(
    crm: Program, kept: dict[str, Any]
) -> None:
    rate = {"input": {"format": {"sample_rate": 24000}}}
    assert crm.patch(kept["id"], rate).status_code == 200
    both = {"input": {"format": {"encoding": "audio/pcmu", "sample_rate": 24000}}}
    refused(crm.patch(kept["id"], both), "input.format.sample_rate", 24000, "8000")


@pytest.mark.parametrize("body", [None, b"", b"null", b"[]", b'"x"', b"7"])
def test_a_body_that_is_no_object_is_refused(crm: Program, body: bytes | None) -> None:
    assert [at for at, _, _ in problems(crm.post(body))] == ["body"]


def test_everything_that_is_wrong_is_said_at_once_and_not_without_end(crm: Program) -> None:
    wrong = SUPPORT | {"name": None, "enabled": 1, "codecs": ["X", "Y"]}
    found = {at for at, _, _ in problems(crm.post(wrong))}
    assert found == {"body.name", "body.enabled", "body.codecs.0", "body.codecs.1"}
    assert len(problems(crm.post(SUPPORT | {"codecs": ["X"] * 100}))) == 50


@pytest.mark.parametrize(("way", "allowed"), [("", "cursor, limit"), ("/{id}", "no parameter")])
def test_a_parameter_nobody_knows_is_refused_and_those_there_are_named(
    crm: Program, way: str, allowed: str
) -> None:
    made = crm.made()
    path = f"{AGENTS}{way.format(**made)}?limti=5"
    assert problems(crm.get(path)) == [("query.limti", "limti", allowed)]


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=YWZ0ZXI6MQ==", "cursor"),
        ("cursor=YWZ0ZXI6LTE", "cursor"),
        ("cursor=" + "x" * 65, "cursor"),
        ("cursor=%00", "cursor"),
    ],
)
def test_a_query_that_is_wrong_is_refused(crm: Program, query: str, at: str) -> None:
    assert [place for place, _, _ in problems(crm.get(f"{AGENTS}?{query}"))] == [f"query.{at}"]


def test_an_id_that_is_none_is_refused(crm: Program) -> None:
    assert problems(crm.get(f"{AGENTS}/7"))[0][:2] == ("path.agent_id", "7")


@pytest.mark.parametrize("path", ["/v1/", "/v1/nothing", "/v1/agents/a/b"])
def test_an_address_that_is_none_is_answered_in_json(crm: Program, path: str) -> None:
    assert problems(crm.get(path), 404)[0][:2] == ("path", path)


def test_a_method_that_is_none_is_answered_with_those_there_are(crm: Program) -> None:
    answer = crm.send("PATCH", AGENTS)
    assert problems(answer, 405) == [("method", "PATCH", "GET, POST")]
    assert answer["Allow"] == "GET, POST"


def test_nothing_is_cached_and_the_headers_of_the_site_stand(crm: Program) -> None:
    for answer in (crm.get(), crm.get("/v1/nothing"), Program().get()):
        assert "no-store" in answer["Cache-Control"]
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_fault_of_ours_is_answered_in_the_same_shape_and_told_to_the_log(
    crm: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the database is on fire")

    monkeypatch.setattr("api.agents.endpoints.create_agent", fail)
    answer = crm.post(SUPPORT)
    assert problems(answer, 500)
    assert b"on fire" not in answer.content
    assert "on fire" in caplog.text
