"""AMR-WB (RFC 4867) on vo-amrwbenc and opencore-amrwb.

A parsed frame travels through pjmedia's jitter buffer in storage format (RFC 4867 section 5.3),
which is what the decoder reads.
"""

from typing import Any

from callengine.worker.plugins import fmtp
from callengine.worker.plugins.factory import Description, PayloadFormat, fmtp_of
from callengine.worker.plugins.native import (
    AMR_WB_DECODER_LIBRARY,
    AMR_WB_ENCODER_LIBRARY,
    FAILED,
    FRAME_AUDIO,
    SUCCESS,
    errors,
    ffi,
    library,
)
from callengine.worker.plugins.rfc4867 import (
    BIT_RATES_BPS,
    MAX_FRAMES,
    Frame,
    FrameType,
    MalformedPayloadError,
    ModeControl,
    Payload,
    frame_from_storage,
    pack,
    pack_stored,
    unpack,
    unpack_single,
)

RATE_HZ = 16000
FRAME_SAMPLES = RATE_HZ // 50
FRAME_BYTES = FRAME_SAMPLES * 2
STORAGE_BYTES = 61
MAX_FRAMES_PER_PACKET = 10

_LOST = Frame(FrameType.SPEECH_LOST, good=False).storage
_NO_DATA = Frame(FrameType.NO_DATA).storage


def description() -> Description:
    """Describe AMR-WB to pjmedia; loads both libraries, or LibraryMissingError."""
    library(AMR_WB_ENCODER_LIBRARY)
    library(AMR_WB_DECODER_LIBRARY)
    return Description(
        name="AMR-WB",
        encoding_name="AMR-WB",
        rtp_clock_rate_hz=RATE_HZ,
        sdp_channels=1,
        rates_hz=(RATE_HZ,),
        audio_rate_hz=RATE_HZ,
        bit_rate_bps=BIT_RATES_BPS[-1],
        max_bit_rate_bps=BIT_RATES_BPS[-1] + 1000,
        max_frame_bytes=STORAGE_BYTES,
        formats=tuple(
            PayloadFormat(97 + index, value) for index, value in enumerate(fmtp.AMR_WB_FRAMINGS)
        ),
        create=AmrWbInstance,
    )


