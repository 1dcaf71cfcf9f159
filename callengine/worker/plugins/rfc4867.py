"""RTP payload format of AMR and AMR-WB (RFC 4867): bytes in, frames out, and back. Pure.

Both framings of one channel: bandwidth-efficient (section 4.3) and octet-aligned (section 4.4).
CRC, robust sorting and interleaving are never agreed here, so they are not read.
Speech bits stay in the order of the payload, the first in the most significant bit of the
first byte, the last byte padded with zeros: the order of the storage format (section 5.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

MAX_FRAMES = 16
"Frames read from one packet: 320 ms, more than any maxptime seen; a longer packet is refused."
NO_REQUEST = 15
"Codec mode request (CMR) that asks for nothing."
NO_DATA = 15
"Frame type of a frame that was not sent, in both codecs."


@dataclass(frozen=True)
class FrameTable:
    """What the frames of one of the two codecs hold (RFC 4867 table 1; 3GPP TS 26.101, 26.201)."""

    rate_hz: int
    "Of the samples, and of the RTP clock."
    bit_rates_bps: tuple[int, ...]
    "Of each speech mode."
    speech_bits: tuple[int, ...]
    "In a frame of 20 ms, of each speech mode."
    sid: int
    "Frame type of silence descriptions."
    sid_bits: int
    empty: tuple[int, ...] = (NO_DATA,)
    "Frame types without any bits."

    @property
    def frame_samples(self) -> int:
        """Samples in one frame, and ticks of the RTP clock."""
        return self.rate_hz // 50

    @cached_property
    def frame_bits(self) -> dict[int, int]:
        """Bits of a frame by its type; types missing here are reserved."""
        speech = dict(enumerate(self.speech_bits))
        return speech | {self.sid: self.sid_bits} | dict.fromkeys(self.empty, 0)

    @cached_property
    def storage_bytes(self) -> dict[int, int]:
        """Length in storage format of a frame by its type."""
        return {kind: 1 + _bytes(bits) for kind, bits in self.frame_bits.items()}

    @property
    def max_storage_bytes(self) -> int:
        """The longest frame in storage format."""
        return 1 + _bytes(self.speech_bits[-1])


class FrameType(IntEnum):
    """Frame types of AMR-WB that are not speech (RFC 4867 section 4.3.2)."""

    SID = 9
    SPEECH_LOST = 14
    NO_DATA = NO_DATA


AMR_WB = FrameTable(
    16000,
    (6600, 8850, 12650, 14250, 15850, 18250, 19850, 23050, 23850),
    (132, 177, 253, 285, 317, 365, 397, 461, 477),
    sid=FrameType.SID,
    sid_bits=40,
    empty=(FrameType.SPEECH_LOST, NO_DATA),
)
# Types 9 to 11 are silence of other systems' codecs, which a payload must not hold.
AMR = FrameTable(
    8000,
    (4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200),
    (95, 103, 118, 134, 148, 159, 204, 244),
    sid=8,
    sid_bits=39,
)


class MalformedPayloadError(ValueError):
    """A payload that RFC 4867 does not allow, in the framing agreed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One 20 ms frame: its type (FT), its bits in `data`, and whether it is undamaged (Q)."""

    type: int
    data: bytes = b""
    good: bool = True

    @property
    def storage(self) -> bytes:
        """The frame in storage format: one table-of-contents byte, then the bits."""
        return bytes((self.type << 3 | self.good << 2,)) + self.data


@dataclass(frozen=True, slots=True)
class Payload:
    """What one RTP packet holds: a codec mode request (0 to 15) and frames, oldest first."""

    frames: tuple[Frame, ...]
    mode_request: int = NO_REQUEST


def frame_from_storage(storage: bytes, table: FrameTable = AMR_WB) -> Frame:
    """Return the frame an encoder wrote in storage format; MalformedPayloadError if it is none."""
    if not storage:
        raise MalformedPayloadError("an empty buffer is not a frame")
    frame = Frame(storage[0] >> 3 & 15, storage[1:], bool(storage[0] & 4))
    _check(frame, table)
    return frame


def pack(payload: Payload, *, octet_align: bool, table: FrameTable = AMR_WB) -> bytes:
    """Return the RTP payload; MalformedPayloadError for frames that cannot be sent."""
    if not 1 <= len(payload.frames) <= MAX_FRAMES or not 0 <= payload.mode_request <= 15:
        raise MalformedPayloadError(
            f"{len(payload.frames)} frames with mode request {payload.mode_request}"
        )
    for frame in payload.frames:
        _check(frame, table)
    return _pack_aligned(payload, table) if octet_align else _pack_efficient(payload, table)


def unpack(data: bytes, *, octet_align: bool, table: FrameTable = AMR_WB) -> Payload:
    """Return what an RTP payload holds; MalformedPayloadError unless its length fits exactly."""
    return _unpack_aligned(data, table) if octet_align else _unpack_efficient(data, table)


def pack_stored(storage: bytes, *, octet_align: bool, table: FrameTable = AMR_WB) -> bytes:
    """Return `pack` of one frame in storage format that asks for no mode.

    What an encoder just wrote goes 50 times a second: nothing is built that is not sent.
    """
    frame_type = storage[0] >> 3 & 15
    bits = table.frame_bits[frame_type]
    padding = -bits % 8
    speech = int.from_bytes(storage[1:]) >> padding
    if octet_align:
        head = (NO_REQUEST << 12 | storage[0] & 0x7C) << bits
        return ((head | speech) << padding).to_bytes(2 + _bytes(bits))
    value = (NO_REQUEST << 6 | storage[0] >> 2 & 31) << bits | speech
    length = 10 + bits
    return (value << (-length % 8)).to_bytes(_bytes(length))


def unpack_single(
    data: bytes, *, octet_align: bool, table: FrameTable = AMR_WB
) -> tuple[int, bytes] | None:
    """Return mode request and storage format of a payload of one undamaged frame.

    None for any other payload, malformed ones among them: that is for `unpack` to tell.
    """
    if len(data) < 2:
        return None
    if octet_align:
        contents = data[1]
        bits = table.frame_bits.get(contents >> 3 & 15)
        if bits is None or contents & 0x84 != 4 or len(data) != 2 + _bytes(bits):
            return None
        return data[0] >> 4, bytes((contents & 0x7C,)) + data[2:]
    contents = (data[0] & 15) << 2 | data[1] >> 6
    bits = table.frame_bits.get(contents >> 1 & 15)
    if bits is None or contents & 0x21 != 1 or len(data) != _bytes(10 + bits):
        return None
    speech = int.from_bytes(data) >> (-(10 + bits) % 8) & ((1 << bits) - 1)
    value = (contents << 2) << bits | speech
    return data[0] >> 4, (value << (-bits % 8)).to_bytes(1 + _bytes(bits))


def _check(frame: Frame, table: FrameTable) -> None:
    bits = table.frame_bits.get(frame.type)
    if bits is None:
        raise MalformedPayloadError(f"frame type {frame.type} is reserved")
    if len(frame.data) != _bytes(bits):
        raise MalformedPayloadError(
            f"{len(frame.data)} bytes of frame type {frame.type}, which has {bits} bits"
        )


def _bytes(bits: int) -> int:
    return (bits + 7) // 8


def _pack_aligned(payload: Payload, table: FrameTable) -> bytes:
    last = len(payload.frames) - 1
    contents = bytes(
        (index < last) << 7 | frame.type << 3 | frame.good << 2
        for index, frame in enumerate(payload.frames)
    )
    speech = b"".join(_zero_padded(frame, table) for frame in payload.frames)
    return bytes((payload.mode_request << 4,)) + contents + speech


def _zero_padded(frame: Frame, table: FrameTable) -> bytes:
    padding = -table.frame_bits[frame.type] % 8
    if not padding:
        return frame.data
    return frame.data[:-1] + bytes((frame.data[-1] >> padding << padding,))


def _pack_efficient(payload: Payload, table: FrameTable) -> bytes:
    last = len(payload.frames) - 1
    value, length = payload.mode_request, 4
    for index, frame in enumerate(payload.frames):
        value = value << 6 | (index < last) << 5 | frame.type << 1 | frame.good
        length += 6
    for frame in payload.frames:
        bits = table.frame_bits[frame.type]
        value = value << bits | int.from_bytes(frame.data) >> (-bits % 8)
        length += bits
    return (value << (-length % 8)).to_bytes(_bytes(length))


def _unpack_aligned(data: bytes, table: FrameTable) -> Payload:
    # The four reserved bits after CMR and the two after each Q are ignored (section 4.4.1).
    if len(data) < 2:
        raise MalformedPayloadError(f"{len(data)} bytes hold no table of contents")
    contents: list[int] = []
    for entry in data[1 : 2 + MAX_FRAMES]:
        contents.append(entry)
        if not entry & 0x80:
            break
    position = 1 + len(contents)
    _check_contents(contents[-1] & 0x80, [entry >> 3 & 15 for entry in contents], table)
    frames = []
    for entry in contents:
        frame_type = entry >> 3 & 15
        size = _bytes(table.frame_bits[frame_type])
        frames.append(Frame(frame_type, data[position : position + size], bool(entry & 4)))
        position += size
    if position != len(data):
        raise MalformedPayloadError(f"{len(data)} bytes where {position} were announced")
    return Payload(tuple(frames), data[0] >> 4)


def _unpack_efficient(data: bytes, table: FrameTable) -> Payload:
    if len(data) < 2:
        raise MalformedPayloadError(f"{len(data)} bytes hold no table of contents")
    total = len(data) * 8
    if total > (1 + MAX_FRAMES) * max(table.speech_bits):
        raise MalformedPayloadError(f"{len(data)} bytes are more than {MAX_FRAMES} frames")
    value = int.from_bytes(data)
    position, more = 4, 1
    contents: list[int] = []
    while more and position + 6 <= total and len(contents) <= MAX_FRAMES:
        position += 6
        entry = value >> (total - position) & 0x3F
        contents.append(entry)
        more = entry & 0x20
    _check_contents(more, [entry >> 1 & 15 for entry in contents], table)
    frames = []
    for entry in contents:
        frame_type = entry >> 1 & 15
        frames.append(_read_bits(value, total - position, frame_type, table, good=bool(entry & 1)))
        position += table.frame_bits[frame_type]
    if _bytes(position) != len(data):
        raise MalformedPayloadError(f"{len(data)} bytes where {_bytes(position)} were announced")
    return Payload(tuple(frames), value >> (total - 4))


def _read_bits(
    value: int, remaining: int, frame_type: int, table: FrameTable, *, good: bool
) -> Frame:
    """Return the frame whose bits begin `remaining` bits before the end of `value`."""
    bits = table.frame_bits[frame_type]
    left = remaining - bits
    if left < 0:
        raise MalformedPayloadError(f"the payload ends inside frame type {frame_type}")
    speech = (value >> left & ((1 << bits) - 1)) << (-bits % 8)
    return Frame(frame_type, speech.to_bytes(_bytes(bits)), good)


def _check_contents(more: int, frame_types: Sequence[int], table: FrameTable) -> None:
    if more or len(frame_types) > MAX_FRAMES:
        raise MalformedPayloadError("the table of contents does not end")
    for frame_type in frame_types:
        if frame_type not in table.frame_bits:
            raise MalformedPayloadError(f"frame type {frame_type} is reserved")


class ModeControl:
    """Decide the mode of each frame sent: mode-set, the peer's requests, and how changes may go.

    `mode_set` is what the peer allows of `modes` modes (empty: all); `change_period` and
    `neighbours_only` are its mode-change-period and mode-change-neighbor (section 8.2).
    """

    def __init__(
        self,
        mode_set: Sequence[int] = (),
        *,
        modes: int = len(AMR_WB.speech_bits),
        change_period: int = 1,
        neighbours_only: bool = False,
    ) -> None:
        valid = sorted({mode for mode in mode_set if 0 <= mode < modes})
        self.modes = tuple(valid) or tuple(range(modes))
        self.period = max(1, change_period)
        self.neighbours_only = neighbours_only
        self._index = self._wanted = len(self.modes) - 1
        self._frames = 0

    def request(self, mode_request: int) -> None:
        """Take the peer's CMR; one that asks for nothing, is reserved or not allowed is ignored."""
        if mode_request in self.modes:
            self._wanted = self.modes.index(mode_request)

    def next_mode(self) -> int:
        """Return the mode of the next frame; call once for each frame sent."""
        if self._index != self._wanted and self._frames % self.period == 0:
            step = self._wanted - self._index
            if self.neighbours_only:
                step = 1 if step > 0 else -1
            self._index += step
        self._frames += 1
        return self.modes[self._index]
