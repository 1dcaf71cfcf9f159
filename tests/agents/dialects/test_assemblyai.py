"""What AssemblyAI is told and says, by tables; test_strict_server.py has it on a wire."""

from base64 import b64encode
from typing import Any

import pytest

from agents.dialects.assemblyai import AssemblyAI
from agents.dialects.interface import Flush, Line, Odd, Play, Ready, ReplyDone
from agents.formats import AudioFormat, Encoding
from tests.agents.dialects.assemblyai import INTERRUPTED, after, opened, ready
from tests.agents.dialects.tables import sent, session, text


def first(**settings: Any) -> dict[str, Any]:
    (message,) = sent(AssemblyAI(session(**settings)).opened(0.0))
    assert message["type"] == "session.update"
    update: dict[str, Any] = message["session"]
    return update


def test_the_key_is_in_the_header() -> None:
    headers = AssemblyAI(session(secret="k")).handshake(1.7e9).headers
    assert dict(headers)["Authorization"] == "Bearer k"
    assert "Authorization" not in dict(AssemblyAI(session()).handshake(1.7e9).headers)


def test_the_first_message_has_all_that_is_set_and_nothing_else() -> None:
    tool = {"type": "function", "name": "f", "description": "d", "parameters": {}}
    assert first(
        system_prompt="p",
        greeting="g",
        voice="ivy",
        tools=(tool,),
        keyterms=("a", "b"),
        turn_detection={"x": 1},
        volume=50,
        output=AudioFormat(Encoding.PCM),
    ) == {
        "system_prompt": "p",
        "greeting": "g",
        "input": {
            "format": {"encoding": "audio/pcmu"},
            "keyterms": ["a", "b"],
            "turn_detection": {"x": 1},
        },
        "output": {"voice": "ivy", "format": {"encoding": "audio/pcm"}},
        "tools": [tool],
    }


def test_what_is_not_set_is_left_out() -> None:
    assert first(system_prompt="p") == {
        "system_prompt": "p",
        "input": {"format": {"encoding": "audio/pcmu"}},
        "output": {"format": {"encoding": "audio/pcmu"}},
    }


def test_a_stored_agent_is_named_and_nothing_else() -> None:
    assert first(agent_id="a-1", system_prompt="p", parameters={"x": "y"}) == {"agent_id": "a-1"}


def test_mapped_headers_follow_the_prompt_a_line_each() -> None:
    prompt = first(system_prompt="p", parameters={"id": '7"\nObey', "name": "Zo\u00eb"})[
        "system_prompt"
    ]
    assert prompt.splitlines()[0] == "p"
    assert prompt.splitlines()[-2:] == ['- "id": "7\\"\\nObey"', '- "name": "Zo\u00eb"']


@pytest.mark.parametrize(
    ("config", "differences"),
    [
        (None, 0),
        ([], 0),
        ({}, 0),
        ({"input": None, "output": {"format": 7}}, 0),
        ({"input": {"format": {"encoding": "audio/pcmu"}}}, 0),
        ({"input": {"format": {"encoding": "audio/pcm", "sample_rate": 24000}}}, 1),
        (
            {
                "input": {"format": {"encoding": "audio/pcm"}},
                "output": {"format": {"encoding": "audio/pcma"}},
            },
            2,
        ),
    ],
)
def test_formats_that_differ_are_told(config: object, differences: int) -> None:
    (effect,) = opened().received(text(type="session.ready", session_id="s", config=config), 0.0)
    assert isinstance(effect, Ready)
    assert len(effect.differences) == differences


def test_ready_tells_the_session() -> None:
    message = text(type="session.ready", session_id="s", expires_at=1.7e9)
    assert opened().received(message, 0.0) == [Ready("s", 1.7e9)]
    assert opened(resume="s").received(text(type="session.resumed"), 0.0) == [Ready("s")]


def test_ready_twice_is_odd() -> None:
    assert after(ready(), text(type="session.ready")) == [Odd("session.ready once more")]


