"""Ringing as audio, for a caller who is answered before the agent is ready. Pure."""

import math
from array import array
from functools import cache

from agents.formats import AudioFormat, Encoding
from audiocodecs.g711 import compressed
from callengine.worker.legs.ringtone import AMPLITUDE, HZ, ON_S, PERIOD_S


class Ringback:
    """A ringing tone in an agent's output format."""

    def __init__(self, audio: AudioFormat) -> None:
        self._silence = audio.silence
        self._tone = _tone(audio.encoding)
        self._width = len(audio.silence)
        self._period = int(PERIOD_S * audio.sample_rate_hz) * self._width
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes of it."""
        tone = self._tone[self._at : self._at + size]
        self._at = (self._at + size) % self._period
        return tone + self._silence * ((size - len(tone)) // self._width)


@cache
def _tone(encoding: Encoding) -> bytes:
    audio = AudioFormat(encoding)
    rate = audio.sample_rate_hz
    step = 2 * math.pi * HZ / rate
    samples = array("h", (int(AMPLITUDE * math.sin(step * n)) for n in range(int(ON_S * rate))))
    if encoding is Encoding.PCM:
        return samples.tobytes()
    return compressed("PCMU" if encoding is Encoding.PCMU else "PCMA", samples)
