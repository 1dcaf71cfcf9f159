"""What a client may send, and when: each breach is a sentence, and the code it is answered with."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.peers.voiceagent.sounds import RATES_HZ, WIDTHS

Breach = tuple[str, str]
"A code of `session.error`, and what was wrong."
SESSION_KEYS = {"system_prompt", "greeting", "input", "output", "tools"}
INPUT_KEYS = {"format", "keyterms", "turn_detection"}
OUTPUT_KEYS = {"voice", "format", "volume"}
TOOL_KEYS = {"type", "name", "description", "parameters"}
IMMUTABLE = (("output", "format"), ("output", "voice"), ("greeting",), ("agent_id",))
CLIENT_KEYS = {
    "session.update": {"session"},
    "session.resume": {"session_id"},
    "session.end": set[str](),
    "input.audio": {"audio"},
    "tool.result": {"call_id", "result", "is_error"},
}


def message_breaches(message: Any) -> Iterator[Breach]:
    """Judge the outside of a message."""
    if not isinstance(message, dict):
        yield "invalid_value", "a message is not an object"
        return
    kind = message.get("type")
    if kind not in CLIENT_KEYS:
        yield "invalid_value", f"type {kind!r} is not known"
        return
    for key in message.keys() - CLIENT_KEYS[kind] - {"type"}:
        yield "invalid_value", f"{kind} has no {key}"
    for key in CLIENT_KEYS[kind] - message.keys() - {"is_error"}:
        yield "invalid_value", f"{kind} lacks {key}"
    if "is_error" in message and not isinstance(message["is_error"], bool):
        yield "invalid_value", "is_error is no boolean"


def session_breaches(session: Any, *, is_ready: bool) -> Iterator[Breach]:
    """Judge the `session` of a session.update."""
    if not isinstance(session, dict):
        yield "invalid_value", "session is not an object"
        return
    yield from _nulls("session", session)
    if "agent_id" in session and not is_ready:
        for key in session.keys() - {"agent_id"}:
            yield "invalid_value", f"{key} beside agent_id"
        return
    if not is_ready and not session.get("system_prompt"):
        yield "invalid_value", "neither agent_id nor system_prompt"
    for key in session.keys() - SESSION_KEYS - {"agent_id"}:
        yield "invalid_value", f"session has no {key}"
    if is_ready:
        yield from _immutable(session)
    for key in ("system_prompt", "greeting"):
        if key in session and not isinstance(session[key], str):
            yield "invalid_value", f"{key} is no string"
    yield from _direction("input", session.get("input", {}), INPUT_KEYS)
    known = OUTPUT_KEYS if is_ready else OUTPUT_KEYS - {"volume"}
    yield from _direction("output", session.get("output", {}), known)
    yield from _tools(session.get("tools", []))


def _nulls(path: str, value: Any) -> Iterator[Breach]:
    if value is None:
        yield "invalid_value", f"{path} is null"
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _nulls(f"{path}.{key}", part)


def _immutable(session: dict[str, Any]) -> Iterator[Breach]:
    for path in IMMUTABLE:
        value: Any = session
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield "immutable_field", f"{'.'.join(path)} cannot change"


def _direction(name: str, values: Any, known: set[str]) -> Iterator[Breach]:
    if not isinstance(values, dict):
        yield "invalid_value", f"{name} is no object"
        return
    for key in values.keys() - known:
        yield "invalid_value", f"{name} has no {key}"
    if "format" in values:
        yield from _format(f"{name}.format", values["format"])
    if not isinstance(values.get("voice", ""), str):
        yield "invalid_value", "output.voice is no string"
    volume = values.get("volume", 0)
    if isinstance(volume, bool) or not isinstance(volume, int) or not 0 <= volume <= 100:
        yield "invalid_value", f"output.volume is {volume!r}; allowed: 0 to 100"
    terms = values.get("keyterms", [])
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        yield "invalid_value", "input.keyterms is no list of strings"


def _format(path: str, values: Any) -> Iterator[Breach]:
    if not isinstance(values, dict) or values.get("encoding") not in RATES_HZ:
        yield "invalid_format", f"{path} is {values!r}; allowed: {', '.join(RATES_HZ)}"
    elif values.keys() != {"encoding"}:
        yield "invalid_format", f"{path} has more than its encoding, which silences some sessions"


def _tools(tools: Any) -> Iterator[Breach]:
    if not isinstance(tools, list):
        yield "invalid_value", "tools is no list"
        return
    for tool in tools:
        if not isinstance(tool, dict) or tool.get("type") != "function":
            yield "invalid_value", "a tool is no flat function"
        elif tool.keys() - TOOL_KEYS - {"http"} or not isinstance(tool.get("name"), str):
            yield "invalid_value", f"tool {tool.get('name')!r} is not flat"


def audio_of(message: dict[str, Any], encoding: str) -> tuple[bytes, list[Breach]]:
    """Return the audio of an input.audio."""
    try:
        audio = base64.b64decode(message.get("audio", ""), validate=True)
    except (ValueError, TypeError):
        return b"", [("invalid_value", "audio is not base64")]
    if not audio or len(audio) % WIDTHS[encoding]:
        return b"", [("invalid_value", f"audio of {len(audio)} bytes")]
    return audio, []


def result_breaches(message: dict[str, Any]) -> Iterator[Breach]:
    """Judge the `result` of a tool.result."""
    result = message.get("result")
    if not isinstance(result, str):
        yield "invalid_value", "result is no string"
        return
    try:
        json.loads(result)
    except ValueError:
        yield "invalid_value", "result is no JSON"
