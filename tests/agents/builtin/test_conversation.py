"""What the built-in agent answers: to messages, to what the caller does, and to time."""

import base64
import json
import re
from typing import Any

import numpy as np
import pytest

from agents.builtin.conversation import Shut
from agents.builtin.sounds import Samples, decoded, encoded, louder, tone
from agents.formats import SAMPLE_RATES_HZ, Encoding
from tests.agents.builtin.caller import UNIX, Caller
from tests.agents.builtin.test_ear import key, speech
from tests.peers.tones import strongest

pytestmark = pytest.mark.usefixtures("chiming")

PCMU = {"format": {"encoding": "audio/pcmu"}}
QUIET: dict[str, Any] = {"greeting": "", "input": PCMU, "output": PCMU}


def samples(values: Any) -> Samples:
    return decoded(Encoding.PCM, values.tobytes())


KEY_5, KEY_0 = samples(key("5")), samples(key("0"))
A_WORD = samples(speech(0.8))


def test_ready_tells_who_this_is_and_what_was_configured() -> None:
    caller = Caller(
        system_prompt="Be kind.",
        input={**PCMU, "keyterms": ["codec"]},
        output={"voice": "ivy", "format": {"encoding": "audio/pcm", "sample_rate": 24000}},
        tools=[{"type": "function", "name": "look_up"}],
    )
    (ready,) = caller.messages
    assert ready["type"] == "session.ready"
    assert ready["session_id"].startswith("sess_")
    assert ready["expires_at"] == UNIX + 3600
    config = ready["config"]
    assert config["builtin"] == {"name": "VoIP Number built-in agent", "speech": "chimes"}
    assert config["input"]["format"] == {"encoding": "audio/pcmu", "sample_rate": 8000}
    assert config["input"]["keyterms"] == ["codec"]
    assert config["output"]["format"] == {"encoding": "audio/pcm", "sample_rate": 24000}
    assert (config["output"]["voice"], config["tools"][0]["name"]) == ("ivy", "look_up")


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({"type": "input.audio", "audio": ""}, "invalid_value", "type"),
        ({"type": "session.resume", "session_id": "sess_1"}, "session_not_found", "session_id"),
        ({"type": "session.update"}, "invalid_value", "session"),
        ({"session": {"greeting": None}}, "invalid_value", "session.greeting"),
        ({"session": {"mood": "sunny"}}, "invalid_value", "session.mood"),
        ({"session": {"agent_id": "builtin", "greeting": ""}}, "invalid_value", "session.agent_id"),
        ({"session": {"agent_id": "nobody"}}, "invalid_value", "session.agent_id"),
        ({"session": {"output": {"volume": True}}}, "invalid_value", "session.output.volume"),
        (
            {"session": {"output": {"voice": {"id": "ivy"}}}},
            "invalid_value",
            "session.output.voice",
        ),
        (
            {"session": {"input": {"format": {"encoding": "audio/opus"}}}},
            "invalid_format",
            "session.input.format.encoding",
        ),
        (
            {"session": {"input": {"format": {"encoding": "audio/pcmu", "sample_rate": 16000}}}},
            "invalid_format",
            "session.input.format.sample_rate",
        ),
        (
            {"session": {"system_prompt": "misbehave: a bit"}},
            "invalid_value",
            "session.system_prompt",
        ),
    ],
)
def test_a_first_message_that_is_wrong_is_refused_by_name_and_closed(
    message: dict[str, Any], code: str, param: str
) -> None:
    caller = Caller()
    caller.got.clear()
    caller.first({"type": "session.update", **message})
    (error,) = caller.messages
    assert (error["type"], error["code"], error["param"]) == ("session.error", code, param)
    assert caller.closed == Shut(1008, code)


