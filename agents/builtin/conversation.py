"""One session of the built-in agent: what it answers to messages, to the caller and to time.

Pure: no sockets, no clock. Messages come in decoded; what is to be sent comes out, in its order. A
sound takes time to make: `wanted` is the reply that waits for its own, `rendered` takes it.
"""

import base64
import binascii
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.builtin import ear, script, settings
from agents.builtin.replies import FLOOD_S, LEAD_MS, Beep, Repetition, Reply, Sound, Spoken
from agents.builtin.script import KeyTool, Misdeed, Script
from agents.builtin.settings import BuiltinSettings, SessionRefusal
from agents.builtin.sounds import decoded
from agents.formats import FRAME_MS, SAMPLE_RATES_HZ, AudioFormat

LASTS_S = 3600.0
"How long a session lasts at most."
AHEAD_S = 2.0
"How far ahead of real time the caller's audio may come; what is beyond is dropped."
BEFORE_MS = 100
"Of the audio before speech was noticed, what belongs to it."
REPLIES_WAITING = 8
TALKS_ON_S = 10.0
KEY_NAMES = {"*": "star", "#": "hash"}


@dataclass(frozen=True, slots=True)
class Shut:
    """Close the websocket."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """Drop the connection without a word."""


Out = str | bytes | Shut | Cut


def said(kind: str, **facts: Any) -> str:
    """Return a message to the client."""
    return json.dumps({"type": kind, **facts})


def refused(refusal: SessionRefusal) -> str:
    """Return the error that tells the client why."""
    facts = {"param": refusal.param} if refusal.param else {}
    return said("session.error", code=refusal.code, message=refusal.message, **facts)


class ServedConversation:
    """One session, over one websocket or, resumed, over several."""

    def __init__(
        self, session_id: str, told: BuiltinSettings, orders: Script, *, speech: str
    ) -> None:
        self.session_id, self.told, self.script = session_id, told, orders
        self._manner = speech
        self.is_over = False
        self._ends_at = self._began = 0.0
        self._misdeeds = dict(orders.misdeeds)
        self._ear = ear.Ear()
        self._unread = bytearray()
        self._heard_s = 0.0
        self._before: deque[bytes] = deque(maxlen=BEFORE_MS // FRAME_MS)
        self._speech = bytearray()
        self._reply: Reply | None = None
        self._waiting: deque[Reply] = deque(maxlen=REPLIES_WAITING)
        self._calls: dict[str, KeyTool] = {}
        self._number = 0

    # Its life

    def begin(self, now: float, unix_now: float) -> list[Out]:
        """Be ready and greet."""
        self._began, self._ends_at = now, now + LASTS_S
        greeting = self.told.greeting
        if Misdeed.FLOOD in self._misdeeds:
            self._say(f"({FLOOD_S} s of audio at once)", Beep(500.0, FLOOD_S))
        elif greeting:
            self._say(greeting, Spoken(greeting))
        return [self._ready(unix_now)]

    def resume(self, unix_now: float) -> list[Out]:
        """Go on over another websocket."""
        return [self._ready(unix_now)]

    def _ready(self, unix_now: float) -> str:
        facts = {"session_id": self.session_id, "expires_at": round(unix_now + LASTS_S)}
        return said("session.ready", **facts, config=self.told.config(self._manner))

    # What comes

    def received(self, message: Mapping[str, Any], now: float) -> list[Out]:
        """Take a message."""
        takers: dict[Any, Callable[[Mapping[str, Any], float], Iterator[Out]]] = {
            "input.audio": self._take_audio,
            "session.update": self._take_update,
            "session.end": self._take_end,
            "tool.result": self._take_result,
        }
        taker = takers.get(message.get("type"))
        if taker is None:
            text = f"type {message.get('type')!r:.60} is not known here."
            return [refused(SessionRefusal("invalid_value", text, "type"))]
        out: list[Out] = []
        try:
            out.extend(taker(message, now))
        except SessionRefusal as refusal:
            out.append(refused(refusal))
        return out

    def _take_update(self, message: Mapping[str, Any], now: float) -> Iterator[Out]:
        told = settings.changed(self.told, message.get("session"))
        if told.input != self.told.input:
            self._unread.clear()
            self._speech.clear()
            self._before.clear()
        if told.system_prompt != self.told.system_prompt:
            self._obey(told.system_prompt, now)
        self.told = told
        yield said("session.updated", config=told.config(self._manner))

    def _obey(self, prompt: str, now: float) -> None:
        """Do from now on what another prompt tells."""
        try:
            self.script = script.read(prompt)
        except script.ScriptError as error:
            raise SessionRefusal("invalid_value", str(error), "session.system_prompt") from None
        since = now - self._began
        self._misdeeds = {what: since + s for what, s in self.script.misdeeds.items()}

    def _take_end(self, message: Mapping[str, Any], now: float) -> Iterator[Out]:
        if Misdeed.TALK_ON in self._misdeeds:
            self._waiting.clear()
            self._ends_at = now + TALKS_ON_S
            self._say("(goes on after the end)", Beep(300.0, TALKS_ON_S))
            return
        self.is_over = True
        yield said("session.ended", session_id=self.session_id)
        yield Shut()

    def _take_result(self, message: Mapping[str, Any], now: float) -> Iterator[Out]:
        call_id, result = message.get("call_id"), message.get("result")
        if not isinstance(call_id, str) or call_id not in self._calls:
            raise SessionRefusal("invalid_value", "call_id names no call of a tool.", "call_id")
        if not isinstance(result, str):
            raise SessionRefusal("invalid_value", "result must be text that holds JSON.", "result")
        tool = self._calls.pop(call_id)
        code = re.search(r"\b[3-6]\d\d\b", result)
        if tool.name == "transfer_call" and (message.get("is_error") or code):
            text = f"The transfer failed{f' with {code[0]}' if code else ''}. You are back."
            self._say(text, Spoken(text))
        yield from ()

    def _take_audio(self, message: Mapping[str, Any], now: float) -> Iterator[Out]:
        audio = message.get("audio")
        try:
            self._unread += base64.b64decode(audio or "", validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise SessionRefusal("invalid_value", "audio must be base64.", "audio") from None
        form = AudioFormat(self.told.input)
        while len(self._unread) >= form.frame_bytes:
            frame = bytes(self._unread[: form.frame_bytes])
            del self._unread[: form.frame_bytes]
            if self._heard_s > now - self._began + AHEAD_S:
                continue
            self._heard_s = max(self._heard_s, now - self._began - AHEAD_S) + FRAME_MS / 1000
            yield from self._listen(frame, now)

    # What the caller does

    def _listen(self, frame: bytes, now: float) -> Iterator[Out]:
        self._before.append(frame)
        if self._ear.is_speech:
            self._speech += frame
        samples = decoded(self.told.input, frame)
        if SAMPLE_RATES_HZ[self.told.input] == 3 * ear.RATE_HZ:
            thirds = zip(samples[::3], samples[1::3], samples[2::3], strict=True)
            samples = type(samples)("h", (sum(three) // 3 for three in thirds))
        for event in self._ear.hear(samples):
            yield from self._answer(event, now)

    def _answer(self, event: ear.Heard, now: float) -> Iterator[Out]:
        match event:
            case ear.SpeechBegan():
                self._speech[:] = b"".join(self._before)
                yield said("input.speech.started")
                yield from self._interrupt(now)
            case ear.SpeechStopped(lasted_ms):
                text = f"({lasted_ms / 1000:.1f} s of speech)"
                yield said("input.speech.stopped")
                yield said("transcript.user", text=text)
                self._say(text, Repetition(bytes(self._speech), self.told.input))
            case ear.ToneHeard(hz) if self._reply is None:
                yield said("transcript.user", text=f"(a tone of {hz:.0f} Hz)")
                answer_hz = hz * 3 / 2 if hz < 2000 else hz * 2 / 3
                self._say(f"(a tone of {answer_hz:.0f} Hz)", Beep(answer_hz, 1.0))
            case ear.KeyHeard(key):
                yield said("transcript.user", text=key)
                yield from self._interrupt(now)
                self._press(key)

    def _press(self, key: str) -> None:
        tool = self.script.keys.get(key)
        if tool is None:
            text = f"You pressed {KEY_NAMES.get(key, key)}."
        else:
            text = "Goodbye." if tool.name == "end_call" else "One moment, please."
        self._say(text, Spoken(text), tool)

    def _interrupt(self, now: float) -> Iterator[Out]:
        self._waiting.clear()
        reply, self._reply = self._reply, None
        if reply is not None and reply.began is not None:
            yield from self._done(reply, "interrupted")

    # What it says

    @property
    def wanted(self) -> Reply | None:
        """The reply that waits for its sound."""
        return self._reply if self._reply is not None and self._reply.began is None else None

    def rendered(self, reply: Reply, audio: bytes, now: float) -> list[Out]:
        """Take the sound of a reply, and begin to send it."""
        if reply is not self._reply:
            return []
        reply.begin(audio, now, self.told.output, self._misdeeds)
        text = said("transcript.agent.delta", reply_id=reply.reply_id, delta=reply.text)
        return [said("reply.started", reply_id=reply.reply_id), text, *self._go_on(now)]

    def _say(self, text: str, sound: Sound, tool: KeyTool | None = None) -> None:
        self._number += 1
        reply = Reply(f"reply_{self._number}", text, sound, tool)
        if self._reply is None:
            self._reply = reply
        else:
            self._waiting.append(reply)

    def _go_on(self, now: float) -> Iterator[Out]:
        """Send what is due of the reply that is under way, and say when it is over."""
        reply = self._reply
        if reply is None or reply.began is None:
            return
        until_s = now - reply.began + LEAD_MS / 1000
        for chunk in reply.chunks_until(float("inf") if self._floods else until_s):
            yield from self._odd_messages()
            audio = base64.b64encode(chunk).decode()
            yield said("reply.audio", reply_id=reply.reply_id, data=audio)
        if reply.is_sent and reply.tool is not None:
            yield self._call(reply.tool)
            reply.tool = None
        if now >= reply.began + reply.lasts_s:
            self._reply = self._waiting.popleft() if self._waiting else None
            yield from self._done(reply, "completed")

    def _done(self, reply: Reply, status: str) -> Iterator[Out]:
        facts = {"reply_id": reply.reply_id}
        is_interrupted = status == "interrupted"
        yield said("transcript.agent", **facts, text=reply.text, interrupted=is_interrupted)
        yield said("reply.done", **facts, status=status)

    def _call(self, tool: KeyTool) -> str:
        call_id = f"call_{self._number}"
        self._calls[call_id] = tool
        arguments = {"target": tool.target} if tool.target else {}
        return said("tool.call", call_id=call_id, name=tool.name, arguments=arguments)

    @property
    def _floods(self) -> bool:
        return Misdeed.FLOOD in self._misdeeds

    def _odd_messages(self) -> Iterator[Out]:
        """Misbehave beside each chunk of audio, as far as told to."""
        if Misdeed.BAD_BASE64 in self._misdeeds:
            yield said("reply.audio", reply_id="reply_0", data="not*base64!")
        if Misdeed.BINARY in self._misdeeds:
            yield bytes(range(256))
        if Misdeed.UNKNOWN in self._misdeeds:
            yield said("vendor.weather", temperature=21)

    # Time

    def next_deadline(self) -> float:
        """Return when `tick` is due."""
        moments = [self._ends_at, *(moment for _, moment in self._timed())]
        reply = self._reply
        if reply is not None and reply.began is not None:
            ahead_s = reply.lasts_s if reply.is_sent else reply.sent_s - LEAD_MS / 1000
            moments.append(reply.began + ahead_s)
        return min(moments)

    def tick(self, now: float) -> list[Out]:
        """Take that time has passed."""
        for misdeed, moment in self._timed():
            if now >= moment:
                del self._misdeeds[misdeed]
                self.is_over = misdeed != Misdeed.DROP
                return self._expire() if misdeed == Misdeed.EXPIRE else [Cut()]
        if now >= self._ends_at:
            self.is_over = True
            return [Shut()] if Misdeed.TALK_ON in self._misdeeds else self._expire()
        return list(self._go_on(now))

    def _timed(self) -> list[tuple[Misdeed, float]]:
        later = (Misdeed.DROP, Misdeed.FORGET, Misdeed.EXPIRE)
        return [(one, self._began + self._misdeeds[one]) for one in later if one in self._misdeeds]

    def _expire(self) -> list[Out]:
        self.is_over = True
        error = SessionRefusal("session_expired", "The session has lasted as long as it may.")
        return [refused(error), Shut(1008, "session_expired")]
