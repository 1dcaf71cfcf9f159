"""The conversation with an agent: the clock is the test's, the dialect does as it is told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agents.dialects import interface as say
from agents.dialects.interface import Failed, Failure, Handshake, Line, Note, Send, Session
from agents.formats import Encoding
from callengine.core.orders import AgentOrder
from callengine.core.reasons import Reason
from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.agent.effects import (
    AgentReady,
    AskSocket,
    CloseSocket,
    DropSocket,
    Effect,
    Left,
    OpenSocket,
    Phase,
)
from callengine.worker.agent.websocket import SocketMessage, SocketOpened, SocketOver

ORDER = AgentOrder("support", "assemblyai", "ws://agent", input=Encoding.PCMU, output=Encoding.PCMU)
UNIX = 1_000_000.0
FRAME = bytes(range(160))
LOST = Failed(Failure.LOST, "closed 1006", "the connection broke", is_retryable=True)


class ScriptedDialect:
    """Answers a message with the effects a test has put down for it."""

    name, takes_digits, max_message_bytes = "scripted", True, 1000

    def __init__(self, session: Session, script: Mapping[str, list[say.Effect]]) -> None:
        self.session, self.script = session, script
        self.heard: list[tuple[Any, ...]] = []
        self.at_close: list[say.Effect] = [LOST]

    def handshake(self, now: float) -> Handshake:
        return Handshake(self.session.url)

    def opened(self, now: float) -> list[say.Effect]:
        return [Send("hello")]

    def received(self, message: str | bytes, now: float) -> list[say.Effect]:
        return list(self.script.get(str(message), []))

    def closed(self, code: int, reason: str, now: float) -> list[say.Effect]:
        return self.at_close

    def caller_audio(self, audio: bytes) -> list[say.Send]:
        return [Send(f"audio {len(audio)} {audio[:1].hex()}")]

    def digit(self, digit: str) -> list[say.Effect]:
        return [Send(f"digit {digit}")]

    def mark_reached(self, name: str, *, is_played: bool) -> list[say.Effect]:
        return [Send(f"mark {name} {'played' if is_played else 'thrown away'}")]

    def flushed(self, played_ms: Mapping[str, float]) -> list[say.Effect]:
        return [Send(f"heard {dict(played_ms)}")]

    def transfer_over(self, key: str, code: int, why: str, now: float) -> list[say.Effect]:
        return [Send(f"transfer {key} {code} {why}")]

    def change(self, settings: Mapping[str, Any]) -> list[say.Effect]:
        if "voice" in settings:
            raise say.ImmutableError("voice is fixed")
        return [Send(f"change {dict(settings)}")]

    def end(self, now: float) -> list[say.Effect]:
        return [Send("bye")]

    def next_deadline(self) -> float | None:
        return None

    def tick(self, now: float) -> list[say.Effect]:
        return []


SCRIPT: dict[str, list[say.Effect]] = {
    "ready": [say.Ready("session-1")],
    "speak": [say.Play(FRAME * 10, "r1")],
    "speak long": [say.Play(FRAME * 500, "r1")],
    "mark": [say.Mark("m1")],
    "done": [say.ReplyDone("r1")],
    "flush": [say.Flush("interrupted")],
    "hang up": [say.HangUp("end_call")],
    "keep": [say.KeepCall()],
    "over": [say.SessionOver(), say.Close()],
    "close": [say.Close(1000, "")],
    "unauthorized": [
        Failed(Failure.REFUSED, "unauthorized", "Invalid API key.", is_retryable=False),
        say.Close(),
    ],
    "busy": [Failed(Failure.BUSY, "at_capacity", "full", is_retryable=True), say.Close()],
    "expired": [Failed(Failure.EXPIRED, "session_expired", "", is_retryable=False)],
    "odd": [say.Odd("broken JSON")],
    "line": [Line("k", "caller", "hello", is_final=True)],
    "transfer": [say.TransferTo("alice", "t1")],
}


class Talk:
    """A conversation, its clock, and what it wanted."""

    def __init__(self, **settings: Any) -> None:
        self.now = 100.0
        self.dialects: list[ScriptedDialect] = []
        self.wanted: list[Effect] = []
        self.it = AgentConversation(
            replace(ORDER, **settings),
            call_uuid="1" * 32,
            make=self._make,
            now=self.now,
            unix_offset=UNIX - self.now,
        )
        self._drain()

    def _make(self, _: str, session: Session) -> ScriptedDialect:
        self.dialects.append(ScriptedDialect(session, SCRIPT))
        return self.dialects[-1]

    def _drain(self) -> None:
        self.wanted += self.it.drain()

    def takes(self) -> list[Effect]:
        """Return what was wanted since this was asked last."""
        wanted, self.wanted = self.wanted, []
        return wanted

    def says(self, kind: type[Effect]) -> list[Any]:
        return [effect for effect in self.wanted if isinstance(effect, kind)]

    def sent(self) -> list[str]:
        return [effect.text for effect in self.takes() if isinstance(effect, Send)]

    def opens(self) -> None:
        self.it.connected(self.now)
        self.it.heard(SocketOpened(), self.now)
        self._drain()

    def hears(self, *messages: str) -> None:
        for message in messages:
            self.it.heard(SocketMessage(message), self.now)
        self._drain()

    def closes(self, code: int = 1006) -> None:
        self.it.heard(SocketOver(code, ""), self.now)
        self._drain()

    def cannot_connect(self) -> None:
        self.it.not_connected("refused", self.now)
        self._drain()

    def speaks(self, frame: bytes = FRAME) -> None:
        self.it.caller_audio(frame)
        self._drain()

    def plays(self, frames: int) -> int:
        """Let 20 ms pass so many times; return how many frames were not silent."""
        played = 0
        for _ in range(frames):
            self.waits(0.02)
            played += self.it.frame(self.now, 160) is not None
            self._drain()
        return played

    def waits(self, seconds: float) -> None:
        """Let time pass, with a tick wherever one is due."""
        until = self.now + seconds
        for _ in range(10_000):
            due = self.it.next_deadline()
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.it.tick(self.now)
            self._drain()
        self.now = until


def ready(**settings: Any) -> Talk:
    talk = Talk(**settings)
    talk.opens()
    talk.hears("ready")
    talk.takes()
    return talk


def left(talk: Talk) -> Left | None:
    talk._drain()
    return next(iter(talk.says(Left)), None)


# Setting up


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
    talk.hears("busy")
    talk.waits(1.4)
    assert left(talk) is None
    talk.waits(0.2)
    assert left(talk) == Left(Reason.AGENT_BUSY, "at_capacity: full")


# Audio


def test_what_was_played_is_told_and_marks_come_back_when_played_or_thrown_away() -> None:
    talk = ready()
    talk.hears("speak", "mark", "done")
    assert talk.plays(11) == 10
    assert talk.sent() == ["mark m1 played"]
    talk.hears("speak long", "mark")
    talk.plays(25)
    talk.hears("flush")
    assert talk.sent() == ["heard {'r1': 700.0}", "mark m1 thrown away"]
    assert talk.it.record.barge_ins == 1
    assert talk.plays(5) == 0


def test_a_flush_of_nothing_is_no_barge_in() -> None:
    talk = ready()
    talk.hears("flush")
    assert talk.it.record.barge_ins == 0


def test_audio_before_the_caller_hears_any_is_kept() -> None:
    talk = ready()
    talk.hears("speak", "done")
    talk.waits(3.0)
    assert talk.plays(12) == 10


def test_one_who_is_answered_at_once_hears_ringing_until_the_agent_is_ready() -> None:
    talk = Talk(answers_at_once=True)
    assert talk.plays(260) == 260
    tone = talk.it.frame(talk.now, 160)
    assert tone not in (None, b"\xff" * 160)
    talk.opens()
    talk.hears("ready")
    assert talk.plays(3) == 0


# The end


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


# Lost and found


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


# The rest


def test_odd_messages_are_noted_once_and_counted() -> None:
    talk = ready()
    talk.hears(*["odd"] * 7)
    assert talk.takes() == [Note("agent-odd", "Ignored of what the agent sent: broken JSON.")]
    talk.it.end(talk.now)
    talk.closes(1000)
    notes = [effect.text for effect in talk.takes() if isinstance(effect, Note)]
    assert notes == ["Ignored of what the agent sent: 7 x broken JSON."]


@pytest.mark.parametrize(("keeps", "count"), [(True, 1), (False, 0)])
def test_lines_are_kept_only_if_that_is_set(keeps: bool, count: int) -> None:
    talk = ready(keeps_transcript=keeps)
    talk.hears("line")
    assert len(talk.says(Line)) == count


def test_an_agent_that_asks_for_a_transfer_and_hangs_up_waits_for_the_decision() -> None:
    talk = ready()
    talk.hears("transfer")
    talk.dialects[-1].at_close = [say.HangUp("closed")]
    talk.closes(1000)
    talk.waits(5.0)
    assert left(talk) is None
    talk.it.transfer_failed("t1", 486, "busy", talk.now)
    talk.waits(1.0)
    assert left(talk) == Left(Reason.AGENT_ENDED, "closed")


def test_a_failed_transfer_is_told_with_its_code() -> None:
    talk = ready()
    talk.hears("transfer")
    talk.takes()
    talk.it.transfer_failed("t1", 486, "busy", talk.now)
    talk._drain()
    assert talk.sent() == ["transfer t1 486 busy"]


def test_settings_are_changed_or_refused_with_the_reason() -> None:
    talk = ready()
    talk.it.change('{"system_prompt": "Be brief."}', "olga", talk.now)
    talk.it.change('{"voice": "ivy"}', "olga", talk.now)
    talk._drain()
    sent, changed, refused = talk.takes()
    assert sent == Send("change {'system_prompt': 'Be brief.'}")
    assert changed == Note("agent-changed", "olga changed system_prompt.")
    assert refused == Note("agent-not-changed", "olga could not change voice: voice is fixed")
    talk.closes()
    talk.waits(1.0)
    talk.opens()
    assert talk.dialects[-1].session.system_prompt == "Be brief."
