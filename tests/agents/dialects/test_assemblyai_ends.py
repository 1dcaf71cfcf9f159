"""How a session of AssemblyAI fails, is lost and ends."""

import pytest

from agents.dialects.assemblyai import AssemblyAI
from agents.dialects.interface import AgentNote, Close, Failed, Failure, SessionOver
from tests.agents.dialects.assemblyai import DONE, INTERRUPTED, STARTED, after, opened, ready
from tests.agents.dialects.tables import sent, session, text

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
    assert after(ready(), message) == [AgentNote("agent-error", "voice is fixed")]


def test_an_expired_session_is_the_end() -> None:
    (failed, close) = after(ready(), text(type="session.error", code="session_expired"))
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.is_retryable, close) == (Failure.EXPIRED, False, Close())


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1008, 1011, 1013])
def test_a_close_without_a_word_is_resumed_whatever_its_code(code: int) -> None:
    (failed,) = ready().closed(code, "", 1.0)
    assert isinstance(failed, Failed)
    assert (failed.is_retryable, failed.keeps_session) == (True, True)
    assert failed.kind is Failure.LOST


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
