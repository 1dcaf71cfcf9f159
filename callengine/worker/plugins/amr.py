"""AMR and AMR-WB (RFC 4867): what both have in common; `amr_nb` and `amr_wb` name the libraries.

A parsed frame travels through pjmedia's jitter buffer in storage format (RFC 4867 section 5.3),
which is what the decoders read.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from callengine.worker.native.libraries import FAILED, FRAME_AUDIO, SUCCESS, ffi
from callengine.worker.plugins import fmtp
from callengine.worker.plugins.compiled import fill, release
from callengine.worker.plugins.factory import Description, PayloadFormat, fmtp_of
from callengine.worker.plugins.instances import Instance, errors
from callengine.worker.plugins.rfc4867 import (
    AMR_WB,
    MAX_FRAMES,
    NO_DATA,
    Frame,
    FrameTable,
    MalformedPayloadError,
    ModeControl,
    Payload,
    frame_from_storage,
    pack,
    pack_stored,
    unpack,
    unpack_single,
)

MAX_FRAMES_PER_PACKET = 10

_NO_DATA = Frame(NO_DATA).storage


def described(
    name: str, table: FrameTable, first_payload_type: int, create: Callable[[], Instance]
) -> Description:
    """Describe one of the two to pjmedia, with a payload type for each framing."""
    return Description(
        name=name,
        encoding_name=name,
        rtp_clock_rate_hz=table.rate_hz,
        sdp_channels=1,
        rates_hz=(table.rate_hz,),
        audio_rate_hz=table.rate_hz,
        bit_rate_bps=table.bit_rates_bps[-1],
        max_bit_rate_bps=table.bit_rates_bps[-1] + 1000,
        max_frame_bytes=table.max_storage_bytes,
        formats=tuple(
            PayloadFormat(first_payload_type + index, value)
            for index, value in enumerate(fmtp.AMR_FRAMINGS)
        ),
        create=create,
        in_c=AmrInstance.in_c,
    )


class AmrInstance(ABC):
    """Encoder and decoder of one stream."""

    name: ClassVar[str]
    in_c: ClassVar[str] = "vn_amr"
    table: ClassVar[FrameTable]
    lost: ClassVar[bytes]
    "What has the decoder conceal a frame, in storage format."

    def __init__(self) -> None:
        self._encoder: Any = None
        self._decoder: Any = None
        size = self.table.max_storage_bytes
        self._frame_samples = self.table.frame_samples
        self._frame_bytes = self._frame_samples * 2
        self._encoded = ffi.new("uint8_t[]", size + 3)
        self._parsed = ffi.new("uint8_t[]", MAX_FRAMES * size)
        self._lost = ffi.new("uint8_t[]", self.lost)
        self._no_data = ffi.new("uint8_t[]", _NO_DATA)
        self._silent = False
        self._modes = ModeControl()
        self._send_aligned = self._receive_aligned = False

    @abstractmethod
    def new_encoder(self) -> Any:
        """Return an encoder that frees itself."""

    @abstractmethod
    def new_decoder(self) -> Any:
        """Return a decoder that frees itself."""

    @abstractmethod
    def coded(self, encoder: Any, mode: int, samples: Any, into: Any) -> int:
        """Write a frame in storage format; return its length."""

    @abstractmethod
    def decoded(self, decoder: Any, storage: Any, into: Any) -> None:
        """Write the samples of a frame in storage format."""

    def open(self, param: Any) -> int:
        self.close()
        peer = fmtp.read_amr(fmtp_of(param.setting.enc_fmtp), self.table)
        if not peer.usable:
            errors[f"{self.name}.open"] += 1
            return FAILED
        # Both ends name the same framing (RFC 4867 section 8.3.1). Where they do not, the peer's
        # word tells what it reads; what it writes is found out from its packets.
        self._send_aligned = self._receive_aligned = peer.octet_align
        self._modes = ModeControl(
            peer.mode_set,
            modes=len(self.table.speech_bits),
            change_period=peer.change_period,
            neighbours_only=peer.neighbours_only,
        )
        asked = param.setting.frm_per_pkt
        param.setting.frm_per_pkt = min(max(asked, 1), MAX_FRAMES_PER_PACKET)
        self._encoder, self._decoder = self.new_encoder(), self.new_decoder()
        return SUCCESS

    @abstractmethod
    def functions(self) -> tuple[Any, Any]:
        """Return the functions that encode and decode a frame."""

    def lend(self, state: Any) -> None:
        """Fill in a zeroed vn_amr."""
        encode, decode = self.functions()
        modes = self._modes
        fill(
            state,
            encoder=self._encoder,
            decoder=self._decoder,
            encode=encode,
            decode=decode,
            wide=self.table is AMR_WB,
            send_aligned=self._send_aligned,
            receive_aligned=self._receive_aligned,
            mode_count=len(modes.modes),
            index=len(modes.modes) - 1,
            wanted=len(modes.modes) - 1,
            change_period=modes.period,
            neighbours_only=modes.neighbours_only,
        )
        for index, mode in enumerate(modes.modes):
            state.modes[index] = mode

    def close(self) -> None:
        release(self._encoder, self._decoder)
        self._encoder = self._decoder = None

    def parse(self, packet: Any, size: int, timestamp: int, max_frames: int, frames: Any) -> int:
        data: bytes = ffi.buffer(packet, size)[:]
        single = unpack_single(data, octet_align=self._receive_aligned, table=self.table)
        if single is not None and max_frames:
            self._modes.request(single[0])
            return self._one(single[1], timestamp, frames)
        try:
            payload = self._read(data)
        except MalformedPayloadError:
            errors[f"{self.name}.parse"] += 1
            return 0
        self._modes.request(payload.mode_request)
        position = 0
        count = min(len(payload.frames), max_frames)
        for index in range(count):
            part = payload.frames[index]
            # The decoder libraries take no word on damage (Q): a damaged frame goes as lost.
            storage = part.storage if part.good else self.lost
            target = self._parsed + position
            ffi.memmove(target, storage, len(storage))
            frame = frames[index]
            frame.type, frame.buf, frame.size = FRAME_AUDIO, target, len(storage)
            frame.bit_info = 0
            frame.timestamp.u64 = timestamp + index * self._frame_samples
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
            return unpack(data, octet_align=self._receive_aligned, table=self.table)
        except MalformedPayloadError:
            payload = unpack(data, octet_align=not self._receive_aligned, table=self.table)
        errors[f"{self.name}.other-framing"] += 1
        self._receive_aligned = not self._receive_aligned
        return payload

    def encode(self, frame: Any, out_size: int, out: Any) -> int:
        count = frame.size // self._frame_bytes
        payload = b""
        if count == 1:
            stored = self._stored(frame.buf)
            payload = pack_stored(stored, octet_align=self._send_aligned, table=self.table)
        elif 0 < count <= MAX_FRAMES:
            payload = self._encode_many(frame)
        if not 0 < len(payload) <= out_size:
            errors[f"{self.name}.encode"] += 1
            return FAILED
        ffi.memmove(out.buf, payload, len(payload))
        out.type, out.size, out.timestamp.u64 = FRAME_AUDIO, len(payload), frame.timestamp.u64
        return SUCCESS

    def _encode_many(self, frame: Any) -> bytes:
        samples = ffi.cast("uint8_t *", frame.buf)
        parts = tuple(
            frame_from_storage(self._stored(samples + position), self.table)
            for position in range(0, frame.size - self._frame_bytes + 1, self._frame_bytes)
        )
        return pack(Payload(parts), octet_align=self._send_aligned, table=self.table)

    def _stored(self, samples: Any) -> bytes:
        length = self.coded(self._encoder, self._modes.next_mode(), samples, self._encoded)
        stored: bytes = ffi.buffer(self._encoded, length)[:]
        return stored

    def decode(self, frame: Any, out_size: int, out: Any) -> int:
        kind = ffi.cast("uint8_t *", frame.buf)[0] >> 3 & 15 if frame.size else -1
        if frame.size != self.table.storage_bytes.get(kind) or out_size < self._frame_bytes:
            errors[f"{self.name}.decode"] += 1
            return FAILED
        self._silent = kind in (self.table.sid, NO_DATA)
        return self._decode(frame.buf, out)

    def recover(self, out_size: int, out: Any) -> int:
        if out_size < self._frame_bytes:
            errors[f"{self.name}.recover"] += 1
            return FAILED
        # A peer that went silent sends nothing between its SID frames: that is no loss.
        return self._decode(self._no_data if self._silent else self._lost, out)

    def _decode(self, storage: Any, out: Any) -> int:
        self.decoded(self._decoder, storage, out.buf)
        out.type, out.size = FRAME_AUDIO, self._frame_bytes
        return SUCCESS
