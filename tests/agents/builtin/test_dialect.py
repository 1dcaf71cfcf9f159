"""The product's own side of the dialect and the built-in agent's, one against the other."""

import json
from collections.abc import Iterable

import pytest

from agents.builtin import replies
from agents.builtin.conversation import Out, ServedConversation, Shut
from agents.builtin.lobby import Lobby
from agents.builtin.sounds import Samples, encoded, silence
from agents.dialects import registry
from agents.dialects.interface import (
    Close,
    Effect,
    Failed,
    Flush,
    HangUp,
    Line,
    Odd,
    Play,
    Ready,
    Send,
    Session,
    SessionOver,
    TransferTo,
)
from agents.formats import AudioFormat, Encoding
from tests.agents.builtin.test_conversation import A_WORD, KEY_0, samples
from tests.agents.builtin.test_ear import key

pytestmark = pytest.mark.usefixtures("chiming")

PCMU = AudioFormat(Encoding.PCMU)


class Call:
    """Both ends of a websocket, and what the call's side wants done."""

    def __init__(self, prompt: str, greeting: str = "Hello.") -> None:
        self.session = Session(
            url="ws://127.0.0.1:8070/v1/ws",
            system_prompt=prompt,
            greeting=greeting,
            input=PCMU,
            output=PCMU,
            volume=100,
        )
        self.now = 0.0
        self.effects: list[Effect] = []
        self.lobby = Lobby("chimes")
        self.agent: ServedConversation | None = None
        self.dialect = registry.make("assemblyai", self.session)
        self.carry_out(self.dialect.opened(self.now))

    def of(self, kind: type[Effect]) -> list[Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def hear(self, sound: Samples) -> None:
        audio = encoded(Encoding.PCMU, sound)
        for start in range(0, len(audio), PCMU.frame_bytes):
            self.carry_out(self.dialect.caller_audio(audio[start : start + PCMU.frame_bytes]))
            self.wait(0.02)

    def wait(self, seconds: float) -> None:
        """Let time pass for both."""
        until = self.now + seconds
        while self.agent is not None:
            if (reply := self.agent.wanted) is not None:
                audio = replies.rendered(reply.sound, Encoding.PCMU, 100)
                self._came(self.agent.rendered(reply, audio, self.now))
            elif (due := self.agent.next_deadline()) <= until:
                self.now = max(self.now, due)
                self._came(self.agent.tick(self.now))
            else:
                break
            self._due()
        self.now = until
        self._due()

    def _due(self) -> None:
        due = self.dialect.next_deadline()
        if due is not None and due <= self.now:
            self.carry_out(self.dialect.tick(self.now))

    def carry_out(self, effects: Iterable[Effect]) -> None:
        """Do what the dialect wants: what it sends reaches the agent."""
        for effect in effects:
            self.effects.append(effect)
            if not isinstance(effect, Send):
                continue
            message = json.loads(effect.text)
            if self.agent is None:
                self.agent, out = self.lobby.first(message, self.now, self.now)
            else:
                out = self.agent.received(message, self.now)
            self._came(out)

    def _came(self, out: Iterable[Out]) -> None:
        for item in out:
            if isinstance(item, str | bytes):
                self.carry_out(self.dialect.received(item, self.now))
            elif isinstance(item, Shut):
                self.carry_out(self.dialect.closed(item.code, item.reason, self.now))


def test_a_call_is_ready_greeted_and_ended_in_good_order() -> None:
    call = Call("Be kind.")
    call.wait(3)
    (ready,) = call.of(Ready)
    assert isinstance(ready, Ready)
    assert ready.differences == ()
    assert call.of(Play)
    call.carry_out(call.dialect.end(call.now))
    assert not call.of(Odd) + call.of(Failed)
    assert isinstance(call.effects[-1], SessionOver | Close)


def test_a_caller_who_speaks_flushes_what_the_agent_says() -> None:
    call = Call("Be kind.", "A long greeting that nobody wants to hear to its end.")
    call.hear(silence(0.5, 8000))
    call.hear(A_WORD)
    assert len(call.of(Flush)) == 1
    call.hear(silence(3, 8000))
    lines = {line.key: line for line in call.of(Line) if isinstance(line, Line)}.values()
    assert [(line.who, line.is_interrupted) for line in lines] == [
        ("agent", True),
        ("caller", False),
        ("agent", False),
    ]


def test_key_0_hangs_up_after_the_goodbye() -> None:
    call = Call("Be kind.", "")
    call.hear(KEY_0)
    call.hear(silence(4, 8000))
    (hang_up,) = call.of(HangUp)
    assert isinstance(hang_up, HangUp)
    assert hang_up.after_goodbye


def test_a_key_transfers_and_a_transfer_that_fails_comes_back_with_its_code() -> None:
    call = Call("on 1: transfer_call alice")
    call.wait(3)
    call.hear(samples(key("1")))
    call.hear(silence(4, 8000))
    (transfer,) = call.of(TransferTo)
    assert isinstance(transfer, TransferTo)
    assert transfer.target == "alice"
    call.carry_out(call.dialect.transfer_over(transfer.key, 486, "Busy Here", call.now))
    call.hear(silence(14, 8000))
    last = call.of(Line)[-1]
    assert isinstance(last, Line)
    assert last.text == "The transfer failed with 486. You are back."


@pytest.mark.parametrize(
    ("misdeed", "code", "is_retryable"),
    [
        ("unauthorized", "unauthorized", False),
        ("refuse", "agent_init_failed", False),
        ("busy-twice", "at_capacity", True),
        ("expire 1", "session_expired", False),
    ],
)
def test_a_misdeed_is_the_failure_it_stands_for(
    misdeed: str, code: str, is_retryable: bool
) -> None:
    call = Call(f"misbehave: {misdeed}")
    call.wait(2)
    (failure,) = call.of(Failed)
    assert isinstance(failure, Failed)
    assert (failure.code, failure.is_retryable) == (code, is_retryable)


def test_odd_messages_are_counted_and_the_audio_beside_them_is_whole() -> None:
    plain, odd = Call("Be kind."), Call("misbehave: bad-base64, binary, unknown, chunks-300")
    for call in (plain, odd):
        call.wait(5)
    audio = [
        b"".join(play.audio for play in call.of(Play) if isinstance(play, Play))
        for call in (plain, odd)
    ]
    assert audio[0] == audio[1]
    assert odd.of(Odd)
    assert not plain.of(Odd)
