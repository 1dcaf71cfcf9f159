"""One websocket's conversation, as a strict server has it; all that was wrong is kept."""

import asyncio
import base64
import contextlib
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.peers.voiceagent import rules, sounds
from tests.peers.voiceagent.behaviour import NEVER, Behaviour

FIRST_MESSAGE_S = 10.0
BURST_MS = 1_500
"How far the caller's audio may be ahead of time: 1.0 s is kept until ready, and networks jitter."
KEPT_S = 120.0
RESUMABLE_S = 30.0
CROSSING_S = 1.0
"How long an answer may cross with what came after the reply."
SILENT_STATUS = 1008


@dataclass(slots=True)
class Sessions:
    """What outlives a websocket: sessions by id, and how often a behaviour has struck."""

    lost_at: dict[str, float | None] = field(default_factory=dict)
    "Of each session: when its websocket was lost; None while it has one."
    ended: set[str] = field(default_factory=set)
    formats: dict[str, tuple[str, str]] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)


class Conversation:
    """Talks to one client and writes down what it does."""

    def __init__(
        self, number: int, websocket: ServerConnection, told: Behaviour, sessions: Sessions
    ) -> None:
        self.number, self._websocket, self.told, self._sessions = number, websocket, told, sessions
        self.began = time.monotonic()
        self.session_id = ""
        self.input = self.output = "audio/pcm"
        self.is_ready = self.is_ended = self.is_closing = False
        self.violations: list[str] = []
        self.messages: Counter[str] = Counter()
        self.first: Any = None
        self.updates: list[Any] = []
        self.results: list[Any] = []
        self.moments: dict[str, float] = {}
        self.frames: list[tuple[float, bytes]] = []
        "Since ready, in seconds, and what came."
        self.close: list[Any] = []
        self._pitch_of = 0, (0.0, 0.0)
        self._heard_ms = 0.0
        self._latest = ""
        self._reply_done_until = 0.0
        "When something came after the last whole reply; inf while nothing has."
        self._reply = self._called = 0
        self._calls: dict[str, str] = {}
        "Tool calls: `new` in this reply, `ours` to answer, `interrupted` or `theirs` to leave."
        self._tasks: set[asyncio.Task[None]] = set()

    # Writing down

    def breach(self, text: str) -> None:
        self.violations.append(text)

    def moment(self, name: str) -> None:
        self.moments.setdefault(name, round(time.monotonic() - self.began, 4))

    def summary(self) -> dict[str, Any]:
        """Return what `GET /log` shows."""
        hz, amplitude = self._pitch()
        return {
            "number": self.number,
            "path": self._websocket.request.path if self._websocket.request else "",
            "session_id": self.session_id,
            "violations": self.violations,
            "messages": dict(self.messages),
            "first": self.first,
            "updates": self.updates,
            "results": self.results,
            "moments": self.moments,
            "input": self.input,
            "output": self.output,
            "frames": len(self.frames),
            "heard_ms": round(self._heard_ms, 3),
            "sizes": dict(Counter(str(len(audio)) for _, audio in self.frames)),
            "longest_gap_ms": self._longest_gap_ms(),
            "pitch_hz": round(hz, 2),
            "amplitude": round(amplitude, 1),
            "is_ended": self.is_ended,
            "close": self.close,
        }

    def _pitch(self) -> tuple[float, float]:
        """Of the last second; tests ask for the log often."""
        if self._pitch_of[0] != len(self.frames):
            heard = b"".join(audio for _, audio in self.frames[-100:])
            pitch = sounds.pitch(self.input, heard[-sounds.size_of(self.input, 1000) :])
            self._pitch_of = len(self.frames), pitch
        return self._pitch_of[1]

    def _longest_gap_ms(self) -> float:
        times = [at for at, _ in self.frames]
        gaps = (later - sooner for sooner, later in itertools.pairwise(times))
        return round(max(gaps, default=0.0) * 1000, 1)

    # Sending

    async def send(self, kind: str, **values: Any) -> None:
        is_whole = kind == "reply.done" and values.get("status") == "completed"
        if is_whole:
            self._calls.update({call: "ours" for call, of in self._calls.items() if of == "new"})
            self._reply_done_until = float("inf")
        else:
            self._reply_done_until = min(self._reply_done_until, time.monotonic())
        self._latest = kind
        await self._websocket.send(json.dumps({"type": kind, **values}))

    async def say(
        self, audio: bytes, *, chunk: int = 0, first: int = 0, is_whole: bool = True
    ) -> None:
        """Send one reply: all of it at once, in messages of `chunk` bytes after one of `first`."""
        reply = await self.begin_reply()
        size = chunk or self.told.chunk or sounds.size_of(self.output, 20)
        if first:
            await self.send_audio(audio[:first], reply)
        for start in range(first, len(audio), size):
            await self.send_audio(audio[start : start + size], reply)
        if is_whole:
            await self.send("reply.done", reply_id=reply, status="completed")

    async def begin_reply(self) -> str:
        self._reply += 1
        await self.send("reply.started", reply_id=f"reply-{self._reply}")
        return f"reply-{self._reply}"

    async def send_audio(self, audio: bytes, reply: str = "") -> None:
        self.moment("first_audio_sent")
        data = base64.b64encode(audio).decode()
        await self.send("reply.audio", data=data, reply_id=reply or f"reply-{self._reply}")

    async def interrupt(self) -> None:
        self._calls.update({call: "interrupted" for call, of in self._calls.items() if of == "new"})
        await self.send("reply.done", reply_id=f"reply-{self._reply}", status="interrupted")

    async def call_tool(self, name: str, arguments: Any) -> str:
        self._called += 1
        call_id = f"call-{self._called}"
        self._calls[call_id] = "theirs" if name in self.told.theirs.split(",") else "new"
        await self.send("tool.call", call_id=call_id, name=name, arguments=arguments)
        return call_id

    async def end(self) -> None:
        """End the session in good order."""
        self.is_ended = True
        self.moment("ended")
        if self.told.answers_end:
            await self.send("session.ended", session_id=self.session_id)
        self._sessions.ended.add(self.session_id)
        if self.told.sends_on:
            await self._tone(1000, 10_000)
        elif self.told.answers_end:
            await self.shut(1000)

    async def shut(self, code: int, reason: str = "") -> None:
        """Close, or with code 0 break the connection."""
        self.is_closing = True
        if code:
            # Without waiting: who asked for it may be the one who is waited for.
            self._closing = asyncio.create_task(self._websocket.close(code, reason))
        else:
            self._websocket.transport.abort()

    async def fail(self, code: str, message: str = "told to", param: str = "") -> None:
        values = {"code": code, "message": message} | ({"param": param} if param else {})
        await self.send(self.told.error_type, **values)

    # The course of it

    async def run(self) -> None:
        """Talk until the websocket is closed."""
        try:
            await self._open()
            async for message in self._websocket:
                await self._received(message)
        except ConnectionClosed:
            pass
        finally:
            for task in self._tasks:
                task.cancel()
            self._closed()

    def _closed(self) -> None:
        self.moment("closed")
        self.close = [self._websocket.close_code, self._websocket.close_reason]
        if self.session_id and self._sessions.lost_at.get(self.session_id, 0.0) is None:
            self._sessions.lost_at[self.session_id] = time.monotonic()
        if self.is_ready and not self.is_ended and not self.is_closing:
            self.breach("closed without session.end")

    async def _open(self) -> None:
        try:
            raw = await asyncio.wait_for(self._websocket.recv(), FIRST_MESSAGE_S)
        except TimeoutError:
            self.breach(f"no message within {FIRST_MESSAGE_S} s")
            raise ConnectionClosed(None, None) from None
        self.moment("first_message")
        message = self._read(raw)
        self.first = message
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "session.resume":
            await self._resume(message)
        elif kind == "session.update":
            await self._update(message)
        else:
            self.breach(f"the first message is {kind!r}")
            await self._refuse("invalid_value")

    async def _refuse(self, code: str, message: str = "told to") -> None:
        await self.fail(code, message)
        await self.shut(SILENT_STATUS, code)

    async def _update(self, message: dict[str, Any]) -> None:
        session = message.get("session")
        breaches = list(rules.session_breaches(session, is_ready=False))
        for _, text in breaches:
            self.breach(text)
        if breaches:
            await self._refuse(*breaches[0])
        elif self.told.error:
            await self._refuse(self.told.error)
        elif self.told.close:
            await self.shut(self.told.close, "told to")
        else:
            assert isinstance(session, dict)
            self.input = _encoding(session, "input")
            self.output = _encoding(session, "output")
            self.session_id = f"session-{self.number}"
            await self._make_ready(is_resumed=False)

    async def _resume(self, message: dict[str, Any]) -> None:
        known, wanted = self._sessions, str(message.get("session_id"))
        lost_at = known.lost_at.get(wanted, 0.0)
        if lost_at is None:
            self.breach("resumed while the former websocket is open")
        if self.told.resume == "silent":
            return
        is_late = lost_at is not None and time.monotonic() - lost_at > RESUMABLE_S
        if self.told.resume == "refuse" or wanted in known.ended or is_late:
            await self._refuse("session_not_found")
            return
        self.session_id = wanted
        self.input, self.output = known.formats[wanted]
        await self._make_ready(is_resumed=True)

    async def _make_ready(self, *, is_resumed: bool) -> None:
        if self.told.ready_after_ms == NEVER:
            return
        if self.told.ready_after_ms:
            self._later(self.told.ready_after_ms, self._ready(is_resumed))
        else:
            await self._ready(is_resumed)

    async def _ready(self, is_resumed: bool) -> None:
        self._sessions.lost_at[self.session_id] = None
        self._sessions.formats[self.session_id] = self.input, self.output
        tools = [{"name": name, "http": {"url": "x"}} for name in self.told.theirs.split(",")]
        config = {
            "input": {"format": {"encoding": self.told.ready_input or self.input}},
            "output": {"format": {"encoding": self.output}},
            "tools": tools if self.told.theirs else [],
        }
        expires_at = time.time() + 3600
        values = {"session_id": self.session_id, "expires_at": expires_at, "config": config}
        await self.send("session.ready", **values)
        self.is_ready = True
        self.moment("ready")
        if not is_resumed:
            self._begin_told()
        self._later(0, self._play_told(is_resumed))

    def _begin_told(self) -> None:
        told = self.told
        if told.drop_after_ms:
            self._later(told.drop_after_ms, self.shut(told.drop_code, "told to"))
        if told.expire_after_ms:
            self._later(told.expire_after_ms, self._refuse("session_expired"))
        if told.end_after_ms:
            self._later(told.end_after_ms, self.end())

    async def _play_told(self, is_resumed: bool) -> None:
        told = self.told
        if told.odd:
            await self.send_odd()
        if told.greet_hz and not is_resumed:
            await self.say(sounds.tone(self.output, told.greet_hz, told.greet_ms))
        if told.flood_s and not is_resumed:
            await self.say(sounds.tone(self.output, 1000, told.flood_s * 1000))
        if told.tone:
            await self._tone(told.tone, float("inf"))

    async def send_odd(self) -> None:
        """Send all that a client must bear."""
        await self._websocket.send(b"\x00binary")
        await self._websocket.send("no JSON")
        await self._websocket.send("[1]")
        await self._websocket.send('{"no": "type"}')
        await self.send("never.heard.of", value=1)
        await self.send("reply.audio", data="not base64!")
        await self.send("reply.audio", audio="AAAA")
        await self.send("transcript.user", text=7)
        await self.send("reply.done")

    async def _tone(self, hz: int, ms: float) -> None:
        """Send a tone in real time."""
        began, sent_ms = time.monotonic(), 0.0
        while sent_ms < ms:
            is_pause = self.told.pauses_ms and sent_ms // self.told.pauses_ms % 2
            await self.send_audio(sounds.tone(self.output, 0 if is_pause else hz, 20, sent_ms))
            sent_ms += 20
            await asyncio.sleep(began + sent_ms / 1000 - time.monotonic())

    def _later(self, ms: float, course: Any) -> None:
        async def wait() -> None:
            await asyncio.sleep(ms / 1000)
            with contextlib.suppress(ConnectionClosed):
                await course

        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Hearing

    def _read(self, raw: str | bytes) -> Any:
        if isinstance(raw, bytes):
            self.breach("a binary message")
            return None
        try:
            message = json.loads(raw)
        except ValueError:
            self.breach("a message is no JSON")
            return None
        for _, text in rules.message_breaches(message):
            self.breach(text)
        if isinstance(message, dict):
            self.messages[str(message.get("type"))] += 1
        return message

    async def _received(self, raw: str | bytes) -> None:
        message = self._read(raw)
        kind = message.get("type") if isinstance(message, dict) else None
        if self.is_ended:
            # What was on its way when we ended the session ourselves is no fault.
            if "end_asked" in self.moments:
                self.breach(f"{kind} after session.end")
            return
        if kind == "session.end":
            self.moment("end_asked")
            await self.end()
        elif not self.is_ready:
            self.breach(f"{kind} before session.ready")
        elif kind == "input.audio":
            await self._audio(message)
        elif kind == "session.update":
            await self._change(message)
        elif kind == "tool.result":
            self._result(message)
        else:
            self.breach(f"{kind} after the beginning")

    async def _audio(self, message: dict[str, Any]) -> None:
        audio, breaches = rules.audio_of(message, self.input)
        for _, text in breaches:
            self.breach(text)
        since = time.monotonic() - self.began - self.moments["ready"]
        self._heard_ms += sounds.ms_of(self.input, len(audio))
        if self._heard_ms > since * 1000 + BURST_MS:
            self.breach(f"audio faster than real time: {self._heard_ms:.0f} ms in {since:.3f} s")
            return
        self.frames.append((since, audio))
        if len(self.frames) > KEPT_S * 50:
            del self.frames[0]
        if self.told.echo and self.input == self.output and audio:
            await self.send_audio(audio)

    async def _change(self, message: dict[str, Any]) -> None:
        session = message.get("session")
        self.updates.append(session)
        breaches = list(rules.session_breaches(session, is_ready=True))
        for code, text in breaches:
            self.breach(text)
            await self.fail(code, text)
        if not breaches:
            await self.send("session.updated", config={})

    def _result(self, message: dict[str, Any]) -> None:
        self.results.append(message)
        for _, text in rules.result_breaches(message):
            self.breach(text)
        call_id = message.get("call_id")
        owed = self._calls.pop(str(call_id), "")
        if owed != "ours":
            self.breach(f"tool.result for {call_id!r}, which is {owed or 'not open'}")
        if time.monotonic() > self._reply_done_until + CROSSING_S:
            self.breach(f"tool.result while the latest event is {self._latest}")


def _encoding(session: dict[str, Any], direction: str) -> str:
    values = session.get(direction, {}).get("format", {})
    return str(values.get("encoding", "audio/pcm"))
