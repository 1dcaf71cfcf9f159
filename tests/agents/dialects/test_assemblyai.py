"""AssemblyAI's dialect, by tables; test_strict_server.py has it on a wire."""

import json
from base64 import b64encode
from typing import Any

import pytest

from agents.dialects.assemblyai import HELD_TOOLS_S, AssemblyAI
from agents.dialects.interface import (
    Close,
    Effect,
    Failed,
    Failure,
    Flush,
    HangUp,
    KeepCall,
    Line,
    Note,
    Odd,
    Play,
    Ready,
    ReplyDone,
    SessionOver,
    Tool,
    TransferTo,
)
from agents.dialects.tooldesk import END_GRACE_S, MAX_TRANSFERS
from agents.formats import AudioFormat, Encoding
from tests.agents.dialects.tables import others, sent, session, text

DONE = text(type="reply.done", status="completed")
INTERRUPTED = text(type="reply.done", status="interrupted")
STARTED = text(type="reply.started")


def opened(**settings: Any) -> AssemblyAI:
    dialect = AssemblyAI(session(**{"system_prompt": "Be brief."} | settings))
    dialect.opened(0.0)
    return dialect


def ready(config: object = None, **settings: Any) -> AssemblyAI:
    dialect = opened(**settings)
    dialect.received(text(type="session.ready", session_id="s-1", config=config), 0.0)
    return dialect


def call(name: str, call_id: str = "c-1", arguments: object = None) -> str:
    return text(type="tool.call", call_id=call_id, name=name, arguments=arguments)


def after(dialect: AssemblyAI, *messages: str, now: float = 1.0) -> list[Effect]:
    return [effect for message in messages for effect in dialect.received(message, now)]


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


ERRORS = [
    ("unauthorized", Failure.REFUSED, False),
    ("UNAUTHORIZED", Failure.REFUSED, False),
    ("forbidden", Failure.REFUSED, False),
    ("invalid_value", Failure.REFUSED, False),
    ("invalid_format", Failure.REFUSED, False),
    ("agent_init_failed", Failure.REFUSED, False),
    ("session_not_found", Failure.REFUSED, False),
    ("session_forbidden", Failure.REFUSED, False),
    ("never_heard_of", Failure.REFUSED, False),
    ("at_capacity", Failure.BUSY, True),
    ("Concurrency_Exceeded", Failure.BUSY, True),
    ("internal_error", Failure.LOST, True),
    ("server_error", Failure.LOST, True),
    ("agent_timeout", Failure.LATE, False),
    ("session_expired", Failure.EXPIRED, False),
]


@pytest.mark.parametrize("kind", ["session.error", "error"])
@pytest.mark.parametrize(("code", "failure", "is_retryable"), ERRORS)
def test_every_error_before_ready_is_the_end(
    kind: str, code: str, failure: Failure, is_retryable: bool
) -> None:
    dialect = opened()
    effects = after(dialect, text(type=kind, code=code, message="why", param="p"))
    assert effects == [Failed(failure, code.lower(), "why (p)", is_retryable), Close()]
    assert dialect.closed(1008, code, 1.0) == []
    assert after(dialect, DONE) == []


def test_an_error_may_lie_within() -> None:
    message = text(type="error", error={"code": "forbidden", "message": "no"})
    assert after(opened(), message)[0] == Failed(Failure.REFUSED, "forbidden", "no", False)


@pytest.mark.parametrize(
    ("code", "keeps", "is_retryable"),
    [
        ("session_not_found", False, True),
        ("session_forbidden", False, True),
        ("invalid_value", False, True),
        ("session_expired", False, True),
        ("at_capacity", True, True),
    ],
)
def test_a_resume_that_is_refused_may_begin_anew(
    code: str, keeps: bool, is_retryable: bool
) -> None:
    failed = after(opened(resume="s"), text(type="session.error", code=code))[0]
    assert isinstance(failed, Failed)
    assert (failed.keeps_session, failed.is_retryable) == (keeps, is_retryable)


def test_an_error_while_it_lasts_is_noted() -> None:
    message = text(type="session.error", code="immutable_field", message="voice is fixed")
    assert after(ready(), message) == [Note("agent-error", "voice is fixed")]


