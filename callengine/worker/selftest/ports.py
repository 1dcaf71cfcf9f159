"""Ports of pjsua2's bridge: one plays what it is given, one gives back what it hears, later.

A process makes each of them once and keeps it: while pjsua2 takes a port from the bridge, whose
clock still reads it, Python may not let go of it.
"""

import math
from array import array
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import pjsua2 as pj

from callengine.worker.pjsua.callbacks import Contained
from sip.selftests import DELAY_S, TONE_DBFS, TONE_HZ

FRAME_MS = 20
PortRate = Literal[8000, 16000]
"""Here each byte of a frame becomes an object: at 48 kHz a port would take three times as much of
a core, and speech would be no better for it."""
FULL_SCALE = 32767


class SoundPort(Contained, pj.AudioMediaPort):  # type: ignore[misc]
    """A port with 16-bit samples, one channel. `failed` is called on the bridge's thread."""

    def __init__(self, name: str, rate_hz: int) -> None:
        super().__init__()
        self.failed: Callable[[str], None] = _nobody
        self.frame_bytes = rate_hz * FRAME_MS // 1000 * 2
        self.silence = bytes(self.frame_bytes)
        audio = pj.MediaFormatAudio()
        audio.type = pj.PJMEDIA_TYPE_AUDIO
        audio.clockRate, audio.channelCount, audio.bitsPerSample = rate_hz, 1, 16
        audio.frameTimeUsec = FRAME_MS * 1000
        self.createPort(name, audio)

    def callback_failed(self, callback: str) -> None:
        """Tell whose leg it is."""
        self.failed(callback)

    def onFrameRequested(self, frame: Any) -> None:  # noqa: N802
        """Give the bridge the next frame."""
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.buf = pj.ByteVector(self.next_frame())

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802
        """Take no notice."""

    def next_frame(self) -> bytes:
        """Return what is heard for the next 20 ms."""
        raise NotImplementedError


def _nobody(callback: str) -> None:
    """Take a failure that is nobody's business any more."""


class LoopPort(SoundPort):
    """Plays the same again and again."""

    def __init__(self, rate_hz: int) -> None:
        super().__init__("loop", rate_hz)
        self._samples, self._at = self.silence, 0

    def play(self, samples: bytes) -> None:
        """Play these from their beginning, from the next frame on; their end joins it."""
        missing = -len(samples) % self.frame_bytes
        self._samples, self._at = (samples + bytes(missing)) or self.silence, 0

    def rewind(self) -> None:
        """Play from the beginning again."""
        self._at = 0

    def next_frame(self) -> bytes:
        """Return the next part of what is played."""
        samples, at = self._samples, self._at
        self._at = (at + self.frame_bytes) % len(samples)
        return samples[at : at + self.frame_bytes]


class DelayPort(SoundPort):
    """Gives back what it heard DELAY_S before."""

    def __init__(self, rate_hz: int) -> None:
        super().__init__("delay", rate_hz)
        self._heard: deque[bytes] = deque()
        self.forget()

    def forget(self) -> None:
        """Begin with silence, whatever was heard before."""
        frames = round(DELAY_S * 1000 / FRAME_MS)
        self._heard = deque([self.silence] * frames, maxlen=frames)

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802
        """Keep a frame; nothing heard is silence."""
        heard = bytes(frame.buf)
        self._heard.append(heard if len(heard) == self.frame_bytes else self.silence)

    def next_frame(self) -> bytes:
        """Return the oldest that is kept, which the next one heard drives out."""
        return self._heard[0]


def port_rate_hz(bridge_rate_hz: int) -> PortRate:
    """Return the rate at which ports are made for a bridge of this rate."""
    return 8000 if bridge_rate_hz < 16000 else 16000


@cache
def loop_port(rate_hz: int) -> LoopPort:
    """Return this process's port that plays."""
    return LoopPort(rate_hz)


@cache
def delay_port(rate_hz: int) -> DelayPort:
    """Return this process's port that delays."""
    return DelayPort(rate_hz)


def tone(rate_hz: int) -> bytes:
    """Return half a second of the test tone, whose end meets its beginning."""
    amplitude, step = FULL_SCALE * 10 ** (TONE_DBFS / 20), 2 * math.pi * TONE_HZ / rate_hz
    sine = (round(amplitude * math.sin(step * n)) for n in range(rate_hz // 2))
    return array("h", sine).tobytes()
