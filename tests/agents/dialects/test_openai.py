"""OpenAI's dialect, by tables; test_realtime.py has it on a wire, judged by their own models."""

import json
from base64 import b64encode
from typing import Any

import pytest

from agents.dialects.interface import (
    AgentNote,
    Close,
    Effect,
    Failed,
    Failure,
    Flush,
    HangUp,
    KeepCall,
    Line,
    Odd,
    Play,
    Ready,
    ReplyDone,
    Tool,
    TransferTo,
)
from agents.dialects.openai import TRANSCRIBED_BY, OpenAI
from agents.formats import AudioFormat, Encoding
from tests.agents.dialects.tables import others, sent, session, text

CREATED = text(type="session.created", session={"id": "s-1"})
UPDATED = text(type="session.updated", session={"id": "s-1", "expires_at": 1.7e9})
SPEECH = text(type="input_audio_buffer.speech_started")
BEGUN = text(type="response.created")


def done(status: str = "completed", **values: Any) -> str:
    return text(type="response.done", response={"id": "r-1", "status": status, **values})


def audio(item: str = "i-1", size: int = 160, index: int = 0) -> str:
    delta = b64encode(bytes(size)).decode()
    return text(type="response.output_audio.delta", delta=delta, item_id=item, content_index=index)


def call(name: str, arguments: str = "{}", call_id: str = "c-1") -> str:
    kind = "response.function_call_arguments.done"
    return text(type=kind, call_id=call_id, name=name, arguments=arguments)


def after(dialect: OpenAI, *messages: str, now: float = 1.0) -> list[Effect]:
    return [effect for message in messages for effect in dialect.received(message, now)]


def ready(**settings: Any) -> OpenAI:
    dialect = OpenAI(session(**settings))
    dialect.opened(0.0)
    after(dialect, CREATED, UPDATED)
    return dialect


def wanted(**settings: Any) -> dict[str, Any]:
    dialect = OpenAI(session(**settings))
    assert dialect.opened(0.0) == []
    (message,) = sent(after(dialect, CREATED))
    assert message["type"] == "session.update"
    asked: dict[str, Any] = message["session"]
    return asked


def test_the_server_speaks_first_and_is_told_all_that_is_set() -> None:
    tool = {"type": "function", "name": "f"}
    assert wanted(
        system_prompt="p",
        voice="marin",
        tools=(tool,),
        turn_detection={"type": "server_vad"},
        output=AudioFormat(Encoding.PCM),
        input=AudioFormat(Encoding.PCMA),
    ) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "p",
        "audio": {
            "input": {"format": {"type": "audio/pcma"}, "turn_detection": {"type": "server_vad"}},
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
        },
        "tools": [tool],
    }


def test_what_is_not_set_is_left_out() -> None:
    both = {"format": {"type": "audio/pcmu"}}
    assert wanted() == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": both, "output": both},
    }


def test_ready_is_what_takes_our_settings() -> None:
    dialect = OpenAI(session())
    dialect.opened(0.0)
    assert after(dialect, UPDATED) == [Odd("session.updated before session.created")]
    after(dialect, CREATED)
    assert after(dialect, CREATED) == [Odd("session.created once more")]
    assert after(dialect, UPDATED) == [Ready("s-1", 1.7e9)]
    assert after(dialect, UPDATED) == [
        AgentNote("agent-settings", "The agent has taken the new settings")
    ]


@pytest.mark.parametrize(("named", "asked_for"), [("", TRANSCRIBED_BY), ("whisper-1", "whisper-1")])
def test_the_callers_words_are_asked_for_once_ready_of_the_model_that_is_set(
    named: str, asked_for: str
) -> None:
    dialect = OpenAI(session(transcribes=True, transcription_model=named))
    assert "transcription" not in json.dumps(sent(after(dialect, CREATED)))
    (asked,) = sent(after(dialect, UPDATED))
    assert asked["session"] == {
        "type": "realtime",
        "audio": {"input": {"transcription": {"model": asked_for}}},
    }
    assert after(dialect, UPDATED) == []
    assert after(dialect, UPDATED) == [
        AgentNote("agent-settings", "The agent has taken the new settings")
    ]


def test_a_server_that_writes_nothing_down_says_so_and_the_call_goes_on() -> None:
    dialect = OpenAI(session(transcribes=True))
    after(dialect, CREATED, UPDATED)
    refused = text(type="error", error={"type": "invalid_request_error", "message": "no model"})
    assert after(dialect, refused) == [AgentNote("agent-error", "no model")]
    assert not dialect.is_over


