"""AssemblyAI's Voice Agent API: we are the client of its websocket."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from agents.concealed import in_words
from agents.dialects.closing import failed, is_passing
from agents.dialects.conversation import Conversation, Message
from agents.dialects.interface import (
    AgentNote,
    Close,
    Effect,
    Failed,
    Failure,
    Flush,
    Odd,
    Play,
    Ready,
    ReplyDone,
    Send,
    Session,
    SessionOver,
)
from agents.dialects.kinds import DialectKind
from agents.dialects.messages import at, audio_at, id_at, number_at, text_at, write, write_audio
from agents.dialects.prompts import with_parameters
from agents.dialects.tooldesk import ToolDesk
from agents.dialects.transcripts import Transcripts
from agents.formats import AudioFormat

END_TIMEOUT_S = 2.0
"For `session.ended`; a bare close would be billed for 30 s more."
RESUME_TIMEOUT_S = 3.0
HELD_TOOLS_S = 10.0
"After which an answer is given at any time: without one, the agent stalls for two minutes."
_REPLY_DONE = "reply.done"


_ERRORS = {
    "at_capacity": (Failure.BUSY, True),
    "concurrency_exceeded": (Failure.BUSY, True),
    "internal_error": (Failure.LOST, True),
    "server_error": (Failure.LOST, True),
    "agent_timeout": (Failure.LATE, False),
    "session_expired": (Failure.EXPIRED, False),
}
"By code in small letters: what it means, and whether a new websocket may do better."
_NO_MORE = frozenset({Failure.REFUSED, Failure.EXPIRED, Failure.LATE})
"What is said of a session that cannot be resumed."


class AssemblyAI(Conversation):
    """One websocket of a session."""

    unheeded = frozenset({"reply.started", "input.speech.started", "input.speech.stopped"})

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.handlers = {
            "session.ready": self._ready,
            "session.resumed": self._ready,
            "session.updated": self._updated,
            "session.ended": self._ended,
            "session.error": self._error,
            "error": self._error,
            "reply.audio": self._audio,
            _REPLY_DONE: self._reply_done,
            "transcript.user": self._user_said,
            "transcript.user.delta": self._user_says,
            "transcript.agent": self._agent_said,
            "transcript.agent.delta": self._agent_says,
            "tool.call": self._tool_call,
        }
        self._is_open = False
        self._latest = ""
        "The type of the latest event, if it is one that allows something."
        self._desk = ToolDesk(session.transfers)
        self._transcript = Transcripts()
        self._lines = {"caller": 0, "agent": 0}
        self._opened_at = 0.0
        self._last_error: Failed | None = None
        "If the latest event was one."
        self._closes_at = 0.0
        "Once we have said goodbye."
        self._resumes_until: float | None = None
        self._held_until: float | None = None

    # Opening

    def opened(self, now: float) -> list[Effect]:
        session = self.session
        self._is_open, self._opened_at = True, now
        if session.resume:
            self._resumes_until = now + RESUME_TIMEOUT_S
            return [_send("session.resume", session_id=session.resume)]
        wanted = {"agent_id": session.agent_id} if session.agent_id else self._inline()
        return [_send("session.update", session=wanted)]

    def _inline(self) -> dict[str, Any]:
        """What is empty is left out: the server takes null for a value."""
        session = self.session
        inward: dict[str, Any] = {"format": _encoding(session.input)}
        if session.keyterms:
            inward["keyterms"] = list(session.keyterms)
        if session.turn_detection:
            inward["turn_detection"] = dict(session.turn_detection)
        outward: dict[str, Any] = {"format": _encoding(session.output)}
        if session.voice:
            outward["voice"] = session.voice
        wanted: dict[str, Any] = {
            "system_prompt": with_parameters(session.system_prompt, session.parameters),
            "input": inward,
            "output": outward,
        }
        if session.greeting:
            wanted["greeting"] = session.greeting
        if session.tools:
            wanted["tools"] = [dict(tool) for tool in session.tools]
        return wanted

    def _ready(self, message: Message, now: float) -> Iterator[Effect]:
        if self.is_ready:
            yield Odd("session.ready once more")
            return
        self.is_ready, self._resumes_until = True, None
        config = at(message, "config")
        self._see_tools(config)
        differences = tuple(_differences(self.session, config))
        session_id = id_at(message, "session_id") or self.session.resume
        yield Ready(session_id, number_at(message, "expires_at"), differences)
        if self.session.volume is not None:
            yield from self.changed({"volume": self.session.volume})
        yield from self.early_changes()

    def _updated(self, message: Message, now: float) -> Iterator[Effect]:
        self._see_tools(at(message, "config"))
        yield AgentNote("agent-settings", "The agent has taken the new settings")

    def _see_tools(self, config: object) -> None:
        tools = config.get("tools") if isinstance(config, Mapping) else None
        if isinstance(tools, list):
            theirs = (tool for tool in tools if isinstance(tool, Mapping) and tool.get("http"))
            self._desk.elsewhere = frozenset(filter(None, (id_at(tool, "name") for tool in theirs)))

    # While it lasts

    def received(self, message: str | bytes, now: float) -> list[Effect]:
        if self.is_ending:
            return self._goodbye(message, now)
        self._latest, self._last_error = "", None
        effects = super().received(message, now)
        if not self._desk.has_results:
            self._held_until = None
        elif not self.is_over:
            effects += self._answers(now)
        return effects

    def _audio(self, message: Message, now: float) -> tuple[Effect]:
        audio = audio_at(message, "data")
        self.has_spoken = True
        self._desk.heard(now)
        return (Play(audio, id_at(message, "reply_id")),)

    def _reply_done(self, message: Message, now: float) -> Iterator[Effect]:
        if at(message, "status") == "interrupted":
            # The call is kept first: an empty queue would be the end of the goodbye.
            yield from self._desk.interrupted()
            yield Flush("The caller interrupted the agent")
        else:
            self._latest = _REPLY_DONE
            yield ReplyDone(id_at(message, "reply_id"))
            yield from self._desk.reply_done()

    def _user_says(self, message: Message, now: float) -> Iterator[Effect]:
        yield from self._transcript.said(self._key("caller"), "caller", text_at(message, "text"))

    def _user_said(self, message: Message, now: float) -> Iterator[Effect]:
        key, text = self._key("caller"), text_at(message, "text")
        self._lines["caller"] += 1
        yield from self._transcript.said(key, "caller", text, is_final=True)

    def _agent_says(self, message: Message, now: float) -> Iterator[Effect]:
        key, delta = self._key("agent"), text_at(message, "delta")
        yield from self._transcript.said(key, "agent", delta, is_more=True)

    def _agent_said(self, message: Message, now: float) -> Iterator[Effect]:
        key, text = self._key("agent"), text_at(message, "text")
        self._lines["agent"] += 1
        is_interrupted = at(message, "interrupted") is True
        yield from self._transcript.said(
            key, "agent", text, is_final=True, is_interrupted=is_interrupted
        )

    def _key(self, who: str) -> str:
        """A line's: what was said on a former websocket of the call must not be replaced."""
        return f"{who}-{round(self._opened_at * 1000)}-{self._lines[who]}"

    def caller_audio(self, audio: bytes) -> list[Send]:
        if self.is_over or self.is_ending or not self.is_ready:
            return []
        return [Send(write_audio("input.audio", "audio", audio))]

    # Tools

    def _tool_call(self, message: Message, now: float) -> Iterator[Effect]:
        call_id, name = id_at(message, "call_id"), id_at(message, "name")
        yield from self._desk.called(call_id, name, at(message, "arguments"), now)

    def _answers(self, now: float) -> Iterator[Effect]:
        """Give the answers that are ready, if the latest event allows: only after a whole reply."""
        if not self._desk.has_results:
            self._held_until = None
            return
        self._held_until = self._held_until or now + HELD_TOOLS_S
        if self._latest != _REPLY_DONE and now < self._held_until:
            return
        self._held_until = None
        for result in self._desk.results():
            errors = {"is_error": True} if result.is_error else {}
            yield _send("tool.result", call_id=result.call_id, result=result.text, **errors)

    def transfer_over(self, key: str, code: int, why: str, now: float) -> list[Effect]:
        self._desk.transfer_over(key, code, why)
        return [] if self.is_over or self.is_ending else list(self._answers(now))

    def changed(self, settings: Mapping[str, Any]) -> list[Effect]:
        wanted: dict[str, Any] = {}
        for name, value in settings.items():
            if name in ("keyterms", "turn_detection"):
                wanted.setdefault("input", {})[name] = value
            elif name == "volume":
                wanted["output"] = {"volume": value}
            elif name == "system_prompt" and not self.session.agent_id:
                wanted[name] = with_parameters(value, self.session.parameters)
            else:
                wanted[name] = value
        return [_send("session.update", session=wanted)]

    # The end

    def _error(self, message: Message, now: float) -> Iterator[Effect]:
        problem = _failure(message, self.session.secret)
        if self.is_ready and problem.kind is not Failure.EXPIRED:
            self._last_error = problem
            yield AgentNote("agent-error", problem.message)
            return
        self.is_over = True
        if self.session.resume and not self.is_ready and problem.kind in _NO_MORE:
            problem = _resume_refused(problem)
        yield problem
        yield Close()

    def _ended(self, message: Message, now: float) -> Iterator[Effect]:
        self.is_over = True
        yield SessionOver()
        yield Close()

    def _goodbye(self, message: str | bytes, now: float) -> list[Effect]:
        """Heed nothing but `session.ended`."""
        effects = super().received(message, now)
        if not any(isinstance(effect, SessionOver | Failed) for effect in effects):
            return []
        self.is_over = True
        return [Close()]

    def closed(self, code: int, reason: str, now: float) -> list[Effect]:
        """A close without `session.ended` is a loss, whatever its code."""
        if self.is_over or self.is_ending:
            self.is_over = True
            return []
        self.is_over = True
        if self.is_ready:
            return [self._last_error or failed(code, reason, is_retryable=True, had_begun=True)]
        lost = failed(code, reason, is_retryable=is_passing(code))
        return [_resume_refused(lost) if self.session.resume and code == 1008 else lost]

    def end(self, now: float) -> list[Effect]:
        if self.is_over or self.is_ending:
            return []
        if not self._is_open:
            self.is_over = True
            return [Close()]
        self.is_ending, self._closes_at = True, now + END_TIMEOUT_S
        return [_send("session.end")]

    def next_deadline(self) -> float | None:
        if self.is_over:
            return None
        if self.is_ending:
            return self._closes_at
        due = (self._resumes_until, self._held_until, self._desk.ends_at)
        return min((time for time in due if time is not None), default=None)

    def tick(self, now: float) -> list[Effect]:
        if self.is_over:
            return []
        if self.is_ending:
            self.is_over = now >= self._closes_at
            return [Close()] if self.is_over else []
        if self._resumes_until is not None and now >= self._resumes_until:
            self.is_over = True
            silent = Failed(Failure.LATE, "resume", "no answer to session.resume", True)
            return [_resume_refused(silent), Close()]
        return [*self._desk.tick(now), *self._answers(now)]


