"""Classic BPF programs that let through datagrams of some sources and drop all others. Pure.

The kernel hands a filter on a UDP socket the datagram from its UDP header on; the IP header in
front of it is reached at SKF_NET_OFF. So one program serves IPv4, IPv6, and IPv4 on a socket that
is open to both.
"""

import ipaddress
import struct
from dataclasses import dataclass
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Instruction = tuple[int, int, int, int]
"Code, jump if true, jump if false, constant: a struct sock_filter."

MAX_INSTRUCTIONS = 4096
"BPF_MAXINSNS"

_NETWORK_HEADER = 0xFFF00000
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _LOAD_LENGTH = 0x20, 0x28, 0x30, 0x80
_AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x54, 0x15, 0x35, 0x06
_SOURCE_PORT = 0
_RTP_FIRST_BYTE = 8
_RTP_SSRC = 16
_RTP_MINIMUM = _RTP_SSRC + 4
_WHOLE_PACKET = 0xFFFF
_ONE_BYTE = 9
"The UDP header and one byte: pjmedia takes a datagram too short for RTP for a keep-alive."


@dataclass(frozen=True, slots=True)
class MediaSource:
    """Where a datagram may come from; what is None is not looked at."""

    network: Network | None = None
    port: int | None = None
    ssrc: int | None = None
    "Of its RTP header (RFC 3550 section 5.1)."


DROP_ALL: tuple[MediaSource, ...] = ()


@lru_cache(maxsize=64)
def host_network(host: str) -> Network | None:
    """Return the network of this address alone; None for what is no address to send from.

    An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is taken for what it is.
    """
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_multicast:
        return None
    return ipaddress.ip_network(address)


@lru_cache(maxsize=64)
def program(
    sources: tuple[MediaSource, ...], *, show_others: bool = False
) -> tuple[Instruction, ...]:
    """Return a program that lets the datagrams of any of `sources` through.

    With `show_others` what would be dropped arrives cut to one byte, so that its sender shows.
    Raises ValueError for more sources than a program holds.
    """
    instructions = [step for source in sources for step in _let_through(source)]
    instructions.append((_RETURN, 0, 0, _ONE_BYTE if show_others else 0))
    if len(instructions) > MAX_INSTRUCTIONS:
        raise ValueError(f"{len(sources)} sources make too long a filter")
    return tuple(instructions)


@lru_cache(maxsize=64)
def encode(instructions: tuple[Instruction, ...]) -> bytes:
    """Return an array of struct sock_filter."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


_Check = tuple[list[tuple[int, int]], tuple[int, int]]
"What loads a value as (code, constant), then the comparison that must hold."


def _let_through(source: MediaSource) -> list[Instruction]:
    """Each check that fails jumps behind the block, to the next source."""
    checks = [*_address(source.network), *_port(source.port), *_ssrc(source.ssrc)]
    length = sum(len(loads) + 1 for loads, _ in checks)
    block: list[Instruction] = []
    for loads, (code, constant) in checks:
        block += [(load, 0, 0, operand) for load, operand in loads]
        block.append((code, 0, length - len(block), constant))
    return [*block, (_RETURN, 0, 0, _WHOLE_PACKET)]


def _address(network: Network | None) -> list[_Check]:
    if network is None:
        return []
    version = [(_LOAD_BYTE, _NETWORK_HEADER), (_AND, 0xF0)]
    at = 12 if network.version == 4 else 8
    words = zip(_words(network.network_address), _words(network.netmask), strict=True)
    return [
        (version, (_JUMP_EQUAL, network.version << 4)),
        *(
            ([(_LOAD_WORD, _NETWORK_HEADER + at + 4 * i), (_AND, mask)], (_JUMP_EQUAL, word))
            for i, (word, mask) in enumerate(words)
            if mask
        ),
    ]


def _words(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[int, ...]:
    return struct.unpack(f"!{len(address.packed) // 4}I", address.packed)


def _port(port: int | None) -> list[_Check]:
    return [] if port is None else [([(_LOAD_HALF, _SOURCE_PORT)], (_JUMP_EQUAL, port))]


def _ssrc(ssrc: int | None) -> list[_Check]:
    """Reading behind the end of a datagram would end the program, so its length comes first."""
    if ssrc is None:
        return []
    return [
        ([(_LOAD_LENGTH, 0)], (_JUMP_AT_LEAST, _RTP_MINIMUM)),
        ([(_LOAD_BYTE, _RTP_FIRST_BYTE), (_AND, 0xC0)], (_JUMP_EQUAL, 0x80)),
        ([(_LOAD_WORD, _RTP_SSRC)], (_JUMP_EQUAL, ssrc)),
    ]
