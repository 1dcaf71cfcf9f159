"""Dialects in which we are the carrier: a call is announced, then media goes both ways."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from agents.dialects.conversation import Conversation, Message
from agents.dialects.interface import Close, Effect, Flush, Mark, Odd, Play, Ready, Send, Session
from agents.dialects.messages import MAX_ID, OddMessageError, at, audio_at, base64, write
from agents.formats import FRAME_MS, AudioFormat, Encoding

FORMAT = AudioFormat(Encoding.PCMU)
MAX_MARKS = 10_000
"That wait at a time: some agents set one after every 20 ms, and two minutes may be queued."


class CarrierConversation(Conversation):
    """One stream; a dialect gives its names of things and the shapes of what we send."""

    type_key = "event"
    stream_key: ClassVar[str]
    play: ClassVar[str]
    clear: ClassVar[str]
    mark: ClassVar[str]
    number: ClassVar[type[int] | type[str]] = int
    "What a message's number is written as."
    tells_cleared: ClassVar[bool] = True
    "Whether a mark is told of whose audio was thrown away."

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.frames = 0
        "Of the caller's that have been sent."
        self._sequence = 0
        self._rest = b""
        self._waiting = 0
        "Marks that are not reached yet."
        self.handlers = {self.play: self._play, self.clear: self._clear, self.mark: self._mark}

    # What a dialect gives

    @property
    def stream_id(self) -> str:
        """The id of this stream, which every message names."""
        raise NotImplementedError

    def announcement(self) -> list[Mapping[str, Any]]:
        """Return the messages that begin a stream."""
        raise NotImplementedError

    def media(self, payload: str) -> Mapping[str, Any]:
        """Return the message for the frame of number `frames`, counted from 0."""
        raise NotImplementedError

    def pressed(self, digit: str) -> Mapping[str, Any]:
        """Return the message for a key."""
        raise NotImplementedError

    def reached(self, mark: str) -> Mapping[str, Any]:
        """Return the message for a mark that is reached."""
        raise NotImplementedError

    def farewell(self) -> Mapping[str, Any]:
        """Return the message that ends a stream."""
        raise NotImplementedError

    def mark_name(self, message: Message) -> object:
        """Return the name in a message that sets a mark."""
        raise NotImplementedError

    # What is the same in all

    def opened(self, now: float) -> list[Effect]:
        self.is_ready = True
        sent = [self._send(message) for message in self.announcement()]
        return [*sent, Ready(self.stream_id)]

    def caller_audio(self, audio: bytes) -> list[Send]:
        if self.is_over:
            return []
        size = FORMAT.frame_bytes
        if len(audio) == size and not self._rest:
            return [self._frame(audio)]
        self._rest += audio
        whole = len(self._rest) - len(self._rest) % size
        frames = [self._rest[start : start + size] for start in range(0, whole, size)]
        self._rest = self._rest[whole:]
        return [self._frame(frame) for frame in frames]

    def _frame(self, frame: bytes) -> Send:
        sent = self._send(self.media(base64(frame)))
        self.frames += 1
        return sent

    def numbered(self, event: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a message with what stands at the head of each."""
        self._sequence += 1
        number = self.number(self._sequence)
        head = {"event": event, "sequenceNumber": number, self.stream_key: self.stream_id}
        return {**head, **values}

    @property
    def elapsed_ms(self) -> int:
        """Where the next frame of the caller's begins."""
        return self.frames * FRAME_MS

    def digit(self, digit: str) -> list[Effect]:
        return [] if self.is_over else [self._send(self.pressed(digit))]

    def mark_reached(self, name: str, *, is_played: bool) -> list[Effect]:
        if self.is_over or not self._waiting:
            return []
        self._waiting -= 1
        return [self._send(self.reached(name))] if is_played or self.tells_cleared else []

    def end(self, now: float) -> list[Effect]:
        if self.is_over:
            return []
        farewell = self._send(self.farewell())
        self.is_over = True
        return [farewell, Close()]

    def _send(self, message: Mapping[str, Any]) -> Send:
        return Send(write(message))

    def _play(self, message: Message, now: float) -> tuple[Effect]:
        self._check_stream(message)
        audio = audio_at(message, "media", "payload")
        self.check_media(message)
        self.has_spoken = True
        return (Play(audio),)

    def check_media(self, message: Message) -> None:
        """Raise OddMessageError for audio that is not in FORMAT."""

    def _clear(self, message: Message, now: float) -> Iterator[Effect]:
        self._check_stream(message)
        yield Flush("The agent asked for it")

    def _mark(self, message: Message, now: float) -> Iterator[Effect]:
        self._check_stream(message)
        name = self.mark_name(message)
        if not isinstance(name, str) or len(name) > MAX_ID:
            yield Odd(f"{self.mark} without a name of at most {MAX_ID} characters")
        elif self._waiting >= MAX_MARKS:
            yield Odd(f"{self.mark} while {MAX_MARKS} of them wait")
        else:
            self._waiting += 1
            yield Mark(name)

    def _check_stream(self, message: Message) -> None:
        """Raise OddMessageError for another stream; where none is named, there is but this one."""
        if at(message, self.stream_key) not in (None, self.stream_id):
            raise OddMessageError(f"message with another {self.stream_key}")
