"""Tones as an agent sends them, and what it hears. Own tables: the product's could be wrong."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

RATES_HZ = {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
WIDTHS = {"audio/pcm": 2, "audio/pcmu": 1, "audio/pcma": 1}
AMPLITUDE = 8_000
DTMF_ROWS_HZ, DTMF_COLUMNS_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"
Samples = NDArray[np.int16]


def size_of(encoding: str, ms: float) -> int:
    """Bytes."""
    return int(RATES_HZ[encoding] * ms / 1000) * WIDTHS[encoding]


def ms_of(encoding: str, size: int) -> float:
    return size / WIDTHS[encoding] / RATES_HZ[encoding] * 1000


def tone(encoding: str, hz: float, ms: float, after_ms: float = 0) -> bytes:
    """Return a tone; `after_ms` is where in it to begin."""
    return _encoded(encoding, _wave(encoding, hz, ms, after_ms))


def keys(encoding: str, digits: str, ms: float = 100, gap_ms: float = 100) -> bytes:
    """Return the tones of keys."""
    parts: list[bytes] = []
    for digit in digits:
        place = KEYS.index(digit)
        low = _wave(encoding, DTMF_ROWS_HZ[place // 4], ms)
        high = _wave(encoding, DTMF_COLUMNS_HZ[place % 4], ms)
        parts += [_encoded(encoding, low // 2 + high // 2), tone(encoding, 0, gap_ms)]
    return b"".join(parts)


def pitch(encoding: str, audio: bytes) -> tuple[float, float]:
    """Return the strongest frequency in Hz, and the amplitude of a sine as loud as all of it."""
    samples = decoded(encoding, audio).astype(np.float64)
    if len(samples) < 160:
        return 0.0, 0.0
    window = np.hanning(len(samples))
    padded = 1 << (len(samples) * 8 - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(samples * window, padded))
    strongest = int(spectrum.argmax())
    loudness = math.sqrt(2 * float(np.mean(samples**2)))
    return strongest * RATES_HZ[encoding] / padded, loudness


def decoded(encoding: str, audio: bytes) -> Samples:
    if encoding == "audio/pcm":
        return np.frombuffer(audio[: len(audio) & ~1], dtype="<i2").astype(np.int16)
    return _table(encoding)[np.frombuffer(audio, dtype=np.uint8)]


def _wave(encoding: str, hz: float, ms: float, after_ms: float = 0) -> NDArray[np.float64]:
    rate = RATES_HZ[encoding]
    at = np.arange(int(rate * ms / 1000)) + int(rate * after_ms / 1000)
    return np.asarray(AMPLITUDE * np.sin(2 * np.pi * hz * at / rate), dtype=np.float64)


def _encoded(encoding: str, samples: NDArray[np.float64]) -> bytes:
    """G.711 by the nearest value of its table."""
    if encoding == "audio/pcm":
        return samples.round().astype("<i2").tobytes()
    table = _table(encoding).astype(np.float64)
    order = np.argsort(table, kind="stable")
    borders = (table[order][1:] + table[order][:-1]) / 2
    codes: NDArray[np.uint8] = order[np.searchsorted(borders, samples)].astype(np.uint8)
    return codes.tobytes()


@cache
def _table(encoding: str) -> Samples:
    expand = _mu_law if encoding == "audio/pcmu" else _a_law
    return np.array([expand(code) for code in range(256)], dtype=np.int16)


def _mu_law(code: int) -> int:
    code ^= 0xFF
    magnitude = (((code & 15) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _a_law(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, (code & 15) << 4
    magnitude = mantissa + 8 if not exponent else (mantissa + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude
