"""STUN Binding requests on the SIP port (RFC 5389), which phones use as keep-alives (RFC 5626)."""

import ipaddress
import struct

_HEADER = struct.Struct("!HHI12s")
_MAGIC_COOKIE = 0x2112A442
_BINDING_REQUEST = 0x0001
_BINDING_SUCCESS = 0x0101
_XOR_MAPPED_ADDRESS = 0x0020


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
