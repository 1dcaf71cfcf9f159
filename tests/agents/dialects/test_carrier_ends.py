"""Twilio's and Plivo's dialects: how a session ends, is signed and is found."""

import pytest

from agents.dialects.carrier import CarrierConversation
from agents.dialects.interface import (
    Close,
    Failed,
    Failure,
    HangUp,
    Odd,
    Send,
)
from agents.dialects.plivo import Plivo
from agents.dialects.plivo import signature as plivo_signature
from agents.dialects.twilio import Twilio, call_sid, call_uuid_of
from agents.dialects.twilio import signature as twilio_signature
from tests.agents.dialects.tables import CALL, session, text
from tests.agents.dialects.test_carriers import BOTH, FRAME, PAYLOAD, from_agent, mark, opened

CLOSES = [
    (1001, Failure.LOST, True),
    (1006, Failure.LOST, True),
    (1008, Failure.REFUSED, False),
    (1009, Failure.LOST, False),
    (1011, Failure.LOST, True),
    (1012, Failure.LOST, True),
    (1013, Failure.BUSY, True),
    (4000, Failure.LOST, False),
]


@BOTH
@pytest.mark.parametrize("code", [1000, 1005])
def test_a_normal_close_hangs_up(kind: type[CarrierConversation], code: int) -> None:
    dialect = opened(kind)
    assert dialect.closed(code, "", 1.0) == [HangUp("The agent has closed its websocket")]
    assert dialect.closed(code, "", 1.0) == []


@BOTH
@pytest.mark.parametrize(("code", "failure", "is_passing"), CLOSES)
@pytest.mark.parametrize("has_spoken", [True, False])
def test_another_close_is_tried_again_while_nothing_was_said(
    kind: type[CarrierConversation],
    code: int,
    failure: Failure,
    is_passing: bool,
    has_spoken: bool,
) -> None:
    dialect = opened(kind)
    if has_spoken:
        dialect.received(from_agent(dialect, kind.play, media={"payload": PAYLOAD}), 0.0)
    (failed,) = dialect.closed(code, "told to", 1.0)
    assert isinstance(failed, Failed)
    # Whoever has spoken has not refused the session.
    kind_of_failure = Failure.LOST if has_spoken else failure
    assert failed.kind is kind_of_failure
    assert (failed.code, failed.keeps_session) == (f"closed {code}", False)
    assert failed.is_retryable == (is_passing and not has_spoken)
    assert "told to" in failed.message


@BOTH
def test_nothing_is_said_after_the_end(kind: type[CarrierConversation]) -> None:
    dialect = opened(kind)
    dialect.received(mark(dialect, "m"), 0.0)
    stop, close = dialect.end(1.0)
    assert isinstance(stop, Send)
    assert close == Close(1000)
    assert dialect.end(1.0) == []
    assert dialect.caller_audio(FRAME) == []
    assert dialect.digit("1") == []
    assert dialect.mark_reached("m", is_played=False) == []
    assert dialect.flushed({}) == []
    assert dialect.received(from_agent(dialect, kind.clear), 2.0) == []
    assert dialect.closed(1006, "", 2.0) == []


def test_twilio_signs_the_url() -> None:
    # By openssl: printf %s URL | openssl dgst -sha1 -hmac token -binary | base64
    assert twilio_signature("token", "wss://agent.example.com/ws") == "yndu7qqHTw5Hchs6O2XkSL/Bguk="
    headers = dict(Twilio(session(secret="token")).handshake(1.7e9).headers)
    assert headers == {
        "User-Agent": "VoIPNumber",
        "X-Twilio-Signature": "yndu7qqHTw5Hchs6O2XkSL/Bguk=",
    }


def test_plivo_signs_the_url_and_a_nonce() -> None:
    # By openssl: printf %s 'wss://a.example/s?a=1&b=2.nonce' | openssl dgst -sha256 -hmac token ...
    assert (
        plivo_signature("token", "wss://a.example/s?b=2&a=1", "nonce")
        == "Sl6mq2yozJO5KCSPwg40CRZpT6MtniMXxsGrUeZVYg4="
    )
    one = dict(Plivo(session(secret="token")).handshake(1.7e9).headers)
    other = dict(Plivo(session(secret="token")).handshake(1.7e9 + 1).headers)
    assert one["X-Plivo-Signature-V3-Nonce"] != other["X-Plivo-Signature-V3-Nonce"]
    assert one["X-Plivo-Signature-V3"] != other["X-Plivo-Signature-V3"]


@BOTH
def test_without_a_secret_nothing_is_signed(kind: type[CarrierConversation]) -> None:
    assert dict(kind(session()).handshake(1.7e9).headers) == {"User-Agent": "VoIPNumber"}


@pytest.mark.parametrize(
    ("sid", "uuid"),
    [
        (call_sid(CALL), CALL),
        (CALL, ""),
        ("CA" + "g" * 32, ""),
        (f"CA{CALL}0", ""),
        ("CA", ""),
        ("", ""),
        (f"CACA{CALL[2:]}", ""),
    ],
)
def test_a_call_is_found_by_its_sid(sid: str, uuid: str) -> None:
    assert call_uuid_of(sid) == uuid


def test_keys_that_an_agent_would_press_are_not_dropped_without_a_word() -> None:
    agent = Plivo(session())
    agent.opened(0.0)
    asked = text(event="sendDTMF", dtmf="12")
    assert agent.received(asked, 1.0) == [Odd("sendDTMF: no keys are sent to callers")]
