"""A call's RTP and RTCP, recorded: what the media extension has copied goes to the engine's file.

This process may open no file: the descriptor comes with the order, open for appending, and every
write is of whole blocks, so that what stands there can be read whatever becomes of this process.
"""

import errno
import ipaddress
import logging
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator

from callengine.core.control.capture import PacketsRecorded, RecordPackets
from callengine.core.pcapng import Place, datagram, packet
from callengine.worker.native.libraries import ffi
from callengine.worker.native.media import media

logger = logging.getLogger(__name__)

INTERVAL_S = 0.2
"How often is written, and so what a process that is killed loses."
ROOM = 512 * 1024
"VN_CAPTURE_ROOM of capture.h."
_HEAD = struct.Struct("@qIIHHHBB16s")
"struct vn_captured without what pads its end."
_INBOUND = 0


class Capturing:
    """Records the packets of one call, on the call's own thread."""

    def __init__(self, send: Callable[[PacketsRecorded], None], *, sip_port: int) -> None:
        self._send = send
        self._sip_port = sip_port
        self._order: RecordPackets | None = None
        self._descriptor = -1
        self._packets = self._lost = 0
        self._due = self._until = 0.0
        self._buffer = None
        self._ours: dict[bytes, ipaddress.IPv4Address | ipaddress.IPv6Address | None] = {}
        "Our address toward a peer, by the peer's."

    def begin(self, order: RecordPackets, descriptor: int) -> None:
        """Record into a file, which becomes its own; one at a time."""
        self.end()
        library = media()
        if library is None:
            os.close(descriptor)
            self._send(PacketsRecorded(order.key, "no-extension", 0, 0))
            return
        self._order, self._descriptor = order, descriptor
        self._packets = self._lost = 0
        self._due = time.monotonic() + INTERVAL_S
        self._until = time.monotonic() + order.for_s
        self._buffer = ffi.new("uint8_t[]", ROOM)
        library.vn_capture_begin(order.whole, self._sip_port)

    def stop(self, key: str) -> None:
        """Record no more, if it is still the one that is meant."""
        if self._order is not None and self._order.key == key:
            self.end()

    def wait_ms(self, longest_ms: int) -> int:
        """Return how long nothing is due here."""
        if self._order is None:
            return longest_ms
        return max(1, min(longest_ms, int((self._due - time.monotonic()) * 1000) + 1))

    def step(self, now: float) -> None:
        """Do what is due."""
        if self._order is None or now < self._due:
            return
        self._due = now + INTERVAL_S
        why = self._write()
        if why or now >= self._until:
            self._close(why or "time")

    def end(self) -> None:
        """Write what is left and say how much it was; again does no harm."""
        if self._order is not None:
            self._close(self._write())

    def _close(self, why: str) -> None:
        order, self._order = self._order, None
        assert order is not None
        media().vn_capture_end()
        os.close(self._descriptor)
        self._descriptor, self._buffer = -1, None
        self._ours.clear()
        match why:
            case "time" | "size" | "failed":
                told = PacketsRecorded(order.key, why, self._packets, self._lost)
            case _:
                told = PacketsRecorded(order.key, "", self._packets, self._lost)
        self._send(told)

    def _write(self) -> str:
        """Append what was copied since; return why no more can be, or nothing."""
        assert self._order is not None
        try:
            room = self._order.max_bytes - os.fstat(self._descriptor).st_size
            blocks, why = [], ""
            for block in self._blocks():
                room -= len(block)
                if room < 0:
                    why = "size"
                    break
                blocks.append(block)
            if blocks:
                together = b"".join(blocks)
                if os.write(self._descriptor, together) != len(together):
                    # Behind a part of a block nothing could be read.
                    raise OSError(errno.ENOSPC, "there was room for a part of them alone")
                self._packets += len(blocks)
        except OSError as error:
            logger.warning("packets cannot be recorded any more: %s", error)
            return "failed"
        return why

    def _blocks(self) -> Iterator[bytes]:
        lost = ffi.new("unsigned *")
        length = media().vn_capture_take(self._buffer, lost)
        self._lost = lost[0]
        data = bytes(ffi.buffer(self._buffer, length))
        head, at = ffi.sizeof("struct vn_captured"), 0
        while at < length:
            fields = _HEAD.unpack_from(data, at)
            kept = fields[2]
            block = self._block(fields, data[at + head : at + head + kept])
            at += head + kept
            if block is not None:
                yield block

    def _block(self, fields: tuple[int, ...], kept: bytes) -> bytes | None:
        at_ns, size, _, total, our_port, their_port, direction, family, peer = fields
        theirs = bytes(peer)[: 4 if family == 4 else 16]
        ours = self._our_address(theirs)
        if ours is None:
            return None
        here: Place = (ours, our_port)
        there: Place = (ipaddress.ip_address(theirs), their_port)
        is_inbound = direction == _INBOUND
        ends = (there, here) if is_inbound else (here, there)
        whole, length = datagram(*ends, kept, size=size, total=total)
        return packet(whole, at_ns=at_ns, is_inbound=is_inbound, size=length)

    def _our_address(self, peer: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """Ask the kernel which address of ours leads to a peer; nothing is sent."""
        if peer not in self._ours:
            self._ours[peer] = _toward(ipaddress.ip_address(peer))
        return self._ours[peer]


def _toward(
    peer: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    family = socket.AF_INET6 if peer.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((str(peer), 9))
            return ipaddress.ip_address(sock.getsockname()[0].partition("%")[0])
    except OSError:
        return None