def _send(kind: str, **values: Any) -> Send:
    return Send(write({"type": kind, **values}))


def _encoding(audio: AudioFormat) -> dict[str, str]:
    """Without its rate, which follows from it: with one, some sessions stayed silent."""
    return {"encoding": audio.encoding.value}


def _differences(session: Session, config: object) -> Iterator[str]:
    if not isinstance(config, Mapping):
        return
    for direction, ours in (("input", session.input), ("output", session.output)):
        theirs = text_at(config, direction, "format", "encoding")
        if theirs and theirs != ours.encoding:
            named = in_words(theirs, session.secret, 40)
            yield (
                f"The agent has {direction}.format.encoding {named}, and {ours.encoding} is"
                f" set here: the audio will not be understood. Make them the same"
            )


def _failure(message: Message, secret: str) -> Failed:
    """Read `session.error` or `error`; its values lie beside its type, or in `error`."""
    values = at(message, "error")
    values = values if isinstance(values, Mapping) else message
    code = (id_at(values, "code") or "error").lower()
    kind, is_retryable = _ERRORS.get(code, (Failure.REFUSED, False))
    text = in_words(text_at(values, "message"), secret, 500) or "no reason given"
    param = id_at(values, "param")
    where = f" ({param})" if param else ""
    return Failed(kind, code, f"{text}{where}", is_retryable)


def _resume_refused(problem: Failed) -> Failed:
    """What refuses to resume may still take a new session."""
    return replace(problem, is_retryable=True, keeps_session=False)


_INLINE = frozenset({"system_prompt", "greeting", "voice", "tools", "keyterms", "turn_detection"})
KIND = AssemblyAI.kind = DialectKind(
    name="assemblyai",
    label="AssemblyAI Voice Agent API",
    about="We are the client: the agent is described here, or kept at AssemblyAI by its id.",
    url_example="wss://agents.assemblyai.com/v1/ws",
    make=AssemblyAI,
    settings=_INLINE | {"secret", "agent_id", "volume", "headers"},
    needs=(frozenset({"agent_id", "system_prompt"}),),
    replaced_by_agent_id=_INLINE | {"headers"},
    mutable=frozenset({"system_prompt", "tools", "keyterms", "turn_detection", "volume"}),
    immutable_because="the agent's server fixes it when the session begins (immutable_field)",
    takes_digits=False,
    notes={
        "agent_id": "The stored agent must have the two formats that are set here.",
        "tools": "end_call and transfer_call(target) act on the call; tools with an http block"
        " are run by AssemblyAI.",
        "headers": "Reach the agent at the end of its system prompt.",
    },
)
