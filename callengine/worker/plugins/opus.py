"""OPUS (RFC 6716, RFC 7587) on libopus, one channel at the rate of the conference bridge."""

from typing import Any, ClassVar

from callengine.worker.native.libraries import (
    FAILED,
    FRAME_AUDIO,
    OPUS_LIBRARY,
    SUCCESS,
    ffi,
    library,
)
from callengine.worker.plugins import fmtp
from callengine.worker.plugins.compiled import compiled, fill, release
from callengine.worker.plugins.factory import Description, PayloadFormat, fmtp_of
from callengine.worker.plugins.instances import Instance, errors
from callengine.worker.plugins.opus_packets import CLOCK_HZ, MalformedPacketError, shape

COMPLEXITY = 5
EXPECTED_LOSS_PERCENT = 10
"What the encoder is told when the peer uses in-band FEC; at 5 libopus 1.3 sends no copies."
MAX_PACKET_BYTES = 1400
"An encoder is never given more room than fits in one packet on a usual path."
MAX_FRAMES_PER_PACKET = 6
"120 ms, the longest Opus packet."
MAX_PIECE_BYTES = 1280
"""Room for one Opus frame (RFC 6716 section 3.4: 1275 bytes) in pjmedia's jitter buffer.

It must stay below the 1480 bytes of a stream's packet buffer: for a missing frame pjmedia clears
this many bytes there, and past its end lies the payload type of what we send.
"""
REMEMBERED_PIECES = 32
MAX_REMEMBERED_BYTES = 512
"What carries copies (SILK) is shorter: 200 kbit/s at 20 ms."
SPLIT_BYTES = 4096
"Room for the pieces of one packet."

_APPLICATION_VOIP = 2048
_SET_BITRATE = 4002
_SET_VBR = 4006
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS_PERC = 4014
_SET_DTX = 4016
_SET_SIGNAL = 4024
_SIGNAL_VOICE = 3001


def description(bridge_rate_hz: int) -> Description:
    """Describe OPUS to pjmedia for a bridge at this rate; loads libopus, or LibraryMissingError."""
    library(OPUS_LIBRARY)
    return Description(
        name="OPUS",
        encoding_name="opus",
        rtp_clock_rate_hz=CLOCK_HZ,
        sdp_channels=2,
        rates_hz=fmtp.OPUS_RATES_HZ,
        audio_rate_hz=fmtp.opus_rate_hz(bridge_rate_hz),
        bit_rate_bps=fmtp.OPUS_BIT_RATE_BPS,
        max_bit_rate_bps=fmtp.OPUS_BIT_RATE_BPS * 4,
        max_frame_bytes=MAX_PIECE_BYTES,
        formats=(PayloadFormat(96, fmtp.opus_offer_fmtp(bridge_rate_hz)),),
        create=instance,
        in_c=OpusInstance.in_c,
    )


def instance() -> Instance:
    """Return what encodes and decodes one stream."""
    return compiled(OpusInstance())


