"""Who ends a conversation, and what is heard until then."""

from callengine.core.reasons import Reason
from callengine.worker.agent.effects import CloseSocket, DropSocket, Left, Phase
from tests.callengine.worker.agent.talk import Talk, left, ready


def test_the_goodbye_is_heard_whole_before_the_end() -> None:
    talk = ready()
    talk.hears("speak long", "done", "hang up")
    assert talk.plays(499) > 490
    assert left(talk) is None
    talk.plays(10)
    assert talk.sent() == ["bye"]
    talk.closes(1000)
    assert left(talk) == Left(Reason.AGENT_ENDED, "end_call")
    assert talk.it.phase is Phase.ENDED


def test_a_goodbye_without_an_end_is_cut_15_s_after_its_expected_end() -> None:
    talk = ready()
    talk.hears("speak", "hang up")
    for _ in range(160):
        talk.hears("speak")
        talk.plays(5)
    assert "bye" in talk.sent()


def test_an_interrupted_goodbye_keeps_the_call() -> None:
    talk = ready()
    talk.hears("speak", "done", "hang up", "keep", "flush")
    talk.plays(200)
    assert talk.it.is_ready
    assert left(talk) is None


def test_an_agent_that_ends_its_session_is_heard_out() -> None:
    talk = ready()
    talk.hears("speak", "done", "over")
    assert CloseSocket(1000, "") in talk.takes()
    talk.closes(1000)
    assert talk.plays(30) == 10
    assert left(talk) == Left(Reason.AGENT_ENDED, "the agent ended the session")


def test_a_caller_that_hangs_up_is_told_and_waited_for_two_seconds_at_most() -> None:
    talk = ready()
    talk.it.end(talk.now)
    talk._drain()
    assert talk.sent() == ["bye"]
    talk.waits(1.9)
    assert left(talk) is None
    talk.hears("speak")  # an agent that goes on after the end
    assert talk.plays(2) == 0
    talk.waits(0.2)
    assert [DropSocket(), Left(None)] == [
        effect for effect in talk.takes() if isinstance(effect, DropSocket | Left)
    ]


def test_a_caller_that_hangs_up_before_the_agent_is_there_leaves_at_once() -> None:
    talk = Talk()
    talk.it.end(talk.now)
    talk._drain()
    assert left(talk) == Left(None)


def test_silence_ends_the_call_and_whoever_speaks_puts_that_off() -> None:
    talk = ready(silence_timeout_s=5.0)
    talk.waits(4.0)
    talk.it.active(talk.now)
    talk.waits(4.0)
    talk.hears("speak", "done")
    talk.plays(12)
    talk.waits(4.0)
    talk.it.digit("1", talk.now)
    talk.waits(4.0)
    assert left(talk) is None
    talk.waits(1.6)
    assert left(talk) == Left(Reason.AGENT_SILENT, "5 s")


def test_an_agent_that_sends_silence_all_the_time_says_nothing() -> None:
    talk = ready(silence_timeout_s=5.0)
    for _ in range(290):
        talk.hears("silence")
        talk.plays(1)
    assert left(talk) == Left(Reason.AGENT_SILENT, "5 s")


def test_an_agent_that_sends_nothing_does_not_end_the_call_by_itself() -> None:
    talk = ready()
    talk.waits(1700.0)
    assert talk.it.is_ready


def test_a_call_that_lasts_too_long_is_ended() -> None:
    talk = ready(max_duration_s=60.0)
    talk.waits(60.6)
    assert left(talk) == Left(Reason.AGENT_DURATION, "60 s")


def test_an_expired_session_says_so() -> None:
    talk = ready()
    talk.hears("expired")
    assert left(talk) == Left(Reason.AGENT_EXPIRED, "session_expired")