class AmrWbInstance:
    """Encoder and decoder of one stream."""

    def __init__(self) -> None:
        self._encoding = library(AMR_WB_ENCODER_LIBRARY)
        self._decoding = library(AMR_WB_DECODER_LIBRARY)
        self._encoder = self._decoder = None
        self._encoded = ffi.new("uint8_t[]", STORAGE_BYTES + 3)
        self._parsed = ffi.new("uint8_t[]", MAX_FRAMES * STORAGE_BYTES)
        self._lost = ffi.new("uint8_t[]", _LOST)
        self._no_data = ffi.new("uint8_t[]", _NO_DATA)
        self._silent = False
        self._modes = ModeControl()
        self._send_aligned = self._receive_aligned = False

    def open(self, param: Any) -> int:
        self.close()
        peer = fmtp.read_amr_wb(fmtp_of(param.setting.enc_fmtp))
        if not peer.usable:
            errors["AMR-WB.open"] += 1
            return FAILED
        # Both ends name the same framing (RFC 4867 section 8.3.1). Where they do not, the peer's
        # word tells what it reads; what it writes is found out from its packets.
        self._send_aligned = self._receive_aligned = peer.octet_align
        self._modes = ModeControl(
            peer.mode_set,
            change_period=peer.change_period,
            neighbours_only=peer.neighbours_only,
        )
        asked = param.setting.frm_per_pkt
        param.setting.frm_per_pkt = min(max(asked, 1), MAX_FRAMES_PER_PACKET)
        self._encoder = ffi.gc(self._encoding.E_IF_init(), self._encoding.E_IF_exit)
        self._decoder = ffi.gc(self._decoding.D_IF_init(), self._decoding.D_IF_exit)
        return SUCCESS

    def close(self) -> None:
        for owned in (self._encoder, self._decoder):
            if owned is not None:
                ffi.release(owned)
        self._encoder = self._decoder = None

    def parse(self, packet: Any, size: int, timestamp: int, max_frames: int, frames: Any) -> int:
        data: bytes = ffi.buffer(packet, size)[:]
        single = unpack_single(data, octet_align=self._receive_aligned)
        if single is not None and max_frames:
            self._modes.request(single[0])
            return self._one(single[1], timestamp, frames)
        try:
            payload = self._read(data)
        except MalformedPayloadError:
            errors["AMR-WB.parse"] += 1
            return 0
        self._modes.request(payload.mode_request)
        position = 0
        count = min(len(payload.frames), max_frames)
        for index in range(count):
            part = payload.frames[index]
            # The decoder library takes no word on damage (Q): a damaged frame goes as lost.
            storage = part.storage if part.good else _LOST
            target = self._parsed + position
            ffi.memmove(target, storage, len(storage))
            frame = frames[index]
            frame.type, frame.buf, frame.size = FRAME_AUDIO, target, len(storage)
            frame.bit_info = 0
            frame.timestamp.u64 = timestamp + index * FRAME_SAMPLES
            position += len(storage)
        return count

    def _one(self, storage: bytes, timestamp: int, frames: Any) -> int:
        ffi.memmove(self._parsed, storage, len(storage))
        frame = frames[0]
        frame.type, frame.buf, frame.size = FRAME_AUDIO, self._parsed, len(storage)
        frame.bit_info, frame.timestamp.u64 = 0, timestamp
        return 1

    def _read(self, data: bytes) -> Payload:
        try:
            return unpack(data, octet_align=self._receive_aligned)
        except MalformedPayloadError:
            payload = unpack(data, octet_align=not self._receive_aligned)
        errors["AMR-WB.other-framing"] += 1
        self._receive_aligned = not self._receive_aligned
        return payload

    def encode(self, frame: Any, out_size: int, out: Any) -> int:
        if frame.size == FRAME_BYTES:
            payload = pack_stored(self._stored(frame.buf), octet_align=self._send_aligned)
        else:
            payload = self._encode_many(frame)
        if len(payload) > out_size:
            errors["AMR-WB.encode"] += 1
            return FAILED
        ffi.memmove(out.buf, payload, len(payload))
        out.type, out.size, out.timestamp.u64 = FRAME_AUDIO, len(payload), frame.timestamp.u64
        return SUCCESS

    def _encode_many(self, frame: Any) -> bytes:
        samples = ffi.cast("uint8_t *", frame.buf)
        parts = tuple(
            frame_from_storage(self._stored(samples + position))
            for position in range(0, frame.size - FRAME_BYTES + 1, FRAME_BYTES)
        )
        return pack(Payload(parts), octet_align=self._send_aligned)

    def _stored(self, samples: Any) -> bytes:
        mode = self._modes.next_mode()
        length = self._encoding.E_IF_encode(self._encoder, mode, samples, self._encoded, 0)
        stored: bytes = ffi.buffer(self._encoded, length)[:]
        return stored

    def decode(self, frame: Any, out_size: int, out: Any) -> int:
        if frame.size < 1 or out_size < FRAME_BYTES:
            errors["AMR-WB.decode"] += 1
            return FAILED
        kind = ffi.cast("uint8_t *", frame.buf)[0] >> 3 & 15
        self._silent = kind in (FrameType.SID, FrameType.NO_DATA)
        return self._decode(frame.buf, out)

    def recover(self, out_size: int, out: Any) -> int:
        if out_size < FRAME_BYTES:
            errors["AMR-WB.recover"] += 1
            return FAILED
        # A peer that went silent sends nothing between its SID frames: that is no loss.
        return self._decode(self._no_data if self._silent else self._lost, out)

    def _decode(self, storage: Any, out: Any) -> int:
        self._decoding.D_IF_decode(self._decoder, storage, out.buf, 0)
        out.type, out.size = FRAME_AUDIO, FRAME_BYTES
        return SUCCESS
