"""G.729 (RFC 3551 section 4.5.6) on bcg729, which is its annex A; silence of annex B is heard.

A packet holds frames of 10 ms in 10 bytes each, and after them, if the sender was about to fall
silent, one silence description (SID) of 2 bytes. Nothing is sent then until the noise changes.
"""

from typing import Any, ClassVar

from callengine.worker.native.libraries import (
    FAILED,
    FRAME_AUDIO,
    G729_LIBRARY,
    SUCCESS,
    ffi,
    library,
)
from callengine.worker.plugins.compiled import compiled, fill, release
from callengine.worker.plugins.factory import Description, PayloadFormat
from callengine.worker.plugins.fmtp import G729_FMTP
from callengine.worker.plugins.instances import Instance, errors

RATE_HZ = 8000
FRAME_SAMPLES = 80
FRAME_BYTES = FRAME_SAMPLES * 2
SPEECH_BYTES, SID_BYTES = 10, 2
MAX_FRAMES = 32
"Frames read from one packet: 320 ms, as of AMR; a longer packet is refused."
MAX_FRAMES_PER_PACKET = 12
BIT_RATE_BPS = 8000


def frame_sizes(size: int) -> tuple[int, ...]:
    """Return the sizes of the frames in a payload of this many bytes; `()` if it cannot be one."""
    speech, rest = divmod(size, SPEECH_BYTES)
    if rest not in (0, SID_BYTES) or not 0 < speech + bool(rest) <= MAX_FRAMES:
        return ()
    return (SPEECH_BYTES,) * speech + (SID_BYTES,) * bool(rest)


def description() -> Description:
    """Describe G.729 to pjmedia; loads bcg729, or LibraryMissingError."""
    library(G729_LIBRARY)
    return Description(
        name="G729",
        encoding_name="G729",
        rtp_clock_rate_hz=RATE_HZ,
        sdp_channels=1,
        rates_hz=(RATE_HZ,),
        audio_rate_hz=RATE_HZ,
        bit_rate_bps=BIT_RATE_BPS,
        max_bit_rate_bps=BIT_RATE_BPS,
        max_frame_bytes=SPEECH_BYTES,
        formats=(PayloadFormat(18, G729_FMTP),),
        create=instance,
        in_c=G729Instance.in_c,
        frame_ms=10,
    )


def instance() -> Instance:
    """Return what encodes and decodes one stream."""
    return compiled(G729Instance())


class G729Instance:
    """Encoder and decoder of one stream."""

    name: ClassVar[str] = "G729"
    in_c: ClassVar[str] = "vn_g729"

    def __init__(self) -> None:
        self._library = library(G729_LIBRARY)
        self._encoder: Any = None
        self._decoder: Any = None
        self._parsed = ffi.new("uint8_t[]", MAX_FRAMES * SPEECH_BYTES)
        self._coded = ffi.new("uint8_t[]", SPEECH_BYTES)
        self._length = ffi.new("uint8_t *")

    def open(self, param: Any) -> int:
        self.close()
        param.setting.frm_per_pkt = min(max(param.setting.frm_per_pkt, 1), MAX_FRAMES_PER_PACKET)
        api = self._library
        # 0: no silence detection, so that no SID is ever sent, whatever annexb the peer names.
        self._encoder = ffi.gc(api.initBcg729EncoderChannel(0), api.closeBcg729EncoderChannel)
        self._decoder = ffi.gc(api.initBcg729DecoderChannel(), api.closeBcg729DecoderChannel)
        return SUCCESS

    def lend(self, state: Any) -> None:
        """Fill in a zeroed vn_g729."""
        api = self._library
        fill(
            state,
            encoder=self._encoder,
            decoder=self._decoder,
            encode=api.bcg729Encoder,
            decode=api.bcg729Decoder,
        )

    def close(self) -> None:
        release(self._encoder, self._decoder)
        self._encoder = self._decoder = None

    def parse(self, packet: Any, size: int, timestamp: int, max_frames: int, frames: Any) -> int:
        sizes = frame_sizes(size)[:max_frames]
        if not sizes:
            errors["G729.parse"] += 1
            return 0
        ffi.memmove(self._parsed, packet, sum(sizes))
        for index, length in enumerate(sizes):
            frame = frames[index]
            frame.type, frame.buf = FRAME_AUDIO, self._parsed + index * SPEECH_BYTES
            frame.size, frame.bit_info = length, 0
            frame.timestamp.u64 = timestamp + index * FRAME_SAMPLES
        return len(sizes)

    def encode(self, frame: Any, out_size: int, out: Any) -> int:
        count = frame.size // FRAME_BYTES
        if not count or count * SPEECH_BYTES > out_size:
            errors["G729.encode"] += 1
            return FAILED
        samples, payload = ffi.cast("int16_t *", frame.buf), ffi.cast("uint8_t *", out.buf)
        for index in range(count):
            start = samples + index * FRAME_SAMPLES
            self._library.bcg729Encoder(self._encoder, start, self._coded, self._length)
            ffi.memmove(payload + index * SPEECH_BYTES, self._coded, SPEECH_BYTES)
        out.type, out.size = FRAME_AUDIO, count * SPEECH_BYTES
        out.timestamp.u64 = frame.timestamp.u64
        return SUCCESS

    def decode(self, frame: Any, out_size: int, out: Any) -> int:
        if frame.size not in (SPEECH_BYTES, SID_BYTES) or out_size < FRAME_BYTES:
            errors["G729.decode"] += 1
            return FAILED
        return self._decode(frame.buf, frame.size, out)

    def recover(self, out_size: int, out: Any) -> int:
        """Conceal a frame; after a silence description the decoder goes on with its noise."""
        if out_size < FRAME_BYTES:
            errors["G729.recover"] += 1
            return FAILED
        return self._decode(ffi.NULL, 0, out)

    def _decode(self, frame: Any, size: int, out: Any) -> int:
        is_lost, is_silence = not size, size == SID_BYTES
        self._library.bcg729Decoder(self._decoder, frame, size, is_lost, is_silence, 0, out.buf)
        out.type, out.size = FRAME_AUDIO, FRAME_BYTES
        return SUCCESS