def test_an_expired_session_is_the_end() -> None:
    (failed, close) = after(ready(), text(type="session.error", code="session_expired"))
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.is_retryable, close) == (Failure.EXPIRED, False, Close())


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1008, 1011, 1013])
def test_a_close_without_a_word_is_resumed_whatever_its_code(code: int) -> None:
    (failed,) = ready().closed(code, "", 1.0)
    assert isinstance(failed, Failed)
    assert (failed.is_retryable, failed.keeps_session) == (True, True)


def test_a_close_right_after_an_error_is_of_that_error() -> None:
    error = text(type="session.error", code="forbidden", message="no")
    dialect = ready()
    after(dialect, error)
    assert dialect.closed(1008, "", 1.0) == [Failed(Failure.REFUSED, "forbidden", "no", False)]
    dialect = ready()
    after(dialect, error, STARTED)
    (failed,) = dialect.closed(1006, "", 1.0)
    assert isinstance(failed, Failed)
    assert failed.is_retryable


def test_the_agents_end_is_the_sessions() -> None:
    dialect = ready()
    assert after(dialect, text(type="session.ended")) == [SessionOver(), Close()]
    assert dialect.closed(1000, "", 1.0) == []
    assert dialect.end(1.0) == []
    assert dialect.next_deadline() is None


def test_our_end_waits_two_seconds_for_an_answer() -> None:
    dialect = ready()
    assert sent(dialect.end(10.0)) == [{"type": "session.end"}]
    assert dialect.end(10.0) == []
    assert dialect.next_deadline() == 12.0
    assert dialect.tick(11.9) == []
    assert after(dialect, text(type="reply.audio", data="AAAA"), "nonsense", INTERRUPTED) == []
    assert dialect.tick(12.0) == [Close()]
    assert dialect.next_deadline() is None
    assert dialect.tick(13.0) == []


@pytest.mark.parametrize(
    "answer", [text(type="session.ended"), text(type="error", code="session_expired")]
)
def test_our_end_is_over_with_the_answer(answer: str) -> None:
    dialect = ready()
    dialect.end(10.0)
    assert after(dialect, answer) == [Close()]
    assert dialect.closed(1000, "", 10.5) == []


def test_an_end_before_the_websocket_is_open_only_closes() -> None:
    assert AssemblyAI(session()).end(0.0) == [Close()]


def test_a_loss_while_we_end_is_no_loss() -> None:
    dialect = ready()
    dialect.end(1.0)
    assert dialect.closed(1006, "", 1.1) == []
    assert dialect.next_deadline() is None


def test_a_silent_resume_is_given_up_after_three_seconds() -> None:
    dialect = opened(resume="s")
    assert dialect.next_deadline() == 3.0
    failed, close = dialect.tick(3.0)
    assert isinstance(failed, Failed)
    assert (failed.is_retryable, failed.keeps_session, close) == (True, False, Close())


# Tools: each row is what comes, and what is answered when


@pytest.mark.parametrize(
    ("messages", "is_answered"),
    [
        ([call("f")], False),
        ([call("f"), DONE], True),
        ([STARTED, call("f"), DONE], True),
        ([DONE, call("f")], False),
        ([DONE, call("f"), STARTED, DONE], True),
        ([call("f"), INTERRUPTED], False),
        ([call("f"), INTERRUPTED, DONE], False),
        ([call("f"), text(type="input.speech.started")], False),
        ([call("f", arguments="{broken"), DONE], True),
    ],
)
def test_an_unknown_tool_is_answered_when_the_reply_is_done(
    messages: list[str], is_answered: bool
) -> None:
    results = sent(after(ready(), *messages))
    assert len(results) == is_answered
    for result in results:
        assert (result["type"], result["call_id"]) == ("tool.result", "c-1")
        assert result["is_error"] is True
        assert json.loads(result["result"])["error"].startswith("f is not known here")


def test_an_answer_is_not_held_for_ever() -> None:
    dialect = ready()
    after(dialect, DONE, call("f"), now=1.0)
    assert dialect.next_deadline() == 1.0 + HELD_TOOLS_S
    assert len(sent(dialect.tick(1.0 + HELD_TOOLS_S))) == 1
    assert dialect.next_deadline() is None


def test_tools_that_the_server_runs_are_never_answered() -> None:
    dialect = ready({"tools": [{"name": "f", "http": {"url": "x"}}, {"name": "g"}, 7, {}]})
    effects = after(dialect, call("f"), DONE)
    assert sent(effects) == []
    assert Tool("f", "run by the agent's server") in effects


