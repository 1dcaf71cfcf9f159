"""STUN Binding (RFC 5389): phones' keep-alives on the SIP port (RFC 5626), and how one sees us."""

import ipaddress
import secrets
import struct

_HEADER = struct.Struct("!HHI12s")
_MAGIC_COOKIE = 0x2112A442
_BINDING_REQUEST = 0x0001
_BINDING_SUCCESS = 0x0101
_XOR_MAPPED_ADDRESS = 0x0020
_IPV4 = 1


def binding_request() -> tuple[bytes, bytes]:
    """Return a Binding request and its transaction id, which nobody guesses."""
    transaction = secrets.token_bytes(12)
    return _HEADER.pack(_BINDING_REQUEST, 0, _MAGIC_COOKIE, transaction), transaction


def is_answer(datagram: bytes) -> bool:
    """Tell a Binding success response from other STUN."""
    return datagram[:2] == _BINDING_SUCCESS.to_bytes(2, "big")


def transaction_of(datagram: bytes) -> bytes:
    """Return the transaction id of STUN."""
    return datagram[8:20]


def mapped_address(datagram: bytes) -> str:
    """Return the IPv4 address that a response tells; empty for none."""
    _, length, cookie, _ = _HEADER.unpack_from(datagram)
    at, end = _HEADER.size, min(_HEADER.size + length, len(datagram))
    while at + 4 <= end:
        kind, size = struct.unpack_from("!HH", datagram, at)
        value = datagram[at + 4 : min(at + 4 + size, end)]
        if kind == _XOR_MAPPED_ADDRESS and len(value) == 8 and value[1] == _IPV4:
            number = int.from_bytes(value[4:], "big") ^ cookie
            return str(ipaddress.IPv4Address(number))
        at += 4 + size + -size % 4
    return ""


def is_stun(datagram: bytes) -> bool:
    """Tell STUN from SIP: two zero bits, then the magic cookie (RFC 5389 section 8)."""
    return (
        len(datagram) >= _HEADER.size and datagram[0] < 2 and datagram[4:8] == b"\x21\x12\xa4\x42"
    )


def binding_response(datagram: bytes, host: str, port: int) -> bytes | None:
    """Return the answer to a Binding request from `host:port`, or None if it deserves none."""
    kind, length, cookie, transaction = _HEADER.unpack_from(datagram)
    if kind != _BINDING_REQUEST or length % 4 or len(datagram) < _HEADER.size + length:
        return None
    address = ipaddress.ip_address(host)
    mask = (struct.pack("!I", cookie) + transaction)[: len(address.packed)]
    masked = bytes(a ^ b for a, b in zip(address.packed, mask, strict=True))
    family = 1 if address.version == 4 else 2
    value = struct.pack("!BBH", 0, family, port ^ (_MAGIC_COOKIE >> 16)) + masked
    attribute = struct.pack("!HH", _XOR_MAPPED_ADDRESS, len(value)) + value
    return _HEADER.pack(_BINDING_SUCCESS, len(attribute), cookie, transaction) + attribute
