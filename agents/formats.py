"""Audio formats of an agent's websocket. Pure."""

from dataclasses import dataclass
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

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second."""
        return SAMPLE_RATES_HZ[self.encoding]

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame of FRAME_MS."""
        return self.bytes_of(FRAME_MS)

    @property
    def silence(self) -> bytes:
        """One sample of silence."""
        return SILENCE[self.encoding]

    def bytes_of(self, ms: float) -> int:
        """Return how many bytes so many milliseconds take, whole samples only."""
        return int(ms * self.sample_rate_hz / 1000) * BYTES_PER_SAMPLE[self.encoding]

    def ms_of(self, size: int) -> float:
        """Return how long so many bytes last, in milliseconds."""
        return size / BYTES_PER_SAMPLE[self.encoding] / self.sample_rate_hz * 1000
