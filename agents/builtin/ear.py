"""What a caller does, heard in the audio: speech that begins and stops, a steady tone, a key.

Pure. It takes frames of 20 ms at 8 kHz; of what is loud, a frame is a key's two tones, one tone, or
else speech. A steady tone is not speech: it interrupts nobody.
"""

import math
from dataclasses import dataclass
from operator import mul

from agents.builtin import dtmf
from agents.builtin.sounds import Samples
from agents.formats import FRAME_MS

RATE_HZ = 8000
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
QUIET = 250
"Root mean square below which nobody speaks: -42 dBFS."
PURE = 0.15
"What of a frame may be anything but one sine."
SAME_HZ = 0.03
BEGINS_MS = 60
"Speech so long has begun."
STOPS_MS = 400
"Silence so long ends it."
KEY_MS = 40
TONE_MS = 400
TONE_AGAIN_MS = 3000
LONGEST_MS = 10_000
"Speech is cut here, and goes on as another."


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller has begun to speak."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller has stopped, after so many milliseconds."""

    lasted_ms: int


@dataclass(frozen=True, slots=True)
class ToneHeard:
    """A steady tone, measured."""

    hz: float


@dataclass(frozen=True, slots=True)
class KeyHeard:
    """A key was pressed."""

    key: str


Heard = SpeechBegan | SpeechStopped | ToneHeard | KeyHeard


class Ear:
    """One caller's audio, frame by frame."""

    def __init__(self) -> None:
        self.is_speech = False
        self._loud_ms = self._quiet_ms = self._speech_ms = 0
        self._key, self._key_ms = "", 0
        self._tone = _Tone()

    def hear(self, frame: Samples) -> list[Heard]:
        """Take a frame of 160 samples; return what is known by it."""
        key = ""
        hz = None
        is_loud = sum(map(mul, frame, frame)) > QUIET * QUIET * len(frame)
        if is_loud:
            # First: two tones that are near each other look much like one.
            key = dtmf.key_in(frame)
            hz = None if key else _one_sine(frame)
        return [
            *self._keys(key),
            *self._tones(frame, hz),
            *self._speech(is_speech=is_loud and hz is None and not key),
        ]

    def _keys(self, key: str) -> list[Heard]:
        if key != self._key:
            self._key, self._key_ms = key, 0
        self._key_ms += FRAME_MS
        return [KeyHeard(key)] if key and self._key_ms == KEY_MS else []

    def _tones(self, frame: Samples, hz: float | None) -> list[Heard]:
        if hz is None or not self._tone.goes_on(hz):
            self._tone = _Tone()
        if hz is None:
            return []
        self._tone.take(frame)
        at_ms = self._tone.lasted_ms - TONE_MS
        return [ToneHeard(self._tone.hz)] if at_ms >= 0 and at_ms % TONE_AGAIN_MS == 0 else []

    def _speech(self, *, is_speech: bool) -> list[Heard]:
        self._loud_ms = self._loud_ms + FRAME_MS if is_speech else 0
        self._quiet_ms = 0 if is_speech else self._quiet_ms + FRAME_MS
        if not self.is_speech:
            if self._loud_ms < BEGINS_MS:
                return []
            self.is_speech, self._speech_ms = True, BEGINS_MS
            return [SpeechBegan()]
        self._speech_ms += FRAME_MS
        if self._quiet_ms < STOPS_MS and self._speech_ms < LONGEST_MS:
            return []
        self.is_speech, self._loud_ms = False, 0
        return [SpeechStopped(self._speech_ms - self._quiet_ms)]


class _Tone:
    """A tone that goes on, measured over all of it: its samples' sums."""

    def __init__(self) -> None:
        self.lasted_ms = 0
        self._with_next = self._with_itself = 0

    @property
    def hz(self) -> float:
        return _hz(self._with_next, self._with_itself)

    def goes_on(self, hz: float) -> bool:
        return not self.lasted_ms or abs(hz - self.hz) <= SAME_HZ * self.hz

    def take(self, frame: Samples) -> None:
        self.lasted_ms += FRAME_MS
        middle = frame[1:-1]
        self._with_next += sum(map(mul, middle, frame[2:])) + sum(map(mul, middle, frame[:-2]))
        self._with_itself += sum(map(mul, middle, middle))


def _hz(with_next: int, with_itself: int) -> float:
    """Return a sine's frequency: each sample's neighbours together are 2 cos(w) of it."""
    cosine = max(-1.0, min(1.0, with_next / (2 * with_itself)))
    return math.acos(cosine) * RATE_HZ / (2 * math.pi)


def _one_sine(frame: Samples) -> float | None:
    """Return the frequency of a frame that is one sine; None of any other.

    A sine's second difference is the sine again, at another level: how far the two are from
    being the same shape says how far the frame is from a sine.
    """
    middle, before, after = frame[1:-1], frame[:-2], frame[2:]
    bent = [b + a - 2 * m for b, m, a in zip(before, middle, after, strict=True)]
    together = sum(map(mul, middle, bent))
    itself, bends = sum(map(mul, middle, middle)), sum(map(mul, bent, bent))
    if not itself or not bends or 1 - together * together / (itself * bends) > PURE:
        return None
    return _hz(2 * itself + together, itself)
