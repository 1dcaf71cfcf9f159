"""Both media ends of the calls: learn where packets come from, send 50 a second back there."""

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.formats import CODECS
from bench.processes import sleep_until
from tests.peers.background import Background

INTERVAL_S = 0.02
KEPT_PAYLOADS = 500
FORGOTTEN = 250
"Packets in 5 s."
Address = tuple[str, int]


def open_socket(host: str = "127.0.0.1") -> socket.socket:
    """Return a UDP socket on a free port, with room for what comes while others are served."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.bind((host, 0))
    opened.setblocking(False)
    return opened


def arrived(sock: socket.socket) -> Iterator[tuple[bytes, Address]]:
    """Yield each RTP packet that waits in a socket, and where it came from."""
    while True:
        try:
            data, source = sock.recvfrom(2048)
        except BlockingIOError:
            return
        except OSError:
            continue  # a port that was closed answered by ICMP
        if len(data) > 12 and data[0] >> 6 == 2:
            yield data, source


@dataclass
class _Stream:
    payload_type: int
    sequence: int = 0
    at: int = 0
    unheard: int = 0
    "Packets sent since one came: a call that is over is not sent to for ever."


@dataclass
class Side:
    """One UDP socket that is the media address of one side of every call."""

    codec: str
    payloads: list[bytes]
    host: str = "127.0.0.1"
    streams: dict[Address, _Stream] = field(default_factory=dict)
    received: Counter[int] = field(default_factory=Counter)
    "Packets by RTP payload type since the last `reset`."
    kept: list[bytes] = field(default_factory=list)
    "Payloads of one stream, over all the time: half a second of all may be a pause of the speech."
    _kept_of: Address | None = None

    def __post_init__(self) -> None:
        self.socket = open_socket(self.host)
        self.port: int = self.socket.getsockname()[1]

    def greet(self, addresses: Iterable[Address]) -> None:
        """Send to these though nothing came from them yet."""
        number = CODECS[self.codec].static_type
        assert number is not None, "a dynamic payload type is learned from what comes"
        # Put in the place of the other: the thread that sends goes through it.
        self.streams = {to: _Stream(number) for to in addresses} | self.streams

    def reset(self) -> None:
        """Start counting."""
        self.received, self.kept, self._kept_of = Counter(), [], None

    def take(self) -> None:
        """Count what has arrived."""
        for data, source in arrived(self.socket):
            payload_type = data[1] & 127
            self.received[payload_type] += 1
            self.streams.setdefault(source, _Stream(payload_type)).unheard = 0
            self._kept_of = self._kept_of or source
            if source == self._kept_of and len(self.kept) < KEPT_PAYLOADS:
                self.kept.append(data[12:])

    def send(self, tick: int) -> None:
        """Send one packet to everybody heard from."""
        payload = self.payloads[tick % len(self.payloads)]
        step = CODECS[self.codec].timestamp_step
        for address, stream in list(self.streams.items()):
            stream.unheard += 1
            if stream.unheard > FORGOTTEN:
                del self.streams[address]
            stream.sequence, stream.at = stream.sequence + 1 & 0xFFFF, stream.at + step & 0xFFFFFFFF
            header = struct.pack(
                "!BBHII", 0x80, stream.payload_type, stream.sequence, stream.at, 0x1234
            )
            try:
                self.socket.sendto(header + payload, address)
            except OSError:
                continue


class Media(Background):
    """A thread that keeps both sides of all calls going; a context manager."""

    def __init__(self, caller: Side, callee: Side) -> None:
        super().__init__()
        self.caller, self.callee = caller, callee

    def _close(self) -> None:
        for side in (self.caller, self.callee):
            side.socket.close()

    def _run(self) -> None:
        tick, due = 0, time.monotonic()
        while not self._over.is_set():
            for side in (self.caller, self.callee):
                side.take()
                side.send(tick)
            tick, due = tick + 1, due + INTERVAL_S
            sleep_until(due)
