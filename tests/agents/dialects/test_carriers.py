"""Twilio's and Plivo's dialects, by tables."""

import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from typing import Any

import pytest

from agents.dialects.carrier import MAX_MARKS, CarrierConversation
from agents.dialects.interface import (
    Flush,
    Mark,
    Odd,
    Play,
    Ready,
)
from agents.dialects.plivo import Plivo
from agents.dialects.twilio import Twilio
from tests.agents.dialects.tables import CALL, others, sent, session, text

STREAM = f"MZ{CALL}"
FRAME = bytes(range(160))
PAYLOAD = b64encode(FRAME).decode()
BOTH = pytest.mark.parametrize("kind", [Twilio, Plivo])


def opened(kind: type[CarrierConversation], **settings: Any) -> CarrierConversation:
    dialect = kind(session(**settings))
    dialect.opened(0.0)
    return dialect


def from_agent(dialect: CarrierConversation, event: str, **values: Any) -> str:
    return text(event=event, **{dialect.stream_key: dialect.stream_id}, **values)


def mark(dialect: CarrierConversation, name: object) -> str:
    if isinstance(dialect, Twilio):
        return from_agent(dialect, "mark", mark={"name": name})
    return from_agent(dialect, "checkpoint", name=name)


def test_twilio_says_connected_then_start() -> None:
    connected, start = sent(Twilio(session(parameters={"id": "7", "From": "x"})).opened(0.0))
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": STREAM,
        "start": {
            "streamSid": STREAM,
            "accountSid": "AC1",
            "callSid": f"CA{CALL}",
            "tracks": ["inbound"],
            "customParameters": {
                "id": "7",
                "From": "+12025550100",
                "To": "+12035550177",
                "from_number": "+12025550100",
                "to_number": "+12035550177",
                "sipCallId": "abc@example.com",
            },
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    }


