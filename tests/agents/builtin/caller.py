"""A client's side of the built-in agent, without sockets: time goes when it is told to."""

import base64
import json
from typing import Any

from agents.builtin import replies
from agents.builtin.conversation import Cut, Out, ServedConversation, Shut
from agents.builtin.lobby import Lobby
from agents.builtin.sounds import Samples, encoded, resampled, silence
from agents.formats import FRAME_MS, SAMPLE_RATES_HZ, AudioFormat, Encoding

UNIX = 1_800_000_000.0
Message = dict[str, Any]


class Caller:
    """Sends messages and audio in real time; keeps all that came, with the moments."""

    def __init__(self, lobby: Lobby | None = None, **session: Any) -> None:
        self.lobby = lobby or Lobby("chimes")
        self.now = 0.0
        self.got: list[tuple[float, Out]] = []
        self.conversation: ServedConversation | None = None
        self.input = Encoding(
            session.get("input", {}).get("format", {}).get("encoding", "audio/pcm")
        )
        self.first({"type": "session.update", "session": session})

    def first(self, message: Message) -> None:
        """Send the first message of a websocket."""
        self.conversation, out = self.lobby.first(message, self.now, UNIX + self.now)
        self._take(out)

    def send(self, kind: str, **facts: Any) -> None:
        """Send a message."""
        assert self.conversation is not None
        self._take(self.conversation.received({"type": kind, **facts}, self.now))

    def hear(self, sound: Samples) -> None:
        """Send a sound made at 8 kHz, in real time."""
        form = AudioFormat(self.input)
        audio = encoded(self.input, resampled(sound, 8000, SAMPLE_RATES_HZ[self.input]))
        for start in range(0, len(audio), form.frame_bytes):
            frame = audio[start : start + form.frame_bytes]
            self.send("input.audio", audio=base64.b64encode(frame).decode())
            self.wait(FRAME_MS / 1000)

    def listen(self, seconds: float) -> None:
        """Send silence for so long."""
        self.hear(silence(seconds, 8000))

    def wait(self, seconds: float) -> None:
        """Let time pass; what is due meanwhile comes."""
        until = self.now + seconds
        while self.conversation is not None and not self.closed:
            if (reply := self.conversation.wanted) is not None:
                told = self.conversation.told
                audio = replies.rendered(reply.sound, told.output, told.volume)
                self._take(self.conversation.rendered(reply, audio, self.now))
            elif (due := self.conversation.next_deadline()) <= until:
                self.now = max(self.now, due)
                self._take(self.conversation.tick(self.now))
            else:
                break
        self.now = until

    def _take(self, out: list[Out]) -> None:
        self.got += [(self.now, item) for item in out]

    # What came

    @property
    def messages(self) -> list[Message]:
        return [json.loads(item) for _, item in self.got if isinstance(item, str)]

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == kind]

    def moments(self, kind: str) -> list[float]:
        texts = ((at, json.loads(item)) for at, item in self.got if isinstance(item, str))
        return [at for at, message in texts if message["type"] == kind]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Who said what, as the transcript has it."""
        names = {"transcript.user": "caller", "transcript.agent": "agent"}
        kinds = [message for message in self.messages if message["type"] in names]
        return [(names[message["type"]], message["text"]) for message in kinds]

    def audio(self, reply_id: str) -> bytes:
        of = (message for message in self.of("reply.audio") if message["reply_id"] == reply_id)
        return b"".join(base64.b64decode(message["data"]) for message in of)

    @property
    def closed(self) -> Shut | Cut | None:
        """How the server closed, if it did."""
        return next((item for _, item in self.got if isinstance(item, Shut | Cut)), None)
