"""pjmedia's sockets of a leg: found among our descriptors, given filters, asked what was dropped.

pjmedia opens and closes them without telling. A descriptor is therefore never kept as an object
that would close it, nor duplicated (that would keep a closed call's port), and whether it is still
the same socket is asked each time.
"""

import contextlib
import ctypes
import os
import socket
import struct
from dataclasses import dataclass

from callengine.worker.native.media import media
from callengine.worker.plugins.native import ffi
from callengine.worker.rtpguard.programs import Instruction, encode

DESCRIPTORS = "/proc/self/fd"
# Of <asm-generic/socket.h>; the module `socket` does not name them.
_SO_ATTACH_FILTER = 26
_SO_MEMINFO = 55
_SO_COOKIE = 57
_MEMORY = struct.Struct("9I")
_DROPS = 8
"Place in SO_MEMINFO (SK_MEMINFO_DROPS)."
_COUNTERS = "/proc/self/net/snmp"

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
        code = encode(instructions)
        room = ctypes.create_string_buffer(code, len(code))
        # struct sock_fprog: a length and, aligned, a pointer.
        option = struct.pack("@HP", len(instructions), ctypes.addressof(room))
        with self._borrowed() as sock:
            sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, option)

    def widen(self, instructions: tuple[Instruction, ...]) -> "MediaSocket":
        """Put a socket in its place that takes IPv6 too, with this filter; return that.

        The descriptor and the port stay: pjmedia, which waits for it by select, goes on with it.
        Where it is open to both already, it stays. Raises SocketGoneError, or OSError.
        """
        with self._borrowed() as narrow:
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
        with self._borrowed() as sock:
            for count in range(_MAX_DRAINED):
                try:
                    sock.recv(1, socket.MSG_DONTWAIT)
                except BlockingIOError:
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
        with self._borrowed() as sock:
            option = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size)
        return int(_MEMORY.unpack(option)[_DROPS])

    def _borrowed(self) -> "_Borrowed":
        return _Borrowed(self.descriptor, self.cookie)


def find(*ports: int) -> list[MediaSocket | None]:
    """Return the UDP sockets of this process that are bound to `ports`, in their order."""
    bound: dict[int, MediaSocket] = {}
    # The newest first: a leg's sockets were opened just now.
    for descriptor in sorted(map(int, os.listdir(DESCRIPTORS)), reverse=True):
        # No socket, or closed since it was listed.
        with contextlib.suppress(OSError), _Borrowed(descriptor) as sock:
            port = _port(sock) if sock.type == socket.SOCK_DGRAM else None
            if port is not None and port in ports:
                bound.setdefault(port, MediaSocket(descriptor, _cookie(sock)))
        if len(bound) == len(ports):
            break
    return [bound.get(port) for port in ports]


def other_errors() -> int:
    """Return how many UDP datagrams this machine dropped that no filter did.

    They found no room in a queue or had a wrong checksum. Raises OSError.
    """
    with open(_COUNTERS, encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("Udp:")]
    counters = dict(zip(names, values, strict=True))
    return int(counters["RcvbufErrors"]) + int(counters["InCsumErrors"])


def _port(sock: socket.socket) -> int | None:
    is_internet = sock.family in (socket.AF_INET, socket.AF_INET6)
    return sock.getsockname()[1] if is_internet else None


def _cookie(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8)


class _Borrowed:
    """A descriptor in use that stays another's: nothing of Python's may close it."""

    __slots__ = ("_cookie", "_descriptor", "_socket")

    def __init__(self, descriptor: int, cookie: bytes | None = None) -> None:
        self._descriptor, self._cookie = descriptor, cookie

    def __enter__(self) -> socket.socket:
        """Raise SocketGoneError where it is closed, or not the socket of this cookie."""
        try:
            sock = self._socket = socket.socket(fileno=self._descriptor)
        except OSError as error:
            raise SocketGoneError(*error.args) from error
        if self._cookie is not None and _cookie(sock) != self._cookie:
            sock.detach()
            raise SocketGoneError("the descriptor is another socket's by now")
        return sock

    def __exit__(self, *_: object) -> None:
        self._socket.detach()
