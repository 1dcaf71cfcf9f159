"""Music on hold: which files are played, and what is said of others."""

import io
import struct
import wave
from array import array

import pytest

from audiocodecs.holdmusic import MAX_BYTES, read_wav


def wav(*, rate_hz: int = 8000, width: int = 2, channels: int = 1, seconds: float = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(width)
        written.setframerate(rate_hz)
        written.writeframes(bytes(round(rate_hz * seconds) * width * channels))
    return file.getvalue()


@pytest.mark.parametrize(("rate_hz", "seconds"), [(8000, 1), (8000, 60), (16000, 30)])
def test_what_is_allowed_is_played(rate_hz: int, seconds: float) -> None:
    music = read_wav(wav(rate_hz=rate_hz, seconds=seconds))
    assert (music.rate_hz, music.seconds) == (rate_hz, seconds)


def test_stereo_becomes_mono() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(2)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(array("h", [1000, 3000, -32768, -32768] * 4000).tobytes())
    assert array("h", read_wav(file.getvalue()).samples)[:2].tolist() == [2000, -32768]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no WAV file"),
        (b"ID3\x04 an mp3", "no WAV file"),
        (wav()[:30], "no WAV file"),
        (wav().replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 7, 1), 1), "no WAV file"),
        (wav(width=1), "8 bits"),
        (wav(channels=3), "3 channels"),
        (wav(rate_hz=44100), "44100 Hz"),
        (wav(seconds=0.4), "lasts 0.4 s"),
        (wav(seconds=61), "lasts 61.0 s"),
        (wav()[:44], "lasts 0.0 s"),
        (bytes(MAX_BYTES + 1), "1,000,001 bytes"),
    ],
)
def test_anything_else_is_refused_by_what_is_wrong_with_what_is_allowed(
    data: bytes, what: str
) -> None:
    with pytest.raises(ValueError, match=what) as raised:
        read_wav(data)
    assert "WAV (PCM) of 16 bits" in str(raised.value)
    assert "ffmpeg -i IN" in str(raised.value)
