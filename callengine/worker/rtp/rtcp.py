"""RTCP (RFC 3550 section 6): compound packets read and written, and when they are due. Pure."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from callengine.worker.rtp.statistics import ReceptionReport

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE = 200, 201, 202, 203
PACKET_TYPES = range(192, 224)
"What the second byte of RTCP says, where RTP and RTCP share a port (RFC 5761)."
MAX_COMPOUND_BYTES = 1500
INTERVAL_S = 5.0
"The minimum of section 6.2; with two in a session it is always that."
FIRST_INTERVAL_S = INTERVAL_S / 2
NTP_UNIX_S = 2_208_988_800
"From 1900 to 1970."
_COMPENSATION = 1.21828
"e - 1.5 (section 6.3.1), for the timers are set anew as members come and go."

_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")
_CNAME = 1
_MAX_TEXT = 255


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a peer says of one stream it receives."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    "The middle 32 bits of the NTP time of our last sender report; 0 for none."
    delay: int
    "Since it got that, in 1/65536 s."


@dataclass(frozen=True, slots=True)
class Report:
    """An SR or RR."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()
    ntp: int | None = None
    "The NTP time of a sender report, 64 bits; None for a receiver report."


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A BYE: these streams are over."""

    ssrcs: tuple[int, ...]


# Reading


def parse_compound(data: bytes) -> tuple[Report | Goodbye, ...]:
    """Return the reports and goodbyes in a compound packet; nothing of one that is malformed.

    Packets of other types are passed over.
    """
    packets: list[Report | Goodbye] = []
    for kind, count, body in _packets(data):
        if kind is None:
            return ()
        if kind == GOODBYE:
            if len(body) < 4 * count:
                return ()
            packets.append(Goodbye(struct.unpack_from(f"!{count}I", body)))
        elif kind in (SENDER_REPORT, RECEIVER_REPORT):
            report = _report(kind, count, body)
            if report is None:
                return ()
            packets.append(report)
    return tuple(packets)


def _packets(data: bytes) -> Iterator[tuple[int | None, int, bytes]]:
    """Yield type, count and body of each packet; a type of None where the lengths do not fit."""
    at = 0
    while at < len(data):
        head = data[at : at + 4]
        size = 4 + 4 * int.from_bytes(head[2:4])
        if len(head) < 4 or head[0] >> 6 != 2 or at + size > len(data):
            yield None, 0, b""
            return
        body = data[at + 4 : at + size]
        if head[0] & 0x20:
            padding = body[-1] if body else 0
            if not 0 < padding <= len(body):
                yield None, 0, b""
                return
            body = body[:-padding]
        yield head[1], head[0] & 31, body
        at += size


def _report(kind: int, count: int, body: bytes) -> Report | None:
    start = _SENDER.size if kind == SENDER_REPORT else 4
    if len(body) < start + count * _BLOCK.size:
        return None
    ntp = int.from_bytes(body[4:12]) if kind == SENDER_REPORT else None
    blocks = (_BLOCK.unpack_from(body, start + index * _BLOCK.size) for index in range(count))
    return Report(int.from_bytes(body[:4]), tuple(map(_block, blocks)), ntp)


def _block(words: tuple[int, ...]) -> ReportBlock:
    ssrc, loss, highest, jitter, last_report, delay = words
    lost = loss & 0xFFFFFF
    if lost & 0x800000:
        lost -= 1 << 24
    return ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_report, delay)


# Writing


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender report says of our stream."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


def build_report(
    ssrc: int, cname: str, *, sent: Sent | None, received: ReportBlock | None, goodbye: bool = False
) -> bytes:
    """Return a compound packet: SR (RR if nothing was sent), SDES and, at the end, BYE."""
    block = b"" if received is None else _built_block(received)
    count = 0 if received is None else 1
    if sent is None:
        first = _packet(RECEIVER_REPORT, count, ssrc.to_bytes(4) + block)
    else:
        words = (sent.ntp, sent.timestamp, sent.packets % (1 << 32), sent.octets % (1 << 32))
        first = _packet(SENDER_REPORT, count, _SENDER.pack(ssrc, *words) + block)
    compound = first + _description(ssrc, cname)
    return compound + (_packet(GOODBYE, 1, ssrc.to_bytes(4)) if goodbye else b"")


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def _description(ssrc: int, cname: str) -> bytes:
    text = cname.encode()[:_MAX_TEXT]
    chunk = ssrc.to_bytes(4) + bytes((_CNAME, len(text))) + text
    # At least one null ends the items (section 6.5).
    return _packet(DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))


def _built_block(block: ReportBlock) -> bytes:
    loss = block.fraction_lost << 24 | block.lost & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc, loss, block.highest, block.jitter, block.last_report, block.delay
    )


def block_of(reception: ReceptionReport, *, last_report: int, delay_s: float) -> ReportBlock:
    """Return the report block of what was received; `delay_s` has passed since the last SR."""
    return ReportBlock(
        reception.ssrc,
        reception.fraction_lost,
        reception.lost,
        reception.highest,
        reception.jitter,
        last_report,
        min(int(delay_s * 65536), (1 << 32) - 1) if last_report else 0,
    )


# Time


def ntp_time(unix: float) -> int:
    """Return Unix time as an NTP timestamp of 64 bits."""
    return int((unix + NTP_UNIX_S) * (1 << 32)) % (1 << 64)


def middle(ntp: int) -> int:
    """Return the 32 bits of an NTP timestamp that report blocks speak of."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip_s(block: ReportBlock, now_ntp: int) -> float | None:
    """Return the round trip that a report block tells (section 6.4.1), or None if none.

    Nor is it one if it comes out below zero or above a minute: the peer counts otherwise.
    """
    if not block.last_report:
        return None
    ticks = (middle(now_ntp) - block.last_report - block.delay) % (1 << 32)
    return ticks / 65536 if ticks < 60 * 65536 else None


def interval_s(random: float, *, is_first: bool = False) -> float:
    """Return how long until the next report; `random` is from 0 to 1 (section 6.3.1)."""
    return (FIRST_INTERVAL_S if is_first else INTERVAL_S) * (0.5 + random) / _COMPENSATION
