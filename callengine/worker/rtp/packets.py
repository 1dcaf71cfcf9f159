"""RTP packets (RFC 3550 section 5.1): bytes in, values out, and back. Pure."""

import struct
from typing import NamedTuple

VERSION = 2
HEADER_BYTES = 12
MAX_PACKET_BYTES = 1500
"What is read of a datagram; 60 ms of anything spoken here is far below."
SEQUENCES = 1 << 16
TIMESTAMPS = 1 << 32

_HEADER = struct.Struct("!BBHII")
_PADDING, _EXTENSION, _SOURCES = 0x20, 0x10, 0x0F
_MARKER = 0x80
_RTCP_TYPES = range(64, 96)
"Payload types that would make an RTP packet look like RTCP on one port (RFC 5761 section 4)."


class RtpPacket(NamedTuple):
    """What a packet says, its CSRC list, header extension and padding taken away."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


def parse(data: bytes) -> RtpPacket | None:
    """Return the packet, or None if these bytes are none: every length in it has to fit."""
    size = len(data)
    if size < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != VERSION or second & 0x7F in _RTCP_TYPES:
        return None
    start, end = HEADER_BYTES, size
    if first & ~0xC0:  # most packets are without any of it
        bounds = _bounds(data, first)
        if bounds is None:
            return None
        start, end = bounds
    return RtpPacket(
        second & 0x7F, sequence, timestamp, ssrc, data[start:end], bool(second & _MARKER)
    )


def _bounds(data: bytes, first: int) -> tuple[int, int] | None:
    """Return where the payload begins and ends; None if the header promises more than there is."""
    start, end = HEADER_BYTES + 4 * (first & _SOURCES), len(data)
    if first & _EXTENSION:
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    if start > end:
        return None
    if first & _PADDING:
        padding = data[-1] if end > start else 0
        if not 0 < padding <= end - start:
            return None
        end -= padding
    return start, end


def build(packet: RtpPacket) -> bytes:
    """Return the bytes of a packet, without padding, extension or CSRC list."""
    return (
        _HEADER.pack(
            VERSION << 6,
            packet.marker << 7 | packet.payload_type,
            packet.sequence,
            packet.timestamp,
            packet.ssrc,
        )
        + packet.payload
    )


def signed(difference: int, modulus: int) -> int:
    """Return the difference of two numbers that wrap, the way round that is shorter."""
    difference %= modulus
    return difference - modulus if difference >= modulus // 2 else difference
