"""Audio formats of an agent's websocket. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum


class Encoding(StrEnum):
    """How audio is written on an agent's websocket."""

    PCM = "audio/pcm"
    "16-bit signed little-endian, mono."
    PCMU = "audio/pcmu"
    PCMA = "audio/pcma"


SAMPLE_RATES_HZ = {Encoding.PCM: 24_000, Encoding.PCMU: 8_000, Encoding.PCMA: 8_000}
"The one rate of each encoding."
BYTES_PER_SAMPLE = {Encoding.PCM: 2, Encoding.PCMU: 1, Encoding.PCMA: 1}
SILENCE = {Encoding.PCM: b"\x00\x00", Encoding.PCMU: b"\xff", Encoding.PCMA: b"\xd5"}
"One sample of it."
FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The format of one direction."""

    encoding: Encoding = Encoding.PCM
    # What follows from it, looked up once: every frame of a call asks for some of it.
    sample_rate_hz: int = field(init=False, repr=False, compare=False)
    "Samples a second."
    silence: bytes = field(init=False, repr=False, compare=False)
    "One sample of silence."
    frame_bytes: int = field(init=False, repr=False, compare=False)
    "Bytes of one frame of FRAME_MS."
    bytes_per_ms: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        per_ms = SAMPLE_RATES_HZ[self.encoding] // 1000 * BYTES_PER_SAMPLE[self.encoding]
        for name, value in (
            ("sample_rate_hz", SAMPLE_RATES_HZ[self.encoding]),
            ("silence", SILENCE[self.encoding]),
            ("frame_bytes", per_ms * FRAME_MS),
            ("bytes_per_ms", per_ms),
        ):
            object.__setattr__(self, name, value)

    def bytes_of(self, ms: float) -> int:
        """Return how many bytes so many milliseconds take, whole samples only."""
        return int(ms * self.sample_rate_hz / 1000) * BYTES_PER_SAMPLE[self.encoding]

    def ms_of(self, size: int) -> float:
        """Return how long so many bytes last, in milliseconds."""
        return size / self.bytes_per_ms
