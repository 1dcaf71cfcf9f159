"""Keys in audio: which two of eight tones a frame holds, by Goertzel. Pure Python."""

import math
from collections.abc import Sequence

RATE_HZ = 8000
LOW_HZ = (697, 770, 852, 941)
HIGH_HZ = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
SHARE = 0.7
"Of all energy, what the two tones must hold together; what a frame that is begun late lacks."
CLEARER = 4.0
"How many times stronger than its neighbours a tone must be."
TWIST = 8.0
"How many times stronger the one tone may be than the other, as energy (9 dB)."


def key_in(frame: Sequence[int]) -> str:
    """Return the key whose tones a frame at 8 kHz is made of, or nothing."""
    energy = sum(sample * sample for sample in frame)
    if not energy:
        return ""
    whole = energy * len(frame) / 2
    low, high = _strongest(frame, LOW_HZ), _strongest(frame, HIGH_HZ)
    if low is None or high is None or low[1] + high[1] < SHARE * whole:
        return ""
    if max(low[1], high[1]) > TWIST * min(low[1], high[1]):
        return ""
    return KEYS[low[0]][high[0]]


def _strongest(frame: Sequence[int], group_hz: Sequence[int]) -> tuple[int, float] | None:
    powers = [_power(frame, hz) for hz in group_hz]
    ordered = sorted(powers, reverse=True)
    if ordered[0] < CLEARER * ordered[1]:
        return None
    return powers.index(ordered[0]), ordered[0]


def _power(frame: Sequence[int], hz: float) -> float:
    """Return the square of what a frame holds of one frequency (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * hz / RATE_HZ)
    before = last = 0.0
    for sample in frame:
        before, last = last, sample + factor * last - before
    return before * before + last * last - factor * before * last
