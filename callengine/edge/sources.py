"""Whom limits count as one source: an IPv4 address, or the /64 network of an IPv6 address."""

import socket

_MAPPED = bytes(10) + b"\xff\xff"


def source_key(host: str) -> str:
    """Return the source an IP address belongs to: `203.0.113.7` or `2001:db8:1:2::/64`.

    A customer of an IPv6 network has a /64 at least (RFC 6177), and so as many addresses as they
    like. An IPv4 address written as IPv6 is itself.
    """
    if ":" not in host:
        return host
    packed = socket.inet_pton(socket.AF_INET6, host.strip("[]").partition("%")[0])
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"
