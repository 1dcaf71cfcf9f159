"""A conversation whose websocket is lost: it is resumed, begun anew or given up."""

from agents.dialects.interface import Failed, Failure
from callengine.core.reasons import Reason
from callengine.worker.agent.effects import AgentReady, AskSocket, DropSocket, Left
from tests.callengine.worker.agent.talk import left, ready


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
