"""A caller that speaks no codec: 16-bit samples as they are, from a browser's page."""

from dataclasses import dataclass

from agents.formats import FRAME_MS, AudioFormat
from agents.meaning import Direction, resampling
from callengine.core.sounds import PCM, SOUND_RATE_HZ


class PcmCodec:
    """Samples are their own payload (see `VoiceCodec`)."""

    rate_hz = SOUND_RATE_HZ

    def decode(self, payload: bytes) -> bytes:
        """Return the samples."""
        return payload

    def conceal(self, ms: int, following: bytes = b"") -> bytes:
        """Return silence: a stream of TCP loses nothing."""
        return bytes(ms * self.rate_hz // 1000 * 2)

    def encode(self, samples: bytes) -> bytes:
        """Return the samples."""
        return samples

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class PcmCaller:
    """A caller's sound as `core.sounds` has it (see `CallerFormat`)."""

    name: str = PCM
    clock_hz: int = SOUND_RATE_HZ
    frame_ms: int = FRAME_MS

    def rate_hz(self, wanted_hz: int) -> int:
        """Return the only rate it has."""
        return SOUND_RATE_HZ

    def open(self, rate_hz: int) -> PcmCodec:
        """Return what leaves samples as they are."""
        return PcmCodec()

    def how(self, audio: AudioFormat, direction: Direction) -> str:
        """Return what is done between it and a format: no agent's has its rate."""
        return resampling(SOUND_RATE_HZ, audio, direction)
