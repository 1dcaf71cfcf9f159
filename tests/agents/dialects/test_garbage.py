"""Whatever an agent sends, a dialect never raises, and what it answers can be written."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dialects.conversation import Conversation
from agents.dialects.interface import Close, Dialect, Effect, Line, Mark, Odd, Send, TransferTo
from agents.dialects.registry import DIALECTS
from tests.agents.dialects.tables import CALL, session

pytestmark = pytest.mark.thorough

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = st.sampled_from([
    "arguments", "audio", "call_id", "code", "config", "content_index", "data", "delta", "error",
    "expires_at", "format", "input", "item", "item_id", "mark", "media", "message", "name",
    "payload", "response", "session", "session_id", "status", "streamId", "streamSid", "text",
    "tools", "transcript",
])  # fmt: skip
VALUES = JSON | st.sampled_from([
    "interrupted", "end_call", "transfer_call", {"target": "a"}, {"payload": "AAAA"}, "AAAA",
    f"MZ{CALL}", CALL, {"name": "m"}, {"status": "cancelled"}, [{"name": "f", "http": {}}],
])  # fmt: skip
# Made once: hypothesis examines each strategy that it has not seen.
BODIES = st.dictionaries(KEYS, VALUES, max_size=6)
ONE_IN_TEN = st.integers(0, 9)
NO_MESSAGES = st.binary(max_size=20) | st.text(max_size=20) | JSON.map(json.dumps)


def kinds_of(dialect: Conversation) -> list[str]:
    return [*dialect.handlers, *dialect.unheeded, "never.heard.of"]


@st.composite
def messages(draw: st.DrawFn, type_key: str, kinds: st.SearchStrategy[str]) -> str | bytes:
    if draw(ONE_IN_TEN) == 0:
        return draw(NO_MESSAGES)
    return json.dumps(draw(BODIES) | {type_key: draw(kinds)})


def follow(dialect: Dialect, effects: list[Effect], now: float) -> list[Effect]:
    """Do what an owner does, as far as it makes a dialect go on."""
    for effect in effects:
        if isinstance(effect, Mark):
            effects = effects + dialect.mark_reached(effect.name, is_played=now % 2 < 1)
        elif isinstance(effect, TransferTo):
            effects = effects + dialect.transfer_over(effect.key, 486, "busy", now)
    return effects


@pytest.mark.parametrize("name", DIALECTS)
@settings(max_examples=40)
@given(data=st.data())
def test_no_message_is_fatal(name: str, data: st.DataObject) -> None:
    dialect: Any = DIALECTS[name].make(session(system_prompt="p"))
    effects = list(dialect.opened(0.0))
    any_message = messages(dialect.type_key, st.sampled_from(kinds_of(dialect)))
    for number in range(data.draw(st.integers(1, 12))):
        now = float(number)
        effects += follow(dialect, dialect.received(data.draw(any_message), now), now)
        effects += dialect.flushed({"": 1.0, "i": 2.0}) + dialect.caller_audio(b"\xff" * 160)
        deadline = dialect.next_deadline()
        effects += dialect.tick(deadline if deadline is not None else now)
    effects += dialect.end(100.0) + dialect.closed(1006, "x", 100.0) + dialect.tick(200.0)
    assert dialect.next_deadline() is None
    for effect in effects:
        if isinstance(effect, Send):
            assert isinstance(json.loads(effect.text.encode()), dict)
        elif isinstance(effect, Line):
            assert "\0" not in effect.text.encode().decode()
        elif isinstance(effect, Odd):
            assert len(effect.what) < 100
    assert [effect for effect in effects if isinstance(effect, Close)] in ([], [Close()])