def test_the_volume_is_set_once_ready() -> None:
    effects = opened(volume=0).received(text(type="session.ready"), 0.0)
    assert sent(effects) == [{"type": "session.update", "session": {"output": {"volume": 0}}}]


def test_the_callers_audio_is_sent_only_while_ready() -> None:
    dialect = opened()
    assert dialect.caller_audio(b"\xff") == []
    dialect.received(text(type="session.ready"), 0.0)
    assert sent(dialect.caller_audio(b"\xff")) == [{"type": "input.audio", "audio": "/w=="}]
    dialect.end(1.0)
    assert dialect.caller_audio(b"\xff") == []


@pytest.mark.parametrize("size", [0, 1, 300, 40_000])
def test_the_agents_audio_is_played_as_it_comes(size: int) -> None:
    audio = bytes(number % 256 for number in range(size))
    message = text(type="reply.audio", data=b64encode(audio).decode(), reply_id="r")
    assert after(ready(), message) == [Play(audio, "r")]
    assert after(opened(), message) == [Play(audio, "r")]


def test_barge_in_flushes_and_a_whole_reply_does_not() -> None:
    dialect = ready()
    assert after(dialect, INTERRUPTED) == [Flush("The caller interrupted the agent")]
    done = text(type="reply.done", reply_id="r")
    assert after(dialect, done) == [ReplyDone("r")]


def test_lines_grow_until_they_are_final() -> None:
    effects = after(
        ready(),
        text(type="transcript.user.delta", text="Hel"),
        text(type="transcript.user.delta", text="Hello"),
        text(type="transcript.user", text="Hello!"),
        text(type="transcript.agent.delta", delta="Good "),
        text(type="transcript.agent.delta", delta="day"),
        text(type="transcript.agent", text="Good day, I", interrupted=True),
        text(type="transcript.agent", text=""),
        text(type="transcript.user", text=None),
    )
    lines = [effect for effect in effects if isinstance(effect, Line)]
    assert [(line.who, line.text, line.is_final, line.is_interrupted) for line in lines] == [
        ("caller", "Hel", False, False),
        ("caller", "Hello", False, False),
        ("caller", "Hello!", True, False),
        ("agent", "Good ", False, False),
        ("agent", "Good day", False, False),
        ("agent", "Good day, I", True, True),
    ]
    assert len({line.key for line in lines}) == 2


def test_lines_of_a_later_websocket_replace_none_of_an_earlier() -> None:
    keys = set()
    for now in (1.0, 2.0):
        dialect = AssemblyAI(session())
        dialect.opened(now)
        (line,) = dialect.received(text(type="transcript.user", text="x"), now)
        assert isinstance(line, Line)
        keys.add(line.key)
    assert len(keys) == 2


def test_what_cannot_be_stored_is_taken_out_of_a_line() -> None:
    message = '{"type": "transcript.user", "text": "a\\u0000b\\ud800c' + "x" * 9000 + '"}'
    (line,) = after(ready(), message)
    assert isinstance(line, Line)
    assert line.text.startswith("ab?cxx")
    assert len(line.text) < 8001


def test_changes_are_sent_once_ready() -> None:
    dialect = opened(parameters={"a": "b"})
    assert dialect.change({"volume": 10}) == []
    assert dialect.change({"volume": 20, "keyterms": ("k",)}) == []
    effects = dialect.received(text(type="session.ready"), 0.0)
    update = {"output": {"volume": 20}, "input": {"keyterms": ["k"]}}
    assert sent(effects) == [{"type": "session.update", "session": update}]
    (message,) = sent(dialect.change({"system_prompt": "p", "turn_detection": {"x": 1}}))
    assert message["session"]["system_prompt"].endswith('- "a": "b"')
    assert message["session"]["input"] == {"turn_detection": {"x": 1}}
    dialect.end(1.0)
    assert dialect.change({"volume": 1}) == []
