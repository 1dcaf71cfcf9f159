"""Packets that are read and written here, shown to whoever records them (`native/capture.h`)."""

import socket
import struct

from callengine.worker.native.libraries import ffi
from callengine.worker.native.media import media

IN, OUT = 0, 1
_FOUR = struct.Struct("=HH4s8x")
_SIX = struct.Struct("=HHI16sI")
"struct sockaddr_in and sockaddr_in6, the port in network order."


def show(sock: socket.socket, direction: int, data: bytes, peer: tuple[str, int]) -> None:
    """Show one packet; costs a glance while nobody records."""
    library = media()
    if library is None or not library.vn_capture_is_on():
        return
    host, port = peer
    if ":" in host:
        packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
        address = _SIX.pack(socket.AF_INET6, socket.htons(port), 0, packed, 0)
    else:
        packed = socket.inet_pton(socket.AF_INET, host)
        address = _FOUR.pack(socket.AF_INET, socket.htons(port), packed)
    given = ffi.from_buffer(address)
    library.vn_capture_packet(sock.fileno(), direction, data, len(data), given, 0)
