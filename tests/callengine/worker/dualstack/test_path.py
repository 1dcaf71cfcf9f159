"""Where a leg's packets go: what pjmedia names, and what its sockets are told instead."""

import socket
import struct
from typing import cast

from callengine.core.standins import stand_in, told
from callengine.worker.dualstack.path import MediaPath
from callengine.worker.rtpguard.guard import RtpGuard

PEER = "2001:db8::5"


class Guard:
    has_ipv6 = False

    def take_ipv6(self) -> None:
        self.has_ipv6 = True


def given(host: str, port: int = 4000) -> bytes:
    return struct.pack("=H2s4s20x", socket.AF_INET, port.to_bytes(2), socket.inet_aton(host))


def read(address: bytes | None) -> tuple[int, str, int]:
    assert address is not None
    family, port, octets = struct.unpack("=H2s4x16s4x", address)
    return family, socket.inet_ntop(socket.AF_INET6, octets), int.from_bytes(port)


def test_a_leg_over_ipv4_is_left_as_it_is() -> None:
    path = MediaPath(cast("RtpGuard", Guard()))
    path.described("m=audio 4000 RTP/AVP 0\r\n")
    assert path.socket_address(given("192.0.2.1")) is None
    assert path.real("192.0.2.1:4000") == "192.0.2.1:4000"
    assert path.lent("192.0.2.1:4000") == ("192.0.2.1", 4000)


def test_what_stands_in_for_an_address_is_undone() -> None:
    path = MediaPath(cast("RtpGuard", Guard()))
    path.described(f"m=audio 4000 RTP/AVP 0\r\n{told([PEER])}\r\n")
    assert path.has_ipv6
    for host, real in (
        (stand_in(PEER), PEER),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("0.0.0.0", "::"),
    ):
        assert read(path.socket_address(given(host))) == (socket.AF_INET6, real, 4000)
    assert path.real(f"{stand_in(PEER)}:4000") == f"[{PEER}]:4000"
    assert path.lent(f"{stand_in(PEER)}:4000") == (PEER, 4000)
    assert path.lent("192.0.2.1:4000") == ("::ffff:192.0.2.1", 4000)
    path.described(f"{told([])}\r\n")
    assert path.real("192.0.2.1:4000") == "192.0.2.1:4000"