def test_the_greeting_is_sent_ahead_of_being_heard_and_is_done_when_it_was_heard() -> None:
    caller = Caller(greeting="Good morning to you and everybody in the house.", output=PCMU)
    caller.wait(20)
    assert caller.lines == [("agent", "Good morning to you and everybody in the house.")]
    lasts_s = len(caller.audio("reply_1")) / 8000
    assert lasts_s > 2
    assert caller.moments("reply.audio")[-1] == pytest.approx(lasts_s - 1, abs=0.2)
    assert caller.moments("reply.done") == [pytest.approx(lasts_s)]


@pytest.mark.parametrize("output", list(Encoding))
@pytest.mark.parametrize("given", list(Encoding))
def test_a_tone_is_answered_with_a_tone_a_fifth_above_in_each_pair_of_encodings(
    given: Encoding, output: Encoding
) -> None:
    formats: dict[str, Any] = {
        "input": {"format": {"encoding": given}},
        "output": {"format": {"encoding": output}},
    }
    caller = Caller(greeting="", **formats)
    caller.hear(tone(440, 0.7, 8000))
    caller.listen(2)
    assert [(who, text[:9]) for who, text in caller.lines] == [
        ("caller", "(a tone o"),
        ("agent", "(a tone o"),
    ]
    asked, answered = (int(re.sub(r"\D", "", text)) for _, text in caller.lines)
    assert (abs(asked - 440) < 2, abs(answered - 660) < 3) == (True, True)
    answer = decoded(output, caller.audio("reply_1"))
    assert len(answer) == SAMPLE_RATES_HZ[output]
    assert strongest(np.array(answer), SAMPLE_RATES_HZ[output]).near(660, 0.005)


def test_a_tone_of_the_callers_interrupts_nothing() -> None:
    caller = Caller(greeting="One two three four five six.", input=PCMU)
    caller.wait(0.1)
    caller.hear(tone(440, 0.9, 8000))
    assert not caller.of("reply.done")


def test_speech_is_repeated_once_the_caller_has_stopped() -> None:
    caller = Caller(**QUIET)
    caller.hear(A_WORD)
    caller.listen(2)
    assert [message["type"] for message in caller.messages][1:5] == [
        "input.speech.started",
        "input.speech.stopped",
        "transcript.user",
        "reply.started",
    ]
    repeated = decoded(Encoding.PCMU, caller.audio("reply_1"))
    # Whole words: from before it was noticed to the silence that ended it.
    assert 0.8 <= len(repeated) / 8000 <= 1.4
    assert max(repeated) > 0.9 * max(A_WORD)


def test_keys_are_transcribed_and_read_out() -> None:
    caller = Caller(**QUIET)
    for sound in (KEY_5, samples(key("#"))):
        caller.hear(sound)
        caller.listen(3)
    assert caller.lines == [
        ("caller", "5"),
        ("agent", "You pressed 5."),
        ("caller", "#"),
        ("agent", "You pressed hash."),
    ]


@pytest.mark.parametrize("sound", [A_WORD, KEY_5])
def test_a_caller_who_speaks_or_presses_a_key_interrupts_the_reply(sound: Samples) -> None:
    caller = Caller(greeting="A very long speech that nobody wants to hear.", input=PCMU)
    caller.listen(1.0)
    caller.hear(sound)
    (done,) = caller.of("reply.done")
    assert (done["reply_id"], done["status"]) == ("reply_1", "interrupted")
    assert caller.moments("reply.done")[0] <= 1.1
    assert caller.of("transcript.agent")[0]["interrupted"]
    audio = [message for message in caller.of("reply.audio") if message["reply_id"] == "reply_1"]
    assert caller.messages.index(audio[-1]) < caller.messages.index(done)


def test_a_reply_that_was_sent_whole_can_still_be_interrupted() -> None:
    caller = Caller(greeting="Goodbye to all.", input=PCMU)
    caller.listen(0.2)
    sent = len(caller.of("reply.audio"))
    caller.hear(A_WORD)
    assert len([m for m in caller.of("reply.audio") if m["reply_id"] == "reply_1"]) == sent
    assert caller.of("reply.done")[0]["status"] == "interrupted"


