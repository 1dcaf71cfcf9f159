"""A conversation until the agent is ready: asked for, refused, tried again."""

import pytest

from agents.dialects.interface import AgentNote, Handshake, Send
from callengine.core.reasons import Reason
from callengine.worker.agent.effects import AgentReady, AskSocket, DropSocket, Left, OpenSocket
from callengine.worker.agent.websocket import SocketOver
from tests.callengine.worker.agent.talk import UNIX, Talk, left


def test_it_asks_for_a_socket_opens_it_and_is_answered_when_ready() -> None:
    talk = Talk()
    assert talk.takes() == [AskSocket()]
    talk.waits(0.1)
    talk.opens()
    opened, hello = talk.takes()
    assert opened == OpenSocket(Handshake("ws://agent"), 1000)
    assert hello == Send("hello")
    talk.waits(0.2)
    talk.hears("ready")
    assert talk.takes() == [AgentReady()]
    assert talk.it.record.session_id == "session-1"
    assert talk.it.record.moments == {
        "asked": UNIX,
        "connected": pytest.approx(UNIX + 0.1),
        "ready": pytest.approx(UNIX + 0.3),
    }


def test_the_callers_first_second_before_ready_reaches_the_agent_in_one_burst() -> None:
    talk = Talk()
    talk.opens()
    for number in range(70):
        talk.speaks(bytes([number]) * 160)
    assert not [text for text in talk.sent() if text.startswith("audio")]
    talk.hears("ready")
    burst = talk.sent()
    assert len(burst) == 50  # the newest second
    assert (burst[0], burst[-1]) == ("audio 160 14", "audio 160 45")
    talk.speaks()
    assert talk.sent() == ["audio 160 00"]


def test_keys_pressed_before_ready_reach_the_agent_once() -> None:
    talk = Talk(answers_at_once=True)
    for digit in "42":
        talk.it.digit(digit, talk.now)
    talk.opens()
    talk.hears("ready")
    talk.it.digit("7", talk.now)
    talk._drain()
    assert talk.sent() == ["hello", "digit 4", "digit 2", "digit 7"]


def test_keys_pressed_while_it_is_connected_anew_are_told_then() -> None:
    talk = Talk()
    talk.opens()
    talk.hears("ready")
    talk.closes()
    talk.it.digit("5", talk.now)
    talk.waits(1.0)
    talk.opens()
    talk.takes()
    talk.hears("ready")
    assert talk.sent() == ["digit 5"]


def test_an_agent_that_is_never_ready_is_given_up() -> None:
    talk = Talk(ready_timeout_s=10.0)
    talk.opens()
    talk.waits(9.9)
    assert left(talk) is None
    talk.waits(0.2)
    assert talk.sent()[-1] == "bye"
    talk.closes(1000)
    assert left(talk) == Left(Reason.AGENT_NOT_READY, "nothing within 10 s")


def test_an_agent_that_refuses_is_not_tried_again() -> None:
    talk = Talk()
    talk.opens()
    talk.takes()
    talk.hears("unauthorized")
    assert DropSocket() in talk.wanted
    assert left(talk) == Left(Reason.AGENT_REFUSED, "unauthorized: Invalid API key")


def test_an_agent_that_is_busy_twice_is_connected_to_the_third_time() -> None:
    talk = Talk()
    for wait_s in (1.0, 2.0):
        talk.opens()
        talk.takes()
        talk.hears("busy")
        assert not talk.says(AskSocket)
        talk.waits(wait_s)
        assert talk.says(AskSocket) == [AskSocket()]
    talk.opens()
    talk.hears("ready")
    assert talk.says(AgentReady)
    assert len(talk.dialects) == 3


def test_one_that_stays_busy_is_given_up_after_the_third_retry() -> None:
    talk = Talk(ready_timeout_s=20.0)
    for _ in range(4):
        talk.opens()
        talk.hears("busy")
        talk.waits(4.0)
    assert left(talk) == Left(Reason.AGENT_BUSY, "at_capacity: full")


def test_a_host_that_cannot_be_reached_is_tried_once_more() -> None:
    talk = Talk()
    talk.takes()
    talk.cannot_connect()
    talk.waits(1.0)
    assert AskSocket() in talk.takes()
    talk.cannot_connect()
    assert left(talk) == Left(Reason.AGENT_UNREACHABLE, "refused")


@pytest.mark.parametrize(
    ("over", "reason", "detail"),
    [
        (
            SocketOver(1006, "no such agent", "HTTP 404 Not Found", 404),
            Reason.AGENT_REFUSED,
            "The agent's server refused the websocket with HTTP 404: no such agent",
        ),
        (
            SocketOver(1006, "", "its certificate is not accepted: self-signed certificate"),
            Reason.AGENT_UNREACHABLE,
            "its certificate is not accepted: self-signed certificate",
        ),
    ],
)
def test_a_websocket_that_does_not_open_says_why(
    over: SocketOver, reason: Reason, detail: str
) -> None:
    talk = Talk()
    for _ in range(2):
        talk.it.connected(talk.now)
        talk.it.heard(over, talk.now)
        talk.waits(1.0)
    assert left(talk) == Left(reason, detail)


def test_waiting_to_try_again_does_not_outlast_the_wait_for_ready() -> None:
    talk = Talk(ready_timeout_s=2.5)
    talk.opens()
    talk.hears("busy")
    talk.waits(1.0)
    talk.opens()
    talk.takes()
    talk.hears("busy")
    assert left(talk) == Left(Reason.AGENT_BUSY, "at_capacity: full")
    assert not talk.says(AgentNote), "nothing is announced that will not be"


def test_audio_before_the_agent_is_ready_is_not_lost_without_a_word() -> None:
    talk = Talk()
    talk.opens()
    talk.hears("speak", "ready")
    assert talk.plays(5) == 0
    assert [note.text for note in talk.says(AgentNote)] == [
        "Ignored of what the agent sent: audio before it was ready."
    ]


def test_what_a_server_repeats_of_the_key_is_in_no_reason_however_long_its_answer() -> None:
    """Cut in two, a key is not found any more; what is left of it still opens doors."""
    talk = Talk(secret="sk-very-secret-key")
    talk.it.connected(talk.now)
    talk.it.heard(SocketOver(1006, "x" * 190 + " sk-very-secret-key", "", 401), talk.now)
    gone = left(talk)
    assert gone is not None
    assert "sk-very" not in gone.detail
    assert gone.detail.endswith("***")


def test_what_an_agent_says_of_its_end_is_one_line() -> None:
    talk = Talk()
    talk.opens()
    talk.it.heard(SocketOver(1008, "bad key\r\nRule: none \u202egnp"), talk.now)
    talk._drain()
    assert talk.it.record.close_reason == "bad key Rule: none ?gnp"