class OpusInstance:
    """Encoder and decoder of one stream."""

    name: ClassVar[str] = "OPUS"
    in_c: ClassVar[str] = "vn_opus"

    def __init__(self) -> None:
        self._opus = library(OPUS_LIBRARY)
        self._encoder = self._decoder = self._repacketizer = None
        self._scratch = ffi.new("uint8_t[]", SPLIT_BYTES)
        self._payloads: dict[int, bytes] = {}
        "By timestamp, in the order of their coming."
        self._playing = -1

    def open(self, param: Any) -> int:
        self.close()
        self._rate = param.info.clock_rate
        self._channels = 2 if param.info.channel_cnt == 2 else 1
        self._sample_bytes = 2 * self._channels
        self._to_clock = CLOCK_HZ // self._rate
        self._frame_samples = self._rate // 50
        asked = param.setting.frm_per_pkt
        param.setting.frm_per_pkt = min(max(asked, 1), MAX_FRAMES_PER_PACKET)
        error = ffi.new("int *")
        decoder = self._opus.opus_decoder_create(self._rate, self._channels, error)
        encoder = self._opus.opus_encoder_create(
            self._rate, self._channels, _APPLICATION_VOIP, error
        )
        repacketizer = self._opus.opus_repacketizer_create()
        self._decoder = ffi.gc(decoder, self._opus.opus_decoder_destroy) if decoder else None
        self._encoder = ffi.gc(encoder, self._opus.opus_encoder_destroy) if encoder else None
        self._repacketizer = ffi.gc(repacketizer, self._opus.opus_repacketizer_destroy)
        if self._decoder is None or self._encoder is None:
            return FAILED
        self._configure(fmtp.read_opus(fmtp_of(param.setting.enc_fmtp)))
        return SUCCESS

    def _configure(self, asked: fmtp.OpusFormat) -> None:
        for request, value in (
            (_SET_BITRATE, asked.bit_rate_bps),
            (_SET_VBR, not asked.constant_bit_rate),
            (_SET_COMPLEXITY, COMPLEXITY),
            (_SET_INBAND_FEC, asked.inband_fec),
            (_SET_PACKET_LOSS_PERC, EXPECTED_LOSS_PERCENT if asked.inband_fec else 0),
            (_SET_DTX, 0),
            (_SET_SIGNAL, _SIGNAL_VOICE),
        ):
            if self._opus.opus_encoder_ctl(self._encoder, request, ffi.cast("int", value)) < 0:
                errors["OPUS.configure"] += 1

    def lend(self, state: Any) -> None:
        """Fill in a zeroed vn_opus."""
        opus = self._opus
        fill(
            state,
            encoder=self._encoder,
            decoder=self._decoder,
            repacketizer=self._repacketizer,
            encode=opus.opus_encode,
            decode=opus.opus_decode,
            repacketizer_init=opus.opus_repacketizer_init,
            repacketizer_cat=opus.opus_repacketizer_cat,
            repacketizer_out_range=opus.opus_repacketizer_out_range,
            rate_hz=self._rate,
            channels=self._channels,
            frame_samples=self._frame_samples,
        )

    def close(self) -> None:
        release(self._encoder, self._decoder, self._repacketizer)
        self._encoder = self._decoder = self._repacketizer = None
        self._payloads.clear()
        self._playing = -1

    def parse(self, packet: Any, size: int, timestamp: int, max_frames: int, frames: Any) -> int:
        try:
            made = shape(*_first_two(packet, size), size)
            per_piece = made.frames_per_piece(max_frames)
        except MalformedPacketError:
            errors["OPUS.parse"] += 1
            return 0
        pieces = made.frames // per_piece
        samples = made.frame_samples * per_piece // self._to_clock
        if pieces == 1:
            frames[0].buf, frames[0].size = packet, size
        elif not self._split(packet, size, pieces, per_piece, frames):
            errors["OPUS.parse"] += 1
            return 0
        if any(frames[index].size > MAX_PIECE_BYTES for index in range(pieces)):
            errors["OPUS.parse"] += 1
            return 0
        step = made.frame_samples * per_piece
        for index in range(pieces):
            frame = frames[index]
            frame.type, frame.bit_info = FRAME_AUDIO, samples
            frame.timestamp.u64 = timestamp + index * step
        if samples != self._frame_samples:
            # pjmedia reads this bit of the first frame as "the duration has changed".
            self._frame_samples = samples
            frames[0].bit_info = 0x10000 | samples
        if made.may_carry_fec:
            self._remember(frames, pieces)
        return pieces

    def _split(self, packet: Any, size: int, pieces: int, per_piece: int, frames: Any) -> bool:
        opus = self._opus
        opus.opus_repacketizer_init(self._repacketizer)
        if opus.opus_repacketizer_cat(self._repacketizer, packet, size) < 0:
            return False
        position, room = 0, len(self._scratch)
        for index in range(pieces):
            target = self._scratch + position
            first = index * per_piece
            length = opus.opus_repacketizer_out_range(
                self._repacketizer, first, first + per_piece, target, room - position
            )
            if length < 0:
                return False
            frames[index].buf, frames[index].size = target, length
            position += length
        return True

    def _remember(self, frames: Any, pieces: int) -> None:
        # The packet after a lost one carries a copy of it (in-band FEC). It has usually arrived
        # when the loss is played, and waits in pjmedia's jitter buffer, out of our reach.
        for index in range(pieces):
            frame = frames[index]
            if frame.size > MAX_REMEMBERED_BYTES:
                continue
            self._payloads.pop(frame.timestamp.u64, None)
            self._payloads[frame.timestamp.u64] = bytes(ffi.buffer(frame.buf, frame.size))
            if len(self._payloads) > REMEMBERED_PIECES:
                self._payloads.pop(next(iter(self._payloads)))

    def encode(self, frame: Any, out_size: int, out: Any) -> int:
        length = self._opus.opus_encode(
            self._encoder,
            frame.buf,
            frame.size // self._sample_bytes,
            out.buf,
            min(MAX_PACKET_BYTES, out_size),
        )
        if length < 0:
            errors["OPUS.encode"] += 1
            return FAILED
        out.type, out.size, out.timestamp.u64 = FRAME_AUDIO, length, frame.timestamp.u64
        return SUCCESS

    def decode(self, frame: Any, out_size: int, out: Any) -> int:
        size = frame.size
        if size > MAX_PIECE_BYTES:
            errors["OPUS.decode"] += 1
            return FAILED
        payload = bytes(ffi.buffer(frame.buf, size))
        alike = (at for at, kept in self._payloads.items() if kept == payload)
        self._playing = next(alike, -1)
        self._payloads.pop(self._playing, None)
        samples = self._opus.opus_decode(
            self._decoder, frame.buf, size, out.buf, out_size // self._sample_bytes, 0
        )
        if samples < 0:
            errors["OPUS.decode"] += 1
            return FAILED
        out.type, out.size = FRAME_AUDIO, samples * self._sample_bytes
        return SUCCESS

    def recover(self, out_size: int, out: Any) -> int:
        wanted = min(self._frame_samples, out_size // self._sample_bytes)
        following = None
        if self._playing >= 0:
            step = self._frame_samples * self._to_clock
            self._playing += step
            following = self._payloads.get(self._playing + step)
        data = following if following is not None else ffi.NULL
        samples = self._opus.opus_decode(
            self._decoder,
            ffi.from_buffer(data) if following is not None else data,
            len(following) if following is not None else 0,
            out.buf,
            wanted,
            following is not None,
        )
        if samples < 0:
            errors["OPUS.recover"] += 1
            return FAILED
        out.type, out.size = FRAME_AUDIO, samples * self._sample_bytes
        return SUCCESS


def _first_two(packet: Any, size: int) -> tuple[int, int]:
    start = bytes(ffi.buffer(packet, min(size, 2))).ljust(2, b"\0")
    return start[0], start[1]
