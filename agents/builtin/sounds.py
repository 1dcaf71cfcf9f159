"""Sound as 16-bit samples: read, written, made and taken to another rate. Pure Python.

The built-in agent's alone: it makes whole utterances at a time and keeps those it says often. The
audio of calls is worked on elsewhere, in C.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from operator import mul
from typing import TypeAlias

from agents.formats import SAMPLE_RATES_HZ, Encoding
from audiocodecs import g711

Samples: TypeAlias = "array[int]"
LOUD = 9000
"Amplitude of what is made here; about -11 dBFS."
FADE_S = 0.01
TAPS = 8
"Of the resampler, a side, at the lower of the two rates: a sentence takes 0.1 s to convert."
_G711 = {Encoding.PCMU: "PCMU", Encoding.PCMA: "PCMA"}


def decoded(encoding: Encoding, audio: bytes) -> Samples:
    """Return the samples of an agent's audio; a last odd byte of PCM is left out."""
    if encoding in _G711:
        return g711.linear(_G711[encoding], audio)
    return array("h", audio[: len(audio) // 2 * 2])


def encoded(encoding: Encoding, samples: Samples) -> bytes:
    """Return samples as an agent's audio."""
    if encoding in _G711:
        return g711.compressed(_G711[encoding], samples)
    return samples.tobytes()


def tone(hz: float, seconds: float, rate_hz: int, amplitude: float = LOUD) -> Samples:
    """Return a sine that fades in and out."""
    length, step = round(seconds * rate_hz), 2 * math.pi * hz / rate_hz
    fade = max(1, min(round(FADE_S * rate_hz), length // 2))
    return array(
        "h",
        (
            round(amplitude * min(1.0, n / fade, (length - n) / fade) * math.sin(step * n))
            for n in range(length)
        ),
    )


def silence(seconds: float, rate_hz: int) -> Samples:
    """Return nothing, for so long."""
    return array("h", bytes(2 * round(seconds * rate_hz)))


def louder(samples: Samples, factor: float) -> Samples:
    """Return samples multiplied, as far as 16 bits go."""
    return _clipped(sample * factor for sample in samples)


def converted(audio: bytes, source: Encoding, target: Encoding) -> Samples:
    """Return an agent's audio as samples at the rate of another encoding."""
    return resampled(decoded(source, audio), SAMPLE_RATES_HZ[source], SAMPLE_RATES_HZ[target])


def resampled(samples: Samples, rate_hz: int, wanted_hz: int) -> Samples:
    """Return samples at another rate, filtered by a windowed sinc."""
    if rate_hz == wanted_hz or not samples:
        return samples
    divisor = math.gcd(rate_hz, wanted_hz)
    up, down = wanted_hz // divisor, rate_hz // divisor
    filters = _filters(up, down)
    reach = len(filters[0]) // 2
    padded = array("h", bytes(2 * reach)) + samples + array("h", bytes(2 * reach))
    length = len(samples) * up // down
    return _clipped(
        sum(map(mul, filters[n * down % up], padded[n * down // up : n * down // up + 2 * reach]))
        for n in range(length)
    )


@cache
def _filters(up: int, down: int) -> Sequence[Sequence[float]]:
    """Return a filter for each of the `up` places that a new sample has between two old ones."""
    cutoff = min(1.0, up / down) * 0.94
    reach = math.ceil(TAPS * max(1.0, down / up))
    return [_filter(place / up, cutoff, reach) for place in range(up)]


def _filter(offset: float, cutoff: float, reach: int) -> Sequence[float]:
    taps = []
    for n in range(-reach, reach):
        # The padding puts old sample 0 at index `reach`.
        x = n - offset
        sinc = math.sin(math.pi * cutoff * x) / (math.pi * cutoff * x) if x else 1.0
        taps.append(sinc * (0.5 + 0.5 * math.cos(math.pi * max(-1.0, min(1.0, x / reach)))))
    total = sum(taps)
    return [tap / total for tap in taps]


def _clipped(values: Iterable[float]) -> Samples:
    return array("h", (max(-32768, min(32767, round(value))) for value in values))