def test_key_0_says_goodbye_and_calls_end_call() -> None:
    caller = Caller(**QUIET)
    caller.hear(KEY_0)
    caller.listen(2)
    (call,) = caller.of("tool.call")
    assert (call["name"], call["arguments"]) == ("end_call", {})
    assert ("agent", "Goodbye.") in caller.lines
    kinds = [message["type"] for message in caller.messages]
    assert kinds.index("tool.call") < kinds.index("reply.done")
    caller.send("tool.result", call_id=call["call_id"], result='{"ok": true}')
    caller.send("session.end")
    assert caller.messages[-1]["type"] == "session.ended"
    assert caller.closed == Shut(1000, "")


def test_a_transfer_that_fails_brings_the_caller_back_with_the_code() -> None:
    caller = Caller(system_prompt="on 1: transfer_call alice", **QUIET)
    caller.hear(samples(key("1")))
    caller.listen(2)
    (call,) = caller.of("tool.call")
    assert (call["name"], call["arguments"]) == ("transfer_call", {"target": "alice"})
    caller.send(
        "tool.result", call_id=call["call_id"], result=json.dumps({"code": 486}), is_error=True
    )
    caller.wait(5)
    assert caller.lines[-1] == ("agent", "The transfer failed with 486. You are back.")


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({"kind": "sing"}, "invalid_value", "type"),
        ({"kind": "input.audio", "audio": "*"}, "invalid_value", "audio"),
        ({"kind": "input.audio", "audio": 7}, "invalid_value", "audio"),
        ({"kind": "tool.result", "call_id": "x", "result": "{}"}, "invalid_value", "call_id"),
        ({"session": {"output": {"voice": "eve"}}}, "immutable_field", "output.voice"),
        ({"session": {"output": PCMU}}, "immutable_field", "output.format.encoding"),
        ({"session": {"greeting": "Hi"}}, "immutable_field", "greeting"),
    ],
)
def test_what_is_wrong_later_is_said_and_ends_nothing(
    message: dict[str, Any], code: str, param: str
) -> None:
    caller = Caller(greeting="")
    caller.send(**{"kind": "session.update", **message})
    error = caller.messages[-1]
    assert (error["type"], error["code"], error["param"]) == ("session.error", code, param)
    assert caller.closed is None


def test_volume_and_input_format_change_while_the_session_lasts() -> None:
    caller = Caller(greeting="", input=PCMU)
    caller.send(
        "session.update",
        session={"output": {"volume": 50}, "input": {"format": {"encoding": "audio/pcma"}}},
    )
    config = caller.messages[-1]["config"]
    assert (config["output"]["volume"], config["input"]["format"]["sample_rate"]) == (50, 8000)
    caller.input = Encoding.PCMA
    caller.hear(tone(440, 0.6, 8000))
    caller.listen(1.5)
    heard = decoded(Encoding.PCM, caller.audio("reply_1"))
    assert max(heard) == pytest.approx(max(louder(tone(660, 1, 24000), 0.5)), rel=0.01)


def test_another_prompt_tells_other_keys_while_the_session_lasts() -> None:
    caller = Caller(system_prompt="on 5: transfer_call alice", **QUIET)
    caller.send("session.update", session={"system_prompt": "on 5: end_call"})
    caller.hear(KEY_5)
    caller.listen(2)
    assert [call["name"] for call in caller.of("tool.call")] == ["end_call"]
    caller.send("session.update", session={"system_prompt": "on 5: sing"})
    assert caller.messages[-1]["param"] == "session.system_prompt"


def test_audio_faster_than_real_time_is_dropped_beyond_two_seconds() -> None:
    caller = Caller(**QUIET)
    audio = encoded(Encoding.PCMU, samples(speech(5.0)))
    for start in range(0, len(audio), 160):
        frame = base64.b64encode(audio[start : start + 160]).decode()
        caller.send("input.audio", audio=frame)
    caller.listen(1)
    assert caller.lines[0] == ("caller", "(2.0 s of speech)")
