"""The callers' end of `bench.agents`: a socket each, 50 marked packets a second.

When a packet came is the kernel's word (SO_TIMESTAMPNS), so that how busy this thread is does not
count.
"""

import select
import socket
import struct
import time
from dataclasses import dataclass, field

from bench import agentmarks
from bench.processes import sleep_until
from tests.peers.background import Background

SO_TIMESTAMPNS = 35
CYCLE = 500
"Frames of G.722 that are encoded once and sent again and again."
Packets = list[tuple[int, bytes]]


@dataclass
class Caller:
    """One caller: its number, its codec, what it sent and what came, with nanoseconds."""

    number: int
    codec: str
    payloads: list[bytes] = field(default_factory=list)
    remote: tuple[str, int] | None = None
    "Where its packets go; learned from the first that comes, if not told."
    sent: list[tuple[int, int]] = field(default_factory=list)
    came: Packets = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self._counter = 0

    def send(self) -> None:
        """Send the next packet, once it is known where to."""
        if self.remote is None:
            return
        self._counter += 1
        payload = (
            self.payloads[self._counter % len(self.payloads)]
            if self.payloads
            else agentmarks.counted(self._counter)
        )
        kind = 9 if self.payloads else 0
        head = struct.pack(
            "!BBHII", 0x80, kind, self._counter & 0xFFFF, self._counter * 160, 4000 + self.number
        )
        self.sent.append((time.time_ns(), self._counter))
        self.socket.sendto(head + payload, self.remote)

    def take(self) -> None:
        """Keep what has come."""
        while True:
            try:
                data, ancillary, _, source = self.socket.recvmsg(2048, 64)
            except OSError:
                return  # nothing more, or a port that was closed answered by ICMP
            if len(data) < 12 or data[1] & 127 not in (0, 9):
                continue
            seconds, nanoseconds = struct.unpack_from("qq", ancillary[0][2])
            self.remote = self.remote or source
            self.came.append((seconds * 1_000_000_000 + nanoseconds, data[12:]))

    def marks(self) -> dict[str, list[tuple[int, int | None]]]:
        """Return what came and went as `bench.agentpeer` writes it."""
        came: list[tuple[int, int | None]]
        packets = list(self.came)  # more come meanwhile
        if self.payloads:
            loud = agentmarks.loud_g722([payload for _, payload in packets])
            came = [(at, int(is_loud)) for (at, _), is_loud in zip(packets, loud, strict=True)]
            sent = [(at, int(n % CYCLE % agentmarks.LOUD_EACH == 0)) for at, n in self.sent]
        else:
            came = [(at, agentmarks.counter_in(payload)) for at, payload in packets]
            sent = self.sent
        return {"came": came, "sent": list(sent)}


class Phones(Background):
    """A thread that keeps all callers talking; a context manager."""

    def __init__(self, pcmu: int, g722: int) -> None:
        super().__init__()
        frames = agentmarks.g722(CYCLE) if g722 else []
        self.callers = [Caller(n, "PCMU") for n in range(pcmu)]
        self.callers += [Caller(n, "G722", frames) for n in range(pcmu, pcmu + g722)]

    def _close(self) -> None:
        for caller in self.callers:
            caller.socket.close()

    def reset(self) -> None:
        """Forget what came and went."""
        for caller in self.callers:
            caller.sent, caller.came = [], []

    def _run(self) -> None:
        poll = select.poll()
        by_descriptor = {caller.socket.fileno(): caller for caller in self.callers}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        step, due = agentmarks.FRAME_S / len(self.callers), time.monotonic()
        while not self._over.is_set():
            for caller in self.callers:
                caller.send()
                for descriptor, _ in poll.poll(0):
                    by_descriptor[descriptor].take()
                due += step
                sleep_until(due)
