"""A callee that is a test destination, as the runner asks for things (see `Party`)."""

import os
import time
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from callengine.core.control.calls import TimelineNote
from callengine.core.control.speech import SpeechWanted
from callengine.core.events import LegAnswered, LegEnded, LegFailed
from callengine.core.orders import LegOrder
from callengine.worker.legs.innerparty import InnerParty
from callengine.worker.legs.party import MediaFacts, Party, PartyError, Post
from callengine.worker.selftest.ports import (
    FRAME_MS,
    DelayPort,
    LoopPort,
    SoundPort,
    delay_port,
    loop_port,
    port_rate_hz,
    tone,
)
from callengine.worker.sip.leg import Bridged
from sip.selftests import SENTENCES, SelfTest

MAX_SPEECH_BYTES = 60 * 48000 * 2
PAUSE_S = 1.5
"Between two times that the codec is said."
HERE = "in this engine"
"Where its audio ends, as the record has it."


class SelfTestLeg(InnerParty):
    """One test destination of one call. It answers at once; its audio is on the bridge."""

    def __init__(
        self,
        order: LegOrder,
        *,
        bridge_rate_hz: int,
        run_bridge: Callable[[], None],
        wake: Callable[[], None],
        post: Post,
    ) -> None:
        """`wake` ends the wait of the call's thread."""
        assert order.selftest is not None
        super().__init__(order.name)
        self._selftest = order.selftest
        self._rate_hz = port_rate_hz(bridge_rate_hz)
        self._run_bridge, self._wake, self._post = run_bridge, wake, post
        self._port: SoundPort | None = None
        self._said = ""
        "The codec that was asked to be said last."

    @property
    def has_audio(self) -> bool:
        """Whether it can be joined with a caller."""
        return self.media is not None and not self.ended

    # Doing

    def dial(self) -> None:
        """Answer."""
        self.media = MediaFacts(None, 0, HERE)
        self._note(SENTENCES[self._selftest])
        self._post(self, LegAnswered(self.name))

    def end(self, code: int, reason: str) -> None:
        """Stop at once."""
        if not self.ended:
            self.ended = True
            self._post(self, LegEnded(self.name, code or 200, "", by_peer=False))

    def join(self, other: Party) -> None:
        """Let the caller hear what they called for; again does no harm."""
        if not isinstance(other, Bridged):
            raise PartyError(f"the audio of {other.name} is not on the bridge")
        try:
            self._join(other.audio(), other.media)
        except pj.Error as error:
            raise PartyError(error.reason) from error

    def _join(self, caller: Any, media: MediaFacts | None) -> None:
        self._run_bridge()
        port = self._sound()
        if port is None:
            caller.startTransmit(caller)
            return
        if self._selftest is SelfTest.CODEC and media is not None:
            self._have_said(media.codec or "")
        port.startTransmit(caller)
        if self._selftest is SelfTest.DELAY:
            caller.startTransmit(port)

    def _sound(self) -> SoundPort | None:
        """Return the port that is heard, made ready for this call; none: the caller's own is."""
        if self._selftest is SelfTest.ECHO or self._port is not None:
            return self._port
        if self._selftest is SelfTest.DELAY:
            self._port = delay_port(self._rate_hz)
            self._port.forget()
        else:
            self._port = loop_port(self._rate_hz)
            self._port.play(tone(self._rate_hz) if self._selftest is SelfTest.TONE else b"")
        self._port.failed = self._failed
        return self._port

    def part(self, other: Party) -> None:
        """Undo `join`."""
        if not isinstance(other, Bridged):
            return
        try:
            caller = other.audio()
            for source, sink in self._ways(caller):
                source.stopTransmit(sink)
        except pj.Error as error:
            raise PartyError(error.reason) from error

    def _ways(self, caller: Any) -> list[tuple[Any, Any]]:
        if self._port is None:
            return [(caller, caller)]
        back = [(caller, self._port)] if isinstance(self._port, DelayPort) else []
        return [(self._port, caller), *back]

    def send_digit(self, digit: str) -> None:
        """Take no keys."""
        raise PartyError("a test destination takes none")

    # Saying the codec

    def _have_said(self, codec: str) -> None:
        if codec and codec != self._said:
            self._said = codec
            self._post(self, SpeechWanted(self.name, codec, self._rate_hz))
            self._wake()

    def speech(self, descriptor: int | None, lack: str) -> None:
        """Take the codec's name as samples, in a file of the engine's."""
        samples = b""
        if descriptor is not None:
            samples = os.pread(descriptor, MAX_SPEECH_BYTES, 0)
            os.close(descriptor)
        if lack:
            self._note(lack)
        if isinstance(self._port, LoopPort) and not self.ended:
            pause = round(PAUSE_S * 1000 / FRAME_MS) * self._port.frame_bytes
            self._port.play(samples + bytes(pause))

    def _note(self, text: str) -> None:
        self._post(self, TimelineNote("test", self.name, text, time.time()))

    def _failed(self, callback: str) -> None:
        self._post(self, LegFailed(self.name, callback))
        self._wake()

    def release(self) -> None:
        """Let go of the port, which the process keeps."""
        self.ended = True
        if self._port is not None:
            self._port.failed = lambda callback: None
