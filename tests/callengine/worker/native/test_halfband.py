"""The half-band filter: flat where telephony is, and nothing folded or mirrored into it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from callengine.worker.native.libraries import ffi

FRAME = 160
FRAMES = 60
DELAYED = 15
"Samples of 8 kHz, and half a sample more, by which the filter is late."
LOUD = 8000.0
TELEPHONY_HZ = (300, 1000, 2000, 3000, 3400)


def tone(hz: float, rate_hz: int) -> "np.ndarray[Any, Any]":
    at = np.arange(FRAMES * FRAME * rate_hz // 8000) / rate_hz
    return np.rint(LOUD * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def level_db(samples: "np.ndarray[Any, Any]", hz: float, rate_hz: int) -> float:
    """Of one frequency in what comes after the filter has filled, beside LOUD."""
    settled = samples[len(samples) // 4 :].astype(float)
    window = np.hanning(len(settled))
    turning = np.exp(-2j * np.pi * hz * np.arange(len(settled)) / rate_hz)
    level = 2 * abs(np.sum(window * settled * turning)) / window.sum()
    return float(20 * np.log10(level / LOUD + 1e-9))


@pytest.fixture
def resampled(extension: Any) -> Callable[..., "np.ndarray[Any, Any]"]:
    def run(samples: "np.ndarray[Any, Any]", *, up: bool) -> "np.ndarray[Any, Any]":
        state, heard = ffi.new("struct vn_halfband *"), []
        extension.vn_halfband_reset(state)
        step, made = (FRAME, 2 * FRAME) if up else (2 * FRAME, FRAME)
        out = ffi.new("int16_t[]", made)
        run_one = extension.vn_halfband_up if up else extension.vn_halfband_down
        for at in range(0, len(samples), step):
            run_one(state, ffi.from_buffer("int16_t[]", samples[at : at + step]), FRAME, out)
            heard.append(np.frombuffer(ffi.buffer(out), np.int16).copy())
        return np.concatenate(heard)

    return run


def test_telephony_keeps_its_level_and_hears_no_mirror_of_it(resampled: Any) -> None:
    for hz in TELEPHONY_HZ:
        wide = resampled(tone(hz, 8000), up=True)
        assert abs(level_db(wide, hz, 16000)) < 0.05
        assert level_db(wide, 8000 - hz, 16000) < -65
        assert abs(level_db(resampled(tone(hz, 16000), up=False), hz, 8000)) < 0.05


def test_nothing_folds_into_telephony(resampled: Any) -> None:
    for hz in (4600, 4700, 5000, 6000, 7000):
        assert level_db(resampled(tone(hz, 16000), up=False), 8000 - hz, 8000) < -65


def test_what_is_too_loud_is_cut_and_does_not_turn_over(resampled: Any) -> None:
    square = np.where(np.arange(FRAMES * FRAME) // 7 % 2, 32767, -32768).astype(np.int16)
    wide = resampled(square, up=True).astype(int)
    passed, between = wide[1::2][DELAYED:], wide[0::2][DELAYED:]
    assert np.array_equal(passed, square[:-DELAYED])
    inside = passed[1:] == passed[:-1]
    assert inside.any()
    assert (np.sign(between[1:]) == np.sign(passed[1:]))[inside].all()
