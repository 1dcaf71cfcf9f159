"""pjmedia's sockets of a leg: found among our descriptors, given filters, asked what was dropped.

pjmedia opens and closes them without telling. A descriptor is therefore never kept as an object
that would close it, nor duplicated (that would keep a closed call's port), and whether it is still
the same socket is asked each time.
"""

import contextlib
import os
import socket
import struct
from dataclasses import dataclass

from callengine.worker.native.libraries import ffi
from callengine.worker.native.media import media
from callengine.worker.rtpguard import descriptors
from callengine.worker.rtpguard.programs import Instruction, encode

DESCRIPTORS = "/proc/self/fd"
# Of <asm-generic/socket.h>; the module `socket` does not name them.
_SO_MEMINFO = 55
_SO_COOKIE = 57
_COOKIE_BYTES = 8
_MEMORY = struct.Struct("9I")
_DROPS = 8
"Place in SO_MEMINFO (SK_MEMINFO_DROPS)."
_COUNTERS = "/proc/self/net/snmp"
_COUNTERS_BYTES = 16_384
"More than that file has."

_ADDRESS_BYTES = 48
NS_PER_S = 1_000_000_000
_MAX_DRAINED = 16_384
"More than a socket's queue holds, so that it always comes to an end."


class SocketGoneError(OSError):
    """The descriptor is closed, or another socket's by now."""


@dataclass(frozen=True, slots=True)
class MediaSocket:
    """One UDP socket of pjmedia's."""

    descriptor: int
    cookie: bytes
    "The kernel's own number of the socket, never given twice."

    def attach(self, instructions: tuple[Instruction, ...]) -> None:
        """Replace the socket's filter; raises SocketGoneError, or OSError if there are none."""
        self._check()
        descriptors.attach_filter(self.descriptor, encode(instructions), len(instructions))

    def widen(self, instructions: tuple[Instruction, ...]) -> "MediaSocket":
        """Put a socket in its place that takes IPv6 too, with this filter; return that.

        The descriptor and the port stay: pjmedia, which waits for it by select, goes on with it.
        Where it is open to both already, it stays. Raises SocketGoneError, or OSError.
        """
        self._check()
        with _Borrowed(self.descriptor) as narrow:
            if narrow.family == socket.AF_INET6:
                self.attach(instructions)
                return self
            port = narrow.getsockname()[1]
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as wide:
                cookie = _cookie(wide)
                MediaSocket(wide.fileno(), cookie).attach(instructions)
                wide.setblocking(False)
                wide.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                # Both have the port for a moment, and nobody else can.
                for sock in (narrow, wide):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    wide.bind(("::", port))
                finally:
                    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
                wide.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
                os.dup2(wide.fileno(), self.descriptor, inheritable=False)
        return MediaSocket(self.descriptor, cookie)

    def drain(self) -> int:
        """Throw away what arrived before there was a filter; return how many datagrams.

        Raises SocketGoneError, or OSError.
        """
        self._check()
        for count in range(_MAX_DRAINED):
            if not descriptors.take_one(self.descriptor):
                return count
        return _MAX_DRAINED

    def stub(self) -> tuple[str, int] | None:
        """Return who sent the last datagram that was cut to one byte since this was asked before.

        None if nobody did, and without the media extension, which notes it.
        """
        extension = media()
        if extension is None:
            return None
        host = ffi.new("char[]", _ADDRESS_BYTES)
        port = extension.vn_arrival_stub(self.descriptor, host, _ADDRESS_BYTES)
        return (ffi.string(host).decode("ascii"), port) if port else None

    def arrived_at(self) -> float | None:
        """Return when the last datagram came that was let through whole (monotonic, seconds).

        None if none is known of, and without the media extension, which notes it.
        """
        extension = media()
        at_ns = 0 if extension is None else extension.vn_arrival_last(self.descriptor)
        return at_ns / NS_PER_S if at_ns else None

    def dropped(self) -> int:
        """Return how many datagrams were dropped since the socket was opened, for any reason.

        Raises SocketGoneError, or OSError.
        """
        self._check()
        option = descriptors.option(self.descriptor, _SO_MEMINFO, _MEMORY.size)
        return int(_MEMORY.unpack(option)[_DROPS])

    def _check(self) -> None:
        """Raise SocketGoneError where the descriptor is closed, or another socket's by now."""
        try:
            cookie = descriptors.option(self.descriptor, _SO_COOKIE, _COOKIE_BYTES)
        except OSError as error:
            raise SocketGoneError(*error.args) from error
        if cookie != self.cookie:
            raise SocketGoneError("the descriptor is another socket's by now")


def find(*ports: int) -> list[MediaSocket | None]:
    """Return the UDP sockets of this process that are bound to `ports`, in their order."""
    bound: dict[int, MediaSocket] = {}
    # The newest first: a leg's sockets were opened just now.
    for descriptor in sorted(map(int, os.listdir(DESCRIPTORS)), reverse=True):
        port = descriptors.udp_port(descriptor)
        if port in ports:
            with contextlib.suppress(OSError):  # closed since then
                cookie = descriptors.option(descriptor, _SO_COOKIE, _COOKIE_BYTES)
                bound.setdefault(port, MediaSocket(descriptor, cookie))
        if len(bound) == len(ports):
            break
    return [bound.get(port) for port in ports]


def other_errors() -> int:
    """Return how many UDP datagrams this machine dropped that no filter did.

    They found no room in a queue or had a wrong checksum. Raises OSError.
    """
    file = os.open(_COUNTERS, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = os.read(file, _COUNTERS_BYTES)
    finally:
        os.close(file)
    names, values = [line.split() for line in text.split(b"\n") if line.startswith(b"Udp:")]
    counters = dict(zip(names, values, strict=True))
    return int(counters[b"RcvbufErrors"]) + int(counters[b"InCsumErrors"])


def _cookie(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, _COOKIE_BYTES)


class _Borrowed:
    """A descriptor as a socket of Python's, which must not close it."""

    __slots__ = ("_descriptor", "_socket")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> socket.socket:
        """Raise SocketGoneError where it is closed."""
        try:
            self._socket = socket.socket(fileno=self._descriptor)
        except OSError as error:
            raise SocketGoneError(*error.args) from error
        return self._socket

    def __exit__(self, *_: object) -> None:
        self._socket.detach()
