"""Files of packets that Wireshark opens: pcapng, of whole blocks that can be appended. Pure.

Several writers may append to one file, each whole blocks at once: whatever becomes of them, what
stands there can be read (https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/).
"""

import ipaddress
import struct
from collections.abc import Iterable

Place = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]
"Address and port."

DATAGRAMS, MESSAGES = 0, 1
"""The interfaces of our files, in the order of their blocks: IP packets, and messages of which what
lay below is not known. The second one is told of where it is first needed: some readers take files
of one kind only."""
LINKTYPE_RAW, LINKTYPE_UPPER_PDU = 101, 252
"https://www.tcpdump.org/linktypes.html"
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER = 0x1A2B3C4D
_COMMENT, _APPLICATION, _NAME, _RESOLUTION, _FLAGS = 1, 4, 2, 9, 2
_NANOSECONDS = b"\x09"
_INBOUND, _OUTBOUND = 1, 2
_UDP = 17
_TTL = 64
_END_TAG, _PROTOCOL, _PORT_TYPE, _SOURCE_PORT, _TARGET_PORT = 0, 12, 24, 25, 26
_SOURCE, _TARGET = {4: 20, 6: 22}, {4: 21, 6: 23}
_PORT_TYPES = {"tcp": 2, "tls": 2}
_PORT_TYPE_UDP = 3

_Option = tuple[int, bytes]


def opening(*, application: str, comment: str) -> bytes:
    """Return the beginning of a file: who wrote it, what is in it, and its first interface."""
    about = [(_COMMENT, comment.encode()), (_APPLICATION, application.encode())]
    head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + _options(about)
    return _block(_SECTION, head) + interface(LINKTYPE_RAW, "RTP, RTCP and SIP over UDP")


def interface(linktype: int, name: str) -> bytes:
    """Return the block of the next interface, with times in nanoseconds."""
    options = _options([(_NAME, name.encode()), (_RESOLUTION, _NANOSECONDS)])
    return _block(_INTERFACE, struct.pack("<HHI", linktype, 0, 0) + options)


def packet(
    data: bytes,
    *,
    at_ns: int,
    is_inbound: bool,
    size: int = 0,
    comment: str = "",
    on: int = DATAGRAMS,
) -> bytes:
    """Return the block of one packet; `size` is what it had on the wire, if that was more."""
    head = struct.pack(
        "<IIIII", on, at_ns >> 32, at_ns & 0xFFFFFFFF, len(data), max(size, len(data))
    )
    flags = struct.pack("<I", _INBOUND if is_inbound else _OUTBOUND)
    options = [(_FLAGS, flags), *([(_COMMENT, comment.encode())] if comment else [])]
    return _block(_PACKET, head + _padded(data) + _options(options))


def datagram(
    source: Place, target: Place, kept: bytes, *, size: int = -1, total: int = -1
) -> tuple[bytes, int]:
    """Return an IP packet with a UDP datagram, and how long it was.

    `kept` may be the beginning alone: `size` is then the whole datagram's, and `total` the sum of
    its 16-bit words (RFC 1071). Both addresses are of one family.
    """
    size = len(kept) if size < 0 else size
    total = ones_sum(kept) if total < 0 else total
    length = 8 + size
    ends = source[0].packed + target[0].packed
    said = struct.pack("!HHH", source[1], target[1], length)
    checksum = ~ones_sum(ends + struct.pack("!HH", _UDP, length) + said, total) & 0xFFFF
    udp = said + struct.pack("!H", checksum or 0xFFFF)
    if source[0].version == 6:
        ip = struct.pack("!IHBB", 6 << 28, length, _UDP, _TTL) + ends
    else:
        whole = 20 + length
        first, last = struct.pack("!BBHHHBB", 0x45, 0, whole, 0, 0, _TTL, _UDP), ends
        ip = first + struct.pack("!H", ~ones_sum(first + last) & 0xFFFF) + last
    return ip + udp + kept, len(ip) + length


def exported(data: bytes, *, transport: str, source: Place | None, target: Place | None) -> bytes:
    """Return a SIP message with tags that say its addresses, for LINKTYPE_UPPER_PDU.

    What lay below SIP, of which nothing is kept, need not be invented.
    """
    tags = [(_PROTOCOL, b"sip")]
    for tag, port_tag, end in ((_SOURCE, _SOURCE_PORT, source), (_TARGET, _TARGET_PORT, target)):
        if end is not None:
            tags += [(tag[end[0].version], end[0].packed), (port_tag, struct.pack("!I", end[1]))]
    tags.append((_PORT_TYPE, struct.pack("!I", _PORT_TYPES.get(transport, _PORT_TYPE_UDP))))
    tags.append((_END_TAG, b""))
    return (
        b"".join(
            struct.pack("!HH", tag, len(_padded(value))) + _padded(value) for tag, value in tags
        )
        + data
    )


def place(text: str, *, default_port: int = 5060) -> Place | None:
    """Return `HOST:PORT` or `[HOST]:PORT`; None if the host is a name."""
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        host, port = text, str(default_port)
    try:
        return ipaddress.ip_address(host.strip("[]")), int(port) & 0xFFFF
    except ValueError:
        return None


def ones_sum(data: bytes, start: int = 0) -> int:
    """Return the one's complement sum of the 16-bit words of some bytes (RFC 1071)."""
    even = data if len(data) % 2 == 0 else data + b"\0"
    total: int = start + sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


def _options(options: Iterable[_Option]) -> bytes:
    told = (struct.pack("<HH", kind, len(value)) + _padded(value) for kind, value in options)
    return b"".join(told) + struct.pack("<HH", 0, 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