def test_other_formats_than_asked_for_are_told() -> None:
    dialect = OpenAI(session())
    after(dialect, CREATED)
    config = {"audio": {"input": {"format": {"type": "audio/pcm"}}}}
    (effect,) = after(dialect, text(type="session.updated", session=config))
    assert isinstance(effect, Ready)
    assert [sentence[:37] for sentence in effect.differences] == [
        "The agent has input format audio/pcm,"
    ]


def test_the_greeting_is_asked_for_once() -> None:
    dialect = OpenAI(session(greeting="Hello"))
    effects = after(dialect, CREATED, UPDATED, UPDATED)
    replies = [message for message in sent(effects) if message["type"] == "response.create"]
    assert [reply["response"]["instructions"][-5:] for reply in replies] == ["Hello"]


def test_the_callers_audio_is_sent_only_while_ready() -> None:
    dialect = OpenAI(session())
    assert dialect.caller_audio(b"\xff") == []
    after(dialect, CREATED, UPDATED)
    message = {"type": "input_audio_buffer.append", "audio": "/w=="}
    assert sent(dialect.caller_audio(b"\xff")) == [message]
    assert dialect.end(1.0) == [Close()]
    assert dialect.caller_audio(b"\xff") == []


def test_audio_is_played_under_its_item() -> None:
    assert after(ready(), audio("i-7")) == [Play(bytes(160), "i-7")]


def test_barge_in_flushes_then_cuts_at_what_was_heard() -> None:
    dialect = ready()
    after(dialect, audio("i-1", index=2), audio("i-2"))
    assert after(dialect, SPEECH) == [Flush("The caller interrupted the agent")]
    messages = sent(dialect.flushed({"i-1": 1234.9, "i-2": 0.0, "": 7.0, "never": 3.0}))
    assert messages == [
        {
            "type": "conversation.item.truncate",
            "item_id": "i-1",
            "content_index": 2,
            "audio_end_ms": 1234,
        },
        {
            "type": "conversation.item.truncate",
            "item_id": "i-2",
            "content_index": 0,
            "audio_end_ms": 0,
        },
    ]
    assert dialect.flushed({"i-1": 1234.9}) == []


def test_an_agent_that_is_not_to_be_interrupted_is_not() -> None:
    dialect = ready(turn_detection={"type": "server_vad", "interrupt_response": False})
    assert after(dialect, SPEECH) == []
    dialect.change({"turn_detection": {"type": "server_vad"}})
    assert after(dialect, SPEECH) == [Flush("The caller interrupted the agent")]


def test_items_that_are_remembered_are_bounded() -> None:
    dialect = ready()
    after(dialect, *(audio(f"i-{number}") for number in range(1000)))
    played = {f"i-{number}": 1.0 for number in range(1000)}
    assert len(sent(dialect.flushed(played))) == 16


@pytest.mark.parametrize(
    ("messages", "answers"),
    [
        ([BEGUN, call("f")], []),
        ([BEGUN, call("f"), done()], ["conversation.item.create", "response.create"]),
        ([call("f")], ["conversation.item.create", "response.create"]),
        ([BEGUN, call("f"), done("cancelled")], []),
        ([BEGUN, call("f"), done("failed")], ["conversation.item.create", "response.create"]),
        ([BEGUN, call("end_call"), done()], ["conversation.item.create"]),
        ([BEGUN, call("transfer_call"), done()], ["conversation.item.create", "response.create"]),
    ],
)
def test_tools_are_answered_once_the_reply_is_done(messages: list[str], answers: list[str]) -> None:
    assert [message["type"] for message in sent(after(ready(), *messages))] == answers


def test_a_call_told_twice_is_one() -> None:
    item = {"type": "function_call", "call_id": "c-1", "name": "f", "arguments": "{}"}
    nameless = text(type="response.function_call_arguments.done", call_id="c-1", arguments="{}")
    effects = after(
        ready(),
        BEGUN,
        text(type="response.output_item.added", item=item),
        nameless,
        text(type="response.output_item.done", item=item),
        done(),
    )
    assert [effect for effect in effects if isinstance(effect, Tool)] == [
        Tool("f", "not known here")
    ]
    assert len(sent(effects)) == 2


def test_end_call_waits_for_the_reply_and_speech_keeps_the_call() -> None:
    dialect = ready()
    assert HangUp("The agent called end_call") not in after(dialect, BEGUN, call("end_call"))
    assert HangUp("The agent called end_call") in after(dialect, done())
    assert after(dialect, SPEECH) == [KeepCall(), Flush("The caller interrupted the agent")]


