"""What may stand in the fields of a voice agent, and what is said when it may not."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from agents import limits, shapes
from agents.models import VoiceAgent
from agents.services import create_agent
from agents.validators import (
    check_sample_rate,
    validate_encoding,
    validate_secret,
    validate_websocket_url,
)


@pytest.mark.parametrize(
    "url",
    [
        "wss://agents.assemblyai.com/v1/ws",
        "ws://127.0.0.1:8765",
        "wss://[2001:db8::1]:443/a/b?model=x&y=%20",
        "wss://agents.example",
    ],
)
@pytest.mark.django_db
def test_an_address_of_a_websocket_is_allowed(url: str) -> None:
    values = {"name": "a", "dialect": "openai", "url": url, "system_prompt": "p"}
    stored = create_agent(values=values)
    assert VoiceAgent.objects.get(pk=stored.pk).url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://agents.example.com/",
        "agents.example.com",
        "wss://",
        "wss:///path",
        "wss://user:word@agents.example.com/",
        "wss://agents.example.com/#part",
        "wss://agents.example.com/a b",
        "wss://agents.example.com:0/",
        "wss://agents.example.com:70000/",
        "wss://agents.example.com/\r\nX-Header: 1",
        "wss://ägents.example.com/",
        "wss://a/" + "x" * limits.MAX_URL,
    ],
)
def test_any_other_address_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(ValidationError, match="allowed: a ws:// or wss:// address"):
        validate_websocket_url(url)


@pytest.mark.parametrize("secret", ["a\r\nX: y", "ü", " key", "x" * (limits.MAX_SECRET + 1)])
def test_a_secret_that_cannot_stand_in_a_header_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_secret(secret)
    assert secret not in str(caught.value)
    assert caught.value.params["value"] == "***"


def test_an_encoding_is_one_of_three() -> None:
    with pytest.raises(ValidationError, match="'audio/opus' is not allowed; allowed: audio/pcm, "):
        validate_encoding("audio/opus")


@pytest.mark.parametrize(
    ("encoding", "rate", "allowed"),
    [
        ("audio/pcm", 24_000, ""),
        ("audio/pcmu", 8000, ""),
        ("audio/pcm", 16_000, "24000 with audio/pcm, or nothing"),
        ("audio/pcma", 24_000, "8000 with audio/pcma, or nothing"),
        ("audio/pcma", "8000", "8000 with audio/pcma, or nothing"),
        ("audio/pcma", True, "8000 with audio/pcma, or nothing"),
    ],
)
def test_a_sample_rate_is_the_encodings_own(encoding: str, rate: object, allowed: str) -> None:
    if not allowed:
        check_sample_rate(encoding, rate)
        return
    with pytest.raises(ValidationError) as caught:
        check_sample_rate(encoding, rate)
    assert caught.value.params["allowed"] == allowed
    assert repr(rate) in caught.value.message % caught.value.params


TOOL = {"type": "function", "name": "end_call", "description": "Ends it.", "parameters": {}}


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([TOOL], ""),
        ([{"name": "look_up", "http": {"url": "https://x"}}], ""),
        ({}, "allowed: a list of up to 64 tools"),
        ([{"name": f"t{n}"} for n in range(65)], "allowed: a list of up to 64 tools"),
        ([TOOL, TOOL], "[1].name: 'end_call' is not allowed; allowed: each name once"),
        ([{"name": "a b"}], "[0].name: 'a b' is not allowed; allowed: 1 to 64 of A-Z a-z 0-9 _ -"),
        ([{"description": "x"}], "[0].name: None is not allowed"),
        ([TOOL | {"type": "web"}], "[0].type: 'web' is not allowed; allowed: function"),
        ([TOOL | {"strict": True}], "[0]: 'strict' is not allowed; allowed: type, name"),
        ([TOOL | {"parameters": []}], "[0].parameters: [] is not allowed; allowed: a mapping"),
        ([TOOL | {"description": 7}], "[0].description: 7 is not allowed; allowed: text"),
        (["end_call"], "[0]: 'end_call' is not allowed; allowed: a mapping"),
        ([TOOL | {"description": "x" * limits.MAX_TOOLS}], "characters of JSON"),
        ([TOOL | {"parameters": {"a": "\x00"}}], "[0].parameters.a: '\\x00' is not allowed"),
        ([TOOL | {"parameters": {"a": float("nan")}}], "allowed: a finite number"),
        ([TOOL | {"parameters": nested(20)}], "allowed: up to 16 levels"),
    ],
)
def test_tools_are_flat_functions(value: Any, said: str) -> None:
    check(shapes.validate_tools, value, said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["VoIP", "Aragón"], ""),
        ("VoIP", "allowed: a list of up to 100 words"),
        (["a", " "], "[1]: ' ' is not allowed; allowed: 1 to 100 characters"),
        ([7], "[0]: 7 is not allowed"),
        (["x" * 101], "[0]: "),
        (["\ud800"], "[0]: "),
    ],
)
def test_keyterms_are_a_list_of_words(value: Any, said: str) -> None:
    check(shapes.validate_keyterms, value, said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"X-Customer": "customer_id"}, ""),
        (["X-Customer"], "allowed: a mapping of up to 20 SIP headers to parameters"),
        ({"X Customer": "a"}, "allowed: the name of a SIP header"),
        ({"Proxy-Authorization": "a"}, "allowed: any header but those with credentials"),
        ({"X-A": "1a"}, "X-A: '1a' is not allowed; allowed: 1 to 64 of"),
        ({"X-A": "a", "x-a": "b"}, "x-a: 'x-a' is not allowed; allowed: each header once"),
    ],
)
def test_headers_lead_to_names_of_parameters(value: Any, said: str) -> None:
    check(shapes.validate_headers, value, said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"type": "server_vad", "threshold": 0.5, "create_response": None}, ""),
        ([], "allowed: a mapping"),
        ({"a": "x" * limits.MAX_TURN_DETECTION}, "characters of JSON"),
    ],
)
def test_turn_detection_is_a_mapping(value: Any, said: str) -> None:
    check(shapes.validate_turn_detection, value, said)


def check(validate: Any, value: Any, said: str) -> None:
    refused = ""
    try:
        validate(value)
    except ValidationError as error:
        refused = error.messages[0]
    assert said in refused if said else refused == ""
