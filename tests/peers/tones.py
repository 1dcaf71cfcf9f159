"""Tones, and the strongest frequency in what was heard."""

import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
SKIPPED_S = 0.5
"Start of a recording, where jitter buffers fill and codecs settle."


@dataclass(frozen=True)
class Tone:
    """The strongest frequency and its share of all energy, 0 to 1."""

    hz: float
    share: float

    def near(self, hz: float, within: float = 0.02) -> bool:
        return abs(self.hz - hz) <= within * hz and self.share > 0.5


SILENCE = Tone(0.0, 0.0)


def sine(hz: float, seconds: float, rate_hz: int, amplitude: int = 8000) -> Samples:
    moments = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * moments)).astype(np.int16)


def write_tone(file: Path, hz: float, *, seconds: float, rate_hz: int = 16000) -> None:
    """Write a tone into a WAV file."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(sine(hz, seconds, rate_hz).tobytes())


def strongest(samples: Samples, rate_hz: int) -> Tone:
    """Return the strongest frequency between 50 Hz and half the rate."""
    if len(samples) < rate_hz // 5:
        return SILENCE
    window = samples.astype(np.float64) * np.hanning(len(samples))
    power = np.abs(np.fft.rfft(window)) ** 2
    power[: int(50 * len(samples) / rate_hz)] = 0.0
    total = float(power.sum())
    if total < 1e6:
        return SILENCE
    peak = int(power.argmax())
    width = max(3, round(20 * len(samples) / rate_hz))
    around = slice(max(0, peak - width), peak + width + 1)
    bins = np.arange(len(power))[around]
    centre = float((bins * power[around]).sum() / power[around].sum())
    return Tone(centre * rate_hz / len(samples), float(power[around].sum()) / total)


def tone_of(recording: Path, seconds: float = 1.5) -> Tone:
    """Return the strongest frequency of a WAV file after its first half second."""
    rate_hz, samples = _read(recording)
    start = round(SKIPPED_S * rate_hz)
    return strongest(samples[start : start + round(seconds * rate_hz)], rate_hz)


def last_tone_of(recording: Path, seconds: float) -> Tone:
    """Return the strongest frequency at the end of a WAV file."""
    rate_hz, samples = _read(recording)
    return strongest(samples[-round(seconds * rate_hz) :], rate_hz)


def length_s(recording: Path) -> float:
    """Return the seconds of sound in a WAV file; 0 while it has no header yet."""
    if recording.stat().st_size < 64:
        return 0.0
    rate_hz, samples = _read(recording)
    return len(samples) / rate_hz


def _read(recording: Path) -> tuple[int, Samples]:
    """Read 16-bit PCM whose header may not know its length yet, as in a call that goes on."""
    data = recording.read_bytes()
    start = data.index(b"data") + 8
    channels, rate_hz = struct.unpack_from("<HI", data, data.index(b"fmt ") + 10)
    sound = data[start : start + (len(data) - start) // 2 * 2]
    return rate_hz, np.frombuffer(sound, dtype="<i2")[::channels]
