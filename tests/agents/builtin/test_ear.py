"""What the built-in agent hears: keys by Goertzel, steady tones, and speech that is neither."""

from array import array
from collections.abc import Iterator

import numpy as np
import pytest

from agents.builtin.dtmf import HIGH_HZ, KEYS, LOW_HZ
from agents.builtin.ear import (
    FRAME_SAMPLES,
    RATE_HZ,
    Ear,
    Heard,
    KeyHeard,
    SpeechBegan,
    SpeechStopped,
    ToneHeard,
)
from audiocodecs import g711
from tests.peers.tones import Samples, sine

ALL_KEYS = "".join(KEYS)


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def key(name: str, seconds: float = 0.1, amplitude: int = 6000, twist: float = 1.0) -> Samples:
    row = next(index for index, row in enumerate(KEYS) if name in row)
    low = sine(LOW_HZ[row], seconds, RATE_HZ, amplitude)
    high = sine(HIGH_HZ[KEYS[row].index(name)], seconds, RATE_HZ, round(amplitude * twist))
    return (low + high).astype(np.int16)


def speech(seconds: float, amplitude: int = 6000) -> Samples:
    """Return a voice: a pitch that glides and its overtones, in syllables."""
    moments = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch = 2 * np.pi * (120 * moments + 6 * np.sin(2 * np.pi * 2.5 * moments))
    overtones = sum(np.sin(n * pitch) / n for n in (1, 2, 3, 5, 8, 13))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * moments)
    return (amplitude * syllables * overtones / 2).astype(np.int16)


def heard(*sounds: Samples, codec: str = "PCMU") -> list[Heard]:
    """Have an ear hear all of it as a phone would send it."""
    return [event for _, event in heard_at(*sounds, codec=codec)]


def heard_at(*sounds: Samples, codec: str = "PCMU") -> Iterator[tuple[int, Heard]]:
    ear, samples = (
        Ear(),
        g711.linear(codec, g711.compressed(codec, np.concatenate(sounds).tolist())),
    )
    for start in range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        frame = array("h", samples[start : start + FRAME_SAMPLES])
        yield from ((start * 1000 // RATE_HZ + 20, event) for event in ear.hear(frame))


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_each_of_the_sixteen_keys_is_heard_once(codec: str) -> None:
    sounds = [part for name in ALL_KEYS for part in (key(name), quiet(0.07))]
    assert heard(*sounds, codec=codec) == [KeyHeard(name) for name in ALL_KEYS]


def test_a_key_pressed_twice_is_two_keys() -> None:
    assert heard(key("5"), quiet(0.06), key("5")) == [KeyHeard("5")] * 2


def test_a_key_held_for_long_is_one_key() -> None:
    assert heard(quiet(0.013), key("7", 2.0), quiet(0.1)) == [KeyHeard("7")]


@pytest.mark.parametrize("amplitude", [700, 12000])
@pytest.mark.parametrize("twist", [0.5, 2.0])
def test_a_key_may_be_faint_or_loud_and_lean_to_one_side(amplitude: int, twist: float) -> None:
    assert heard(key("3", amplitude=round(amplitude / max(1, twist)), twist=twist)) == [
        KeyHeard("3")
    ]


def test_speech_holds_no_key() -> None:
    assert not [event for event in heard(speech(8.0)) if isinstance(event, KeyHeard | ToneHeard)]


def test_speech_begins_within_100_ms_and_stops_400_ms_after_its_end() -> None:
    events = list(heard_at(quiet(0.5), speech(1.5), quiet(1.0)))
    assert [type(event) for _, event in events] == [SpeechBegan, SpeechStopped]
    (began_ms, _), (stopped_ms, stopped) = events
    assert 540 <= began_ms <= 620
    assert 2380 <= stopped_ms <= 2460
    assert isinstance(stopped, SpeechStopped)
    assert abs(stopped.lasted_ms - 1500) <= 80


def test_speech_without_end_is_cut_every_ten_seconds() -> None:
    events = heard(speech(21.0))
    assert [type(event) for event in events] == [SpeechBegan, SpeechStopped] * 2 + [SpeechBegan]


@pytest.mark.parametrize("hz", [350, 440, 1000, 2100, 3000])
@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_a_steady_tone_is_measured_within_2_hz_and_is_not_speech(hz: int, codec: str) -> None:
    (event,) = heard(quiet(0.3), sine(hz, 1.0, RATE_HZ), quiet(0.6), codec=codec)
    assert isinstance(event, ToneHeard)
    assert abs(event.hz - hz) < 2


def test_beeps_are_heard_one_by_one_and_a_tone_that_goes_on_every_three_seconds() -> None:
    beeps = [part for _ in range(3) for part in (sine(523, 0.7, RATE_HZ), quiet(0.3))]
    assert len(heard(*beeps)) == 3
    assert len(heard(sine(523, 7.0, RATE_HZ))) == 3


def test_what_is_fainter_than_a_whisper_is_nothing() -> None:
    assert heard(speech(2.0, amplitude=150), sine(800, 1.0, RATE_HZ, 300)) == []
