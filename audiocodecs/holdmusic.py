"""What parties on hold hear: a WAV file, read once when it is given. Pure."""

import io
import wave
from array import array
from dataclasses import dataclass

RATES_HZ = (8000, 16000)
MAX_BYTES = 1_000_000
"Of a file: half a minute at 16 kHz, a minute at 8 kHz."
MIN_SECONDS, MAX_SECONDS = 1, 60
ALLOWED = (
    "WAV (PCM) of 16 bits, mono or stereo, 8000 or 16000 Hz, 1 to 60 s, at most 1,000,000 bytes"
)
MEND = "ffmpeg makes one of any file: ffmpeg -i IN -t 30 -ac 1 -ar 16000 -c:a pcm_s16le OUT.wav"


@dataclass(frozen=True, slots=True)
class Music:
    """Samples of 16 bits, one channel, little-endian."""

    rate_hz: int
    samples: bytes

    @property
    def seconds(self) -> float:
        """How long it plays before it begins anew."""
        return len(self.samples) / 2 / self.rate_hz


def read_wav(data: bytes) -> Music:
    """Return what a WAV file holds; raises ValueError that says what is wrong and what is allowed.

    Stereo becomes mono.
    """
    if len(data) > MAX_BYTES:
        raise _refused(f"it has {len(data):,} bytes")
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate_hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, RuntimeError) as error:
        raise _refused(f"it is no WAV file of PCM ({error or 'it ends too soon'})") from error
    if width != 2:
        raise _refused(f"its samples have {width * 8} bits")
    if channels not in (1, 2):
        raise _refused(f"it has {channels} channels")
    if rate_hz not in RATES_HZ:
        raise _refused(f"it has {rate_hz} Hz")
    samples = array("h", frames[: len(frames) // (2 * channels) * 2 * channels])
    if channels == 2:
        pairs = zip(samples[::2], samples[1::2], strict=True)
        samples = array("h", ((left + right) // 2 for left, right in pairs))
    music = Music(rate_hz, samples.tobytes())
    if not MIN_SECONDS <= music.seconds <= MAX_SECONDS:
        raise _refused(f"it lasts {music.seconds:.1f} s")
    return music


def _refused(what: str) -> ValueError:
    return ValueError(f"This file cannot be played: {what}. Allowed: {ALLOWED}. {MEND}")
