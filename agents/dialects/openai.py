"""OpenAI's Realtime API as generally available: we are the client of its websocket."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
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
)
from agents.dialects.kinds import DialectKind
from agents.dialects.messages import at, audio_at, id_at, number_at, text_at, write, write_audio
from agents.dialects.prompts import with_parameters
from agents.dialects.tooldesk import Result, ToolDesk
from agents.dialects.transcripts import Transcripts
from agents.formats import AudioFormat, Encoding

_MAX_ITEMS = 16
"Spoken items that are remembered, to be cut where the caller interrupted them."
TRANSCRIBED_BY = "gpt-4o-mini-transcribe"
"The vendor's model that writes down what the caller says, where the agent names no other."
_ERRORS = {
    "rate_limit_exceeded": (Failure.BUSY, True),
    "server_error": (Failure.LOST, True),
    "session_expired": (Failure.EXPIRED, False),
}
"By code: what it means, and whether a new websocket may do better."


class OpenAI(Conversation):
    """One websocket of a session."""

    unheeded = frozenset({
        "conversation.created",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.segment",
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "input_audio_buffer.speech_stopped",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.output_audio.done",
        "response.output_text.delta",
        "response.output_text.done",
    })  # fmt: skip

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.handlers = {
            "session.created": self._created,
            "session.updated": self._updated,
            "error": self._error,
            "input_audio_buffer.speech_started": self._interrupted,
            "response.created": self._reply_begun,
            "response.done": self._reply_done,
            "response.output_audio.delta": self._audio,
            "response.output_audio_transcript.delta": self._agent_says,
            "response.output_audio_transcript.done": self._agent_said,
            "conversation.item.input_audio_transcription.delta": self._user_says,
            "conversation.item.input_audio_transcription.completed": self._user_said,
            "conversation.item.input_audio_transcription.failed": self._user_not_understood,
            "response.output_item.added": self._item_added,
            "response.function_call_arguments.done": self._tool_call,
            "response.output_item.done": self._item_done,
        }
        self._session_id = ""
        self._is_configured = self._is_replying = False
        self._is_asked_to_transcribe = False
        "Whether the server has yet to take that."
        self._turn_detection = dict(session.turn_detection)
        self._desk = ToolDesk(session.transfers)
        self._transcript = Transcripts()
        self._items: OrderedDict[str, int] = OrderedDict()
        "Of each spoken item, the index of its part that is audio."
        self._tools: OrderedDict[str, str] = OrderedDict()
        "The name of the tool of each call, which its arguments do not always repeat."
        self._called: OrderedDict[str, None] = OrderedDict()

    # Opening

    def _created(self, message: Message, now: float) -> Iterator[Effect]:
        if self._is_configured:
            yield Odd("session.created once more")
            return
        self._is_configured = True
        self._session_id = id_at(message, "session", "id")
        yield _send("session.update", session=self._wanted())

    def _wanted(self) -> dict[str, Any]:
        session = self.session
        inward: dict[str, Any] = {"format": _format(session.input)}
        if session.turn_detection:
            inward["turn_detection"] = dict(session.turn_detection)
        outward: dict[str, Any] = {"format": _format(session.output)}
        if session.voice:
            outward["voice"] = session.voice
        wanted: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {"input": inward, "output": outward},
        }
        instructions = with_parameters(session.system_prompt, session.parameters)
        if instructions:
            wanted["instructions"] = instructions
        if session.tools:
            wanted["tools"] = [dict(tool) for tool in session.tools]
        return wanted

    def _updated(self, message: Message, now: float) -> Iterator[Effect]:
        if self._is_asked_to_transcribe:
            self._is_asked_to_transcribe = False
            return
        if self.is_ready:
            yield AgentNote("agent-settings", "The agent has taken the new settings")
            return
        if not self._is_configured:
            yield Odd("session.updated before session.created")
            return
        self.is_ready = True
        config = at(message, "session")
        session_id = id_at(message, "session", "id") or self._session_id
        expires_at = number_at(message, "session", "expires_at")
        yield Ready(session_id, expires_at, tuple(_differences(self.session, config)))
        if self.session.transcribes:
            # By itself: a server that has no such model must not refuse the session for it.
            self._is_asked_to_transcribe = True
            model = self.session.transcription_model or TRANSCRIBED_BY
            inward = {"transcription": {"model": model}}
            yield _send("session.update", session={"type": "realtime", "audio": {"input": inward}})
        yield from self.early_changes()
        if self.session.greeting:
            instructions = f"Greet the caller with exactly these words: {self.session.greeting}"
            yield _send("response.create", response={"instructions": instructions})

    # While it lasts

    def received(self, message: str | bytes, now: float) -> list[Effect]:
        effects = super().received(message, now)
        if self._desk.has_results and not self.is_over:
            effects += self._answers()
        return effects

    def caller_audio(self, audio: bytes) -> list[Send]:
        if self.is_over or not self.is_ready:
            return []
        return [Send(write_audio("input_audio_buffer.append", "audio", audio))]

    def _audio(self, message: Message, now: float) -> tuple[Effect]:
        audio, item = audio_at(message, "delta"), id_at(message, "item_id")
        index = number_at(message, "content_index") or 0
        _remember(self._items, item, int(index), _MAX_ITEMS)
        self.has_spoken = True
        self._desk.heard(now)
        return (Play(audio, item),)

    def _interrupted(self, message: Message, now: float) -> Iterator[Effect]:
        if self._turn_detection.get("interrupt_response") is False:
            return
        # The call is kept first: an empty queue would be the end of the goodbye.
        yield from self._desk.keep_call()
        yield Flush("The caller interrupted the agent")

    def flushed(self, played_ms: Mapping[str, float]) -> list[Effect]:
        """Cut each item where the caller stopped hearing it: the agent must not think it said."""
        effects: list[Effect] = []
        for item, heard_ms in played_ms.items():
            if not self.is_over and item and item in self._items:
                index = self._items.pop(item)
                effects += self._transcript.cut(item)
                effects.append(_truncate(item, index, heard_ms))
        return effects

    def _reply_begun(self, message: Message, now: float) -> Iterator[Effect]:
        self._is_replying = True
        yield from ()

    def _reply_done(self, message: Message, now: float) -> Iterator[Effect]:
        self._is_replying = False
        status = text_at(message, "response", "status")
        if status == "cancelled":
            yield from self._desk.interrupted()
            return
        if status in ("failed", "incomplete"):
            why = text_at(message, "response", "status_details", "error", "message")
            why = why or text_at(message, "response", "status_details", "reason")
            why = in_words(why, self.session.secret, 500) or "?"
            yield AgentNote("agent-error", f"A reply of the agent's is {status}: {why}")
        yield ReplyDone(id_at(message, "response", "id"))
        yield from self._desk.reply_done()

    def _agent_says(self, message: Message, now: float) -> Iterator[Effect]:
        item, delta = id_at(message, "item_id"), text_at(message, "delta")
        yield from self._transcript.said(item, "agent", delta, is_more=True)

    def _agent_said(self, message: Message, now: float) -> Iterator[Effect]:
        item, text = id_at(message, "item_id"), text_at(message, "transcript")
        yield from self._transcript.said(item, "agent", text, is_final=True)

    def _user_says(self, message: Message, now: float) -> Iterator[Effect]:
        item, delta = id_at(message, "item_id"), text_at(message, "delta")
        yield from self._transcript.said(item, "caller", delta, is_more=True)

    def _user_said(self, message: Message, now: float) -> Iterator[Effect]:
        item, text = id_at(message, "item_id"), text_at(message, "transcript")
        yield from self._transcript.said(item, "caller", text, is_final=True)

    def _user_not_understood(self, message: Message, now: float) -> Iterator[Effect]:
        yield AgentNote("agent-error", "What the caller said could not be written down")

    # Tools

    def _item_added(self, message: Message, now: float) -> Iterator[Effect]:
        call_id, name = id_at(message, "item", "call_id"), id_at(message, "item", "name")
        if call_id and name:
            _remember(self._tools, call_id, name, _MAX_ITEMS)
        yield from ()

    def _tool_call(self, message: Message, now: float) -> Iterator[Effect]:
        call_id = id_at(message, "call_id")
        name = id_at(message, "name") or self._tools.get(call_id, "")
        yield from self._call_once(call_id, name, at(message, "arguments"), now)

    def _item_done(self, message: Message, now: float) -> Iterator[Effect]:
        item = at(message, "item")
        if at(message, "item", "type") == "function_call":
            call_id, name = id_at(item, "call_id"), id_at(item, "name")
            yield from self._call_once(call_id, name, at(item, "arguments"), now)

    def _call_once(
        self, call_id: str, name: str, arguments: object, now: float
    ) -> Iterator[Effect]:
        """A call is told of twice: when its arguments are whole, and when its item is."""
        if call_id not in self._called:
            _remember(self._called, call_id, None, _MAX_ITEMS)
            yield from self._desk.called(call_id, name, arguments, now)

    def _answers(self) -> Iterator[Effect]:
        """Give the answers that are ready; a reply to them can be had only after the last."""
        if self._is_replying:
            return
        results = self._desk.results()
        for result in results:
            yield _send("conversation.item.create", item=_output(result))
        if results and not all(result.is_last for result in results):
            yield _send("response.create")

    def transfer_over(self, key: str, code: int, why: str, now: float) -> list[Effect]:
        self._desk.transfer_over(key, code, why)
        return [] if self.is_over else list(self._answers())

    def changed(self, settings: Mapping[str, Any]) -> list[Effect]:
        wanted: dict[str, Any] = {"type": "realtime"}
        if "system_prompt" in settings:
            prompt = str(settings["system_prompt"])
            wanted["instructions"] = with_parameters(prompt, self.session.parameters)
        if "tools" in settings:
            wanted["tools"] = [dict(tool) for tool in settings["tools"]]
        if "turn_detection" in settings:
            self._turn_detection = dict(settings["turn_detection"])
            wanted["audio"] = {"input": {"turn_detection": self._turn_detection}}
        return [_send("session.update", session=wanted)]

    # The end

    def _error(self, message: Message, now: float) -> Iterator[Effect]:
        problem = _failure(message, self.session.secret)
        if self.is_ready and problem.kind is not Failure.EXPIRED:
            self._is_asked_to_transcribe = False
            yield AgentNote("agent-error", problem.message)
            return
        self.is_over = True
        yield problem
        yield Close()

    def closed(self, code: int, reason: str, now: float) -> list[Effect]:
        if not self.is_ready and not self.is_over:
            self.is_over = True
            return [failed(code, reason, is_retryable=is_passing(code), keeps_session=False)]
        return super().closed(code, reason, now)

    def next_deadline(self) -> float | None:
        return None if self.is_over else self._desk.ends_at

    def tick(self, now: float) -> list[Effect]:
        return [] if self.is_over else list(self._desk.tick(now))


def _remember(items: OrderedDict[str, Any], key: str, value: object, most: int) -> None:
    items[key] = value
    if len(items) > most:
        items.popitem(last=False)


def _send(kind: str, **values: Any) -> Send:
    return Send(write({"type": kind, **values}))


def _truncate(item: str, index: int, heard_ms: float) -> Send:
    end_ms = max(0, int(heard_ms))
    return _send(
        "conversation.item.truncate", item_id=item, content_index=index, audio_end_ms=end_ms
    )


def _output(result: Result) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": result.call_id, "output": result.text}


def _format(audio: AudioFormat) -> dict[str, Any]:
    if audio.encoding is Encoding.PCM:
        return {"type": audio.encoding.value, "rate": audio.sample_rate_hz}
    return {"type": audio.encoding.value}


def _differences(session: Session, config: object) -> Iterator[str]:
    if not isinstance(config, Mapping):
        return
    for direction, ours in (("input", session.input), ("output", session.output)):
        theirs = text_at(config, "audio", direction, "format", "type")
        if theirs and theirs != ours.encoding:
            named = in_words(theirs, session.secret, 40)
            yield (
                f"The agent has {direction} format {named}, and {ours.encoding} was asked"
                f" for: the audio will not be understood"
            )


def _failure(message: Message, secret: str) -> Failed:
    kind_of_error = id_at(message, "error", "type")
    code = (id_at(message, "error", "code") or kind_of_error or "error").lower()
    kind, is_retryable = _ERRORS.get(code) or _ERRORS.get(kind_of_error, (Failure.REFUSED, False))
    text = in_words(text_at(message, "error", "message"), secret, 500) or "no reason given"
    param = id_at(message, "error", "param")
    where = f" ({param})" if param else ""
    return Failed(kind, code, f"{text}{where}", is_retryable, keeps_session=False)


KIND = OpenAI.kind = DialectKind(
    name="openai",
    label="OpenAI Realtime",
    about="We are the client: the agent is described here.",
    url_example="wss://api.openai.com/v1/realtime?model=MODEL",
    make=OpenAI,
    settings=frozenset({
        "secret",
        "system_prompt",
        "greeting",
        "voice",
        "transcription_model",
        "tools",
        "turn_detection",
        "headers",
    }),
    mutable=frozenset({"system_prompt", "tools", "turn_detection"}),
    immutable_because="formats belong to the call, and the voice is fixed after the first audio",
    takes_digits=False,
    notes={
        "tools": "end_call and transfer_call(target) act on the call.",
        "headers": "Reach the agent at the end of its instructions.",
        "transcription_model": f"Empty: {TRANSCRIBED_BY}. Not asked for without a transcript.",
        "greeting": "The agent is asked to say it when the call begins.",
    },
)  # fmt: skip
