"""Reading the first bytes of an Opus packet (RFC 6716 section 3.1): how long, how many. Pure."""

from dataclasses import dataclass
from itertools import chain, repeat

CLOCK_HZ = 48000
MAX_PACKET_SAMPLES = CLOCK_HZ * 120 // 1000
PIECE_SAMPLES = CLOCK_HZ * 20 // 1000
"A packet is cut into pieces of at most this, unless one frame is longer."

_FRAME_SAMPLES = tuple(
    chain(
        (480, 960, 1920, 2880) * 3,  # SILK: 10, 20, 40, 60 ms
        (480, 960) * 2,  # hybrid: 10, 20 ms
        (120, 240, 480, 960) * 4,  # CELT: 2.5, 5, 10, 20 ms
    )
)
_CARRIES_FEC = tuple(chain(repeat(True, 16), repeat(False, 16)))


class MalformedPacketError(ValueError):
    """Bytes that are no Opus packet."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a packet is made: `frames` frames of `frame_samples` each, at 48000 Hz."""

    frames: int
    frame_samples: int
    may_carry_fec: bool

    @property
    def samples(self) -> int:
        """Duration of the packet, in samples at 48000 Hz."""
        return self.frames * self.frame_samples

    def frames_per_piece(self, max_pieces: int) -> int:
        """Return how many frames make one piece, all pieces alike; at most 20 ms where it can.

        pjmedia's jitter buffer holds pieces of one duration. MalformedPacketError if the packet
        cannot be cut into at most `max_pieces`.
        """
        wanted = max(1, PIECE_SAMPLES // self.frame_samples)
        smaller = range(min(wanted, self.frames), 0, -1)
        for count in chain(smaller, range(wanted + 1, self.frames + 1)):
            if self.frames % count == 0 and self.frames // count <= max_pieces:
                return count
        raise MalformedPacketError(f"{self.frames} frames do not fit in {max_pieces} pieces")


def shape(first: int, second: int, size: int) -> Shape:
    """Return the shape of a packet of `size` bytes that starts with these two.

    Raises MalformedPacketError; `second` is ignored where the packet has no frame count byte.
    """
    if size < 1:
        raise MalformedPacketError("an empty packet")
    config, code = first >> 3, first & 3
    frames = 1 if code == 0 else 2
    if code == 3:
        frames = second & 63 if size > 1 else 0
    frame_samples = _FRAME_SAMPLES[config]
    if not 0 < frames * frame_samples <= MAX_PACKET_SAMPLES:
        raise MalformedPacketError(f"{frames} frames of {frame_samples} samples in one packet")
    return Shape(frames, frame_samples, _CARRIES_FEC[config])