def test_a_tool_call_without_a_name_is_odd() -> None:
    for broken in ({}, {"call_id": "c"}, {"name": "f"}, {"call_id": 1, "name": "f"}):
        (effect,) = after(ready(), text(type="tool.call", **broken))
        assert isinstance(effect, Odd)


def test_tool_calls_are_bounded() -> None:
    dialect = ready()
    for number in range(200):
        after(dialect, call("f", f"c-{number}"))
    assert len(sent(after(dialect, DONE))) == 64


def test_end_call_is_one_hang_up_however_often_it_is_called() -> None:
    dialect = ready()
    effects = after(dialect, STARTED, call("end_call", "c-1"), call("end_call", "c-2"))
    assert others(effects) == [Tool("end_call", "the call ends after the goodbye")]
    effects = after(dialect, DONE, call("end_call", "c-3"), DONE)
    assert [effect for effect in effects if isinstance(effect, HangUp)] == [
        HangUp("The agent called end_call")
    ]
    assert [message["call_id"] for message in sent(effects)] == ["c-1", "c-2", "c-3"]


def test_a_goodbye_that_follows_end_call_is_waited_for() -> None:
    dialect = ready()
    audio = text(type="reply.audio", data="AAAA")
    after(dialect, call("end_call"), now=1.0)
    assert dialect.next_deadline() == 1.0 + END_GRACE_S
    after(dialect, audio, now=1.5)
    assert dialect.next_deadline() == 1.5 + END_GRACE_S
    assert dialect.tick(2.4) == []
    assert dialect.tick(2.5) == [HangUp("The agent called end_call")]


@pytest.mark.parametrize("is_due", [True, False])
def test_an_interrupted_goodbye_is_off(is_due: bool) -> None:
    dialect = ready()
    after(dialect, call("end_call"), *([DONE] if is_due else []))
    effects = others(after(dialect, INTERRUPTED))
    assert effects == [*([KeepCall()] if is_due else []), Flush("The caller interrupted the agent")]
    assert dialect.next_deadline() is None
    after(dialect, call("end_call", "c-9"))
    assert HangUp("The agent called end_call") in after(dialect, DONE)


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ({"target": "+12025550100"}, "+12025550100"),
        ('{"target": "alice"}', "alice"),
        ({"target": " alice "}, "alice"),
        ({"target": ""}, ""),
        ({"target": 7}, ""),
        ({"target": "a\nb"}, ""),
        ({"target": "x" * 129}, ""),
        ({}, ""),
        ([], ""),
        ("nonsense", ""),
        (None, ""),
        ("[" * 100_000, ""),
    ],
)
def test_transfer_call_wants_a_target(arguments: object, target: str) -> None:
    effects = after(ready(), call("transfer_call", arguments=arguments), DONE)
    transfers = [effect for effect in effects if isinstance(effect, TransferTo)]
    assert transfers == ([TransferTo(target, "c-1")] if target else [])
    assert [message["is_error"] for message in sent(effects)] == ([] if target else [True])


def test_transfers_are_bounded_even_if_each_is_interrupted() -> None:
    dialect = ready()
    effects: list[Effect] = []
    for number in range(100):
        asked = call("transfer_call", f"c-{number}", {"target": "a"})
        effects += after(dialect, asked, INTERRUPTED)
    assert sum(isinstance(effect, TransferTo) for effect in effects) == MAX_TRANSFERS
    (result,) = sent(after(dialect, call("transfer_call", "c", {"target": "a"}), DONE))
    assert "too many transfers; allowed: 20" in result["result"]


def test_a_failed_transfer_is_answered_with_its_code() -> None:
    dialect = ready()
    after(dialect, call("transfer_call", arguments={"target": "a"}), DONE)
    (result,) = sent(dialect.transfer_over("c-1", 486, "busy here", 5.0))
    value = {"error": "the transfer failed: busy here", "sip_code": 486}
    assert json.loads(result["result"]) == value
    assert dialect.transfer_over("c-1", 486, "once more", 5.0) == []
    assert dialect.transfer_over("never", 486, "heard of", 5.0) == []


def test_a_failed_transfer_waits_for_the_end_of_the_reply() -> None:
    dialect = ready()
    after(dialect, call("transfer_call", arguments={"target": "a"}), DONE, STARTED)
    assert dialect.transfer_over("c-1", 480, "away", 5.0) == []
    assert dialect.next_deadline() == 5.0 + HELD_TOOLS_S
    assert len(sent(after(dialect, DONE, now=6.0))) == 1


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