def test_end_call_without_an_end_of_the_reply_is_due_after_a_while() -> None:
    dialect = ready()
    after(dialect, BEGUN, call("end_call"), now=1.0)
    assert dialect.next_deadline() == 2.0
    assert dialect.tick(2.0) == [HangUp("The agent called end_call")]


def test_a_failed_transfer_is_answered_with_its_code() -> None:
    dialect = ready()
    effects = after(dialect, call("transfer_call", '{"target": "alice"}'))
    assert TransferTo("alice", "c-1") in effects
    item, create = sent(dialect.transfer_over("c-1", 404, "unknown", 2.0))
    assert '"sip_code": 404' in item["item"]["output"]
    assert create == {"type": "response.create"}


@pytest.mark.parametrize(
    ("error", "failure", "is_retryable"),
    [
        ({"type": "invalid_request_error", "code": "invalid_value"}, Failure.REFUSED, False),
        ({"type": "invalid_request_error", "code": None}, Failure.REFUSED, False),
        ({"code": "rate_limit_exceeded"}, Failure.BUSY, True),
        ({"type": "server_error", "code": None}, Failure.LOST, True),
        ({"type": "invalid_request_error", "code": "session_expired"}, Failure.EXPIRED, False),
        ({}, Failure.REFUSED, False),
        (None, Failure.REFUSED, False),
    ],
)
def test_every_error_before_ready_is_the_end(
    error: object, failure: Failure, is_retryable: bool
) -> None:
    failed, close = after(OpenAI(session()), text(type="error", error=error))
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.is_retryable, failed.keeps_session) == (
        failure,
        is_retryable,
        False,
    )
    assert close == Close()


def test_an_error_while_it_lasts_is_noted_but_for_the_end_of_an_hour() -> None:
    dialect = ready()
    error = {"type": "invalid_request_error", "code": "x", "message": "no", "param": "p"}
    assert after(dialect, text(type="error", error=error)) == [AgentNote("agent-error", "no (p)")]
    (failed, _) = after(dialect, text(type="error", error={"code": "session_expired"}))
    assert isinstance(failed, Failed)
    assert failed.kind is Failure.EXPIRED


@pytest.mark.parametrize(
    ("code", "has_spoken", "is_retryable"),
    [(1011, False, True), (1011, True, False), (1008, False, False), (1006, True, False)],
)
def test_a_close_is_tried_again_while_nothing_was_said(
    code: int, has_spoken: bool, is_retryable: bool
) -> None:
    dialect = ready()
    after(dialect, *([audio()] if has_spoken else []))
    (failed,) = dialect.closed(code, "", 1.0)
    assert isinstance(failed, Failed)
    assert failed.is_retryable == is_retryable


def test_a_normal_close_hangs_up_once_ready_and_is_a_loss_before() -> None:
    assert others(ready().closed(1000, "", 1.0)) == [HangUp("The agent has closed its websocket")]
    (failed,) = OpenAI(session()).closed(1000, "", 1.0)
    assert isinstance(failed, Failed)


def test_lines_grow_and_are_cut_where_the_caller_interrupted() -> None:
    dialect = ready()
    says, hears = "response.output_audio_transcript", "conversation.item.input_audio_transcription"
    effects = after(
        dialect,
        audio("i-1"),
        text(type=f"{says}.delta", item_id="i-1", delta="Good "),
        text(type=f"{says}.delta", item_id="i-1", delta="day"),
        text(type=f"{hears}.completed", item_id="u-1", transcript="Stop!"),
        SPEECH,
    )
    effects += dialect.flushed({"i-1": 10.0})
    assert [effect for effect in effects if isinstance(effect, Line)] == [
        Line("i-1", "agent", "Good ", is_final=False),
        Line("i-1", "agent", "Good day", is_final=False),
        Line("u-1", "caller", "Stop!", is_final=True),
        Line("i-1", "agent", "Good day", is_final=True, is_interrupted=True),
    ]


def test_a_reply_that_failed_is_noted() -> None:
    details = {"error": {"message": "out of tokens"}}
    note, over = after(ready(), done("failed", status_details=details))
    assert note == AgentNote("agent-error", "A reply of the agent's is failed: out of tokens")
    assert over == ReplyDone("r-1")


def test_well_known_messages_that_change_nothing_are_not_odd() -> None:
    for kind in sorted(OpenAI.unheeded):
        assert after(ready(), text(type=kind)) == []
    assert after(ready(), text(type="response.mcp")) == [
        Odd("message of unknown type response.mcp")
    ]
