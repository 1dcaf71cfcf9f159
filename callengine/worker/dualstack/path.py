"""One leg's way to its peer: which addresses stand for which, and on which sockets."""

import ipaddress
import logging
import socket
import struct
from collections.abc import Mapping

from callengine.core.numbering import SAME, Numbers, numbers_in
from callengine.core.standins import NOBODY, is_ipv6, stand_ins
from callengine.worker.rtpguard.guard import RtpGuard
from callengine.worker.rtpguard.streams import join_address, split_address

logger = logging.getLogger(__name__)

_ADDRESS = struct.Struct("=HHI16sI")
"struct sockaddr_in6: family, port (in network order), flow information, address, scope."
_ADDRESS_4 = struct.Struct("=HH4s8x")


class MediaPath:
    """Of one leg; everything happens on the call's thread."""

    def __init__(self, guard: RtpGuard) -> None:
        self._guard = guard
        self._stand_ins: Mapping[str, str] = {}
        self.numbers: Numbers = SAME
        "What payload types of the peer's description are on the wire."

    @property
    def has_ipv6(self) -> bool:
        """Whether the leg's sockets are open to IPv6 beside IPv4."""
        return self._guard.has_ipv6

    def described(self, remote: str) -> None:
        """Take the peer's description, as the edge wrote it, before a stream begins on it.

        Raises OSError: the sockets cannot be opened to IPv6.
        """
        stood_for = stand_ins(remote)
        self._stand_ins = stood_for or {}
        self.numbers = numbers_in(remote)
        if stood_for is not None:
            self._guard.take_ipv6()

    def real(self, address: str) -> str:
        """Return the `HOST:PORT` that pjmedia's stands for."""
        host, port = split_address(address)
        return join_address(self._stand_ins.get(host, host), port)

    def lent(self, address: str) -> tuple[str, int]:
        """Return host and port of the same, as one sends there on the leg's sockets."""
        host, port = split_address(self.real(address))
        return f"::ffff:{host}" if self.has_ipv6 and host and not is_ipv6(host) else host, port

    def socket_address(self, given: bytes) -> bytes | None:
        """Return what a socket of the leg is to be told in place of pjmedia's sockaddr_in.

        None: it can stay.
        """
        family, port, octets = _ADDRESS_4.unpack_from(given)
        if family != socket.AF_INET or not self.has_ipv6:
            return None
        stood_in = str(ipaddress.IPv4Address(octets))
        same = "::" if stood_in == NOBODY else f"::ffff:{stood_in}"
        real = ipaddress.ip_address(self._stand_ins.get(stood_in, same))
        return _ADDRESS.pack(socket.AF_INET6, port, 0, real.packed, 0)
