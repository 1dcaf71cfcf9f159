"""A conversation with an agent: the clock is the test's, the dialect does as it is told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.dialects import interface as say
from agents.dialects.interface import Failed, Failure, Handshake, Line, Send, Session
from agents.formats import Encoding
from callengine.core.orders import AgentOrder
from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.agent.effects import Effect, Left
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
    "silence": [say.Play(b"\xff" * 160, "r1")],
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