def test_plivo_says_start() -> None:
    (start,) = sent(Plivo(session(parameters={"id": "7;To=8"})).opened(0.0))
    assert start == {
        "event": "start",
        "sequenceNumber": 1,
        "streamId": CALL,
        "start": {
            "callId": CALL,
            "streamId": CALL,
            "accountId": "AC1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        },
        "extra_headers": "id=7 To=8;From=+12025550100;To=+12035550177;sipCallId=abc@example.com",
    }


@BOTH
def test_who_takes_the_websocket_is_ready(kind: type[CarrierConversation]) -> None:
    dialect = kind(session())
    assert others(dialect.opened(0.0)) == [Ready(dialect.stream_id)]


def test_twilio_numbers_are_strings_and_go_on() -> None:
    dialect = opened(Twilio)
    messages = sent(
        dialect.caller_audio(FRAME)
        + dialect.digit("#")
        + dialect.caller_audio(FRAME)
        + dialect.end(1.0)
    )
    assert messages == [
        {
            "event": "media",
            "sequenceNumber": "2",
            "streamSid": STREAM,
            "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": PAYLOAD},
        },
        {
            "event": "dtmf",
            "sequenceNumber": "3",
            "streamSid": STREAM,
            "dtmf": {"track": "inbound_track", "digit": "#"},
        },
        {
            "event": "media",
            "sequenceNumber": "4",
            "streamSid": STREAM,
            "media": {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": PAYLOAD},
        },
        {
            "event": "stop",
            "sequenceNumber": "5",
            "streamSid": STREAM,
            "stop": {"accountSid": "AC1", "callSid": f"CA{CALL}"},
        },
    ]


def test_plivo_numbers_are_integers() -> None:
    dialect = opened(Plivo)
    media, digit = sent(dialect.caller_audio(FRAME) + dialect.digit("5"))
    assert media == {
        "event": "media",
        "sequenceNumber": 2,
        "streamId": CALL,
        "media": {"track": "inbound", "timestamp": "0", "chunk": 1, "payload": PAYLOAD},
    }
    assert digit == {
        "event": "dtmf",
        "sequenceNumber": 3,
        "streamId": CALL,
        "dtmf": {"track": "inbound", "digit": "5"},
    }


@BOTH
@pytest.mark.parametrize(
    ("sizes", "frames"), [([160] * 3, 3), ([240] * 2, 3), ([80], 0), ([8000], 50), ([80, 80], 1)]
)
def test_a_frame_is_160_bytes_whatever_the_packets(
    kind: type[CarrierConversation], sizes: list[int], frames: int
) -> None:
    dialect = opened(kind)
    audio = [bytes(number % 256 for number in range(size)) for size in sizes]
    messages = [message for part in audio for message in sent(dialect.caller_audio(part))]
    assert len(messages) == frames
    assert {len(message["media"]["payload"]) for message in messages} <= {len(PAYLOAD)}


@BOTH
def test_audio_of_any_length_is_played(kind: type[CarrierConversation]) -> None:
    dialect = opened(kind)
    for audio in (b"", b"\x00", bytes(range(256)) * 40):
        media = {"payload": b64encode(audio).decode()}
        assert dialect.received(from_agent(dialect, kind.play, media=media), 0.0) == [Play(audio)]


@pytest.mark.parametrize("audio", [FRAME[:159], b"\xfb\xef\xbe\xff" * 40])
@BOTH
def test_base64_is_read_however_it_is_written(
    kind: type[CarrierConversation], audio: bytes
) -> None:
    """Broken into lines, without padding, in the alphabet for URLs: servers send each of them."""
    dialect = opened(kind)
    whole = b64encode(audio).decode()
    for payload in (encodebytes(audio).decode(), whole.rstrip("="), urlsafe_b64encode(audio)):
        written = payload if isinstance(payload, str) else payload.decode()
        message = from_agent(dialect, kind.play, media={"payload": written})
        assert dialect.received(message, 0.0) == [Play(audio)]


@pytest.mark.parametrize(
    ("media", "what"),
    [
        ({}, "audio message without audio"),
        (None, "audio message without audio"),
        ({"payload": 7}, "audio message without audio"),
        ({"payload": "###"}, "audio that is not base64"),
        ({"payload": "AAAAA"}, "audio that is not base64"),
        ({"payload": "\u00e4"}, "audio that is not base64"),
    ],
)
@BOTH
def test_audio_that_is_none_is_counted(
    kind: type[CarrierConversation], media: object, what: str
) -> None:
    dialect = opened(kind)
    assert dialect.received(from_agent(dialect, kind.play, media=media), 0.0) == [Odd(what)]


@pytest.mark.parametrize(
    ("content_type", "rate", "is_played"),
    [
        ("audio/x-mulaw", 8000, True),
        ("audio/x-mulaw", "8000", True),
        ("Audio/X-Mulaw;rate=8000", 8000, True),
        (None, None, True),
        ("audio/x-l16", 8000, False),
        ("audio/x-mulaw", 16000, False),
    ],
)
def test_plivo_audio_of_another_format_is_not_played(
    content_type: object, rate: object, is_played: bool
) -> None:
    dialect = opened(Plivo)
    media = {"payload": PAYLOAD, "contentType": content_type, "sampleRate": rate}
    effects = dialect.received(from_agent(dialect, "playAudio", media=media), 0.0)
    odd = Odd("audio that is not audio/x-mulaw at 8000")
    assert effects == [Play(FRAME) if is_played else odd]


@BOTH
def test_what_is_of_another_stream_is_counted(kind: type[CarrierConversation]) -> None:
    dialect = opened(kind)
    odd = [Odd(f"message with another {kind.stream_key}")]
    for event in (kind.play, kind.clear, kind.mark):
        for other in ("x", 7, ""):
            message = json.dumps({"event": event, kind.stream_key: other})
            assert dialect.received(message, 0.0) == odd


@BOTH
def test_what_names_no_stream_is_of_the_one_there_is(kind: type[CarrierConversation]) -> None:
    """Plivo's own examples of playAudio name none; the agent was not heard."""
    dialect = opened(kind)
    message = json.dumps({"event": kind.play, "media": {"payload": PAYLOAD}})
    assert dialect.received(message, 0.0) == [Play(FRAME)]


@BOTH
@pytest.mark.parametrize(
    ("message", "what"),
    [
        (b"\x00", "binary message"),
        ("", "message that is not JSON"),
        ("[" * 100_000, "message that is not JSON"),
        ("7", "message that is not a JSON object"),
        ("{}", "message without event"),
        ('{"event": 7}', "message without event"),
        ('{"event": "hello"}', "message of unknown type hello"),
        ('{"event": "a\\u0000b"}', "message of unknown type"),
    ],
)
def test_what_is_not_understood_is_counted(
    kind: type[CarrierConversation], message: str | bytes, what: str
) -> None:
    assert opened(kind).received(message, 0.0) == [Odd(what)]


@BOTH
def test_names_of_unknown_messages_are_bounded(kind: type[CarrierConversation]) -> None:
    dialect = opened(kind)
    told = {dialect.received(text(event=f"e{n}"), 0.0)[0] for n in range(1000)}
    told |= set(dialect.received(text(event="x" * 1_000_000), 0.0))
    assert len(told) == 17
    assert Odd("message of unknown type") in told


@BOTH
def test_a_flush_is_asked_for_by_the_agent(kind: type[CarrierConversation]) -> None:
    dialect = opened(kind)
    assert dialect.received(from_agent(dialect, kind.clear), 0.0) == [
        Flush("The agent asked for it")
    ]


def test_plivo_is_told_of_a_flush() -> None:
    (message,) = sent(opened(Plivo).flushed({}))
    assert message["event"] == "clearedAudio"
    assert opened(Twilio).flushed({}) == []


@BOTH
def test_a_mark_comes_back_when_it_is_played(kind: type[CarrierConversation]) -> None:
    dialect = opened(kind)
    assert dialect.received(mark(dialect, "m"), 0.0) == [Mark("m")]
    (message,) = sent(dialect.mark_reached("m", is_played=True))
    event = {"event": "mark", "mark": {"name": "m"}}
    assert (
        message.items()
        >= (event if kind is Twilio else {"event": "playedStream", "name": "m"}).items()
    )


def test_a_cleared_mark_comes_back_at_twilio_alone() -> None:
    for kind, count in ((Twilio, 1), (Plivo, 0)):
        dialect = opened(kind)
        dialect.received(mark(dialect, "m"), 0.0)
        assert len(sent(dialect.mark_reached("m", is_played=False))) == count


@BOTH
def test_marks_that_wait_are_bounded(kind: type[CarrierConversation]) -> None:
    dialect = opened(kind)
    message = mark(dialect, "m")
    effects = [effect for _ in range(MAX_MARKS + 5) for effect in dialect.received(message, 0.0)]
    assert effects[:MAX_MARKS] == [Mark("m")] * MAX_MARKS
    assert {type(effect) for effect in effects[MAX_MARKS:]} == {Odd}
    dialect.mark_reached("m", is_played=True)
    assert dialect.received(message, 0.0) == [Mark("m")]


@BOTH
@pytest.mark.parametrize("name", [None, 7, "x" * 257, {}])
def test_a_mark_without_a_name_to_keep_is_counted(
    kind: type[CarrierConversation], name: object
) -> None:
    dialect = opened(kind)
    (effect,) = dialect.received(mark(dialect, name), 0.0)
    assert isinstance(effect, Odd)
