"""What a codec is to pjmedia, and to the legs that talk to an agent: an encoder and a decoder."""

from collections import Counter
from typing import Any, Protocol

errors: Counter[str] = Counter()
"How often a codec could do nothing with what it was given, by `CODEC.operation`."


class Instance(Protocol):
    """One encoder and decoder, of one stream. Frames are cffi `pjmedia_frame` pointers.

    Every method returns a pj_status_t; one that raises is counted and reported to pjmedia as
    failed. pjmedia never calls parse, decode and recover of one stream at the same time.
    """

    def open(self, param: Any) -> int:
        """Create encoder and decoder for a pjmedia_codec_param; it may lower what it asks."""

    def close(self) -> None:
        """Free encoder and decoder; a second call does nothing."""

    def parse(self, packet: Any, size: int, timestamp: int, max_frames: int, frames: Any) -> int:
        """Cut a payload into frames; return how many, 0 for one that cannot be used."""

    def encode(self, frame: Any, out_size: int, out: Any) -> int:
        """Encode 16-bit samples into an RTP payload."""

    def decode(self, frame: Any, out_size: int, out: Any) -> int:
        """Decode one parsed frame into 16-bit samples."""

    def recover(self, out_size: int, out: Any) -> int:
        """Write samples in place of a frame that is missing."""
