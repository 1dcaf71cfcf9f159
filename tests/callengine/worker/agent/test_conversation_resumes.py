"""A conversation whose websocket is lost: it is resumed, begun anew or given up."""

from dataclasses import replace

from agents.dialects.interface import Failed, Failure
from callengine.core.reasons import Reason
from callengine.worker.agent.effects import AgentReady, AskSocket, DropSocket, Left
from tests.callengine.worker.agent.talk import LOST, left, ready


def test_a_lost_socket_is_replaced_and_the_session_resumed() -> None:
    talk = ready()
    talk.closes()
    talk.waits(0.9)
    assert not talk.says(AskSocket)
    talk.speaks()
    talk.waits(0.2)
    assert talk.says(AskSocket) == [AskSocket()]
    talk.opens()
    assert talk.dialects[-1].session.resume == "session-1"
    talk.takes()
    talk.hears("ready")
    assert not talk.says(AgentReady)
    assert talk.sent() == ["audio 160 00"]


def test_a_transfer_that_failed_meanwhile_is_told_once_the_session_is_resumed() -> None:
    talk = ready()
    talk.hears("transfer")
    talk.closes()
    talk.it.transfer_failed("t1", 486, "it is busy", talk.now)
    talk.waits(1.0)
    talk.opens()
    assert talk.dialects[-1].session.transfers == ("t1",)
    talk.takes()
    talk.hears("ready")
    assert talk.sent() == ["transfer t1 486 it is busy"]
    talk.closes()
    talk.waits(1.0)
    talk.opens()
    talk.takes()
    talk.hears("ready")
    assert talk.sent() == [], "it is told once"


def test_a_new_session_is_told_of_no_transfer_of_the_one_before() -> None:
    talk = ready()
    talk.hears("transfer")
    talk.dialects[-1].at_close = [replace(LOST, keeps_session=False)]
    talk.closes()
    talk.it.transfer_failed("t1", 486, "it is busy", talk.now)
    talk.waits(1.0)
    talk.opens()
    assert talk.dialects[-1].session.transfers == ()
    talk.takes()
    talk.hears("ready")
    assert talk.sent() == []


def test_what_refuses_to_resume_gets_a_new_session() -> None:
    talk = ready()
    talk.closes()
    talk.waits(1.0)
    talk.opens()
    talk.dialects[-1].script = {
        "no": [Failed(Failure.REFUSED, "session_not_found", "", True, keeps_session=False)]
    }
    talk.hears("no")
    talk.waits(2.0)
    talk.opens()
    assert talk.dialects[-1].session.resume == ""


def test_a_lost_agent_is_tried_after_1_2_and_4_s_and_then_given_up() -> None:
    talk = ready()
    talk.closes()
    began = talk.now
    asked = []
    for wait_s in (1.0, 2.0, 4.0):
        talk.takes()
        talk.waits(wait_s)
        assert talk.says(AskSocket)
        asked.append(talk.now - began)
        talk.cannot_connect()
    assert asked == [1.0, 3.0, 7.0]
    assert left(talk) == Left(Reason.AGENT_LOST, "refused")


def test_one_that_connects_and_is_never_ready_again_is_tried_anew() -> None:
    talk = ready(ready_timeout_s=3.0)
    talk.closes()
    talk.waits(1.0)
    talk.opens()
    talk.takes()
    talk.waits(3.0)
    assert DropSocket() in talk.takes()
    talk.waits(2.0)
    assert talk.says(AskSocket) == [AskSocket()]
