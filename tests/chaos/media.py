"""The sound of the good calls: sends a tone into each end, notes when it came out of the other.

A process of its own. Reads one JSON line `{"streams": [{"port", "to": [host, port], "hz"}]}`, and
talks in PCMU until its input ends; then prints one JSON line
`{"streams": [[[from, to], ...], ...], "noise": [[from, to], ...], "hz": [...]}`: when no frame with
the tone arrived for more than 40 ms, in seconds of time.monotonic.

`noise` is what does not pass through the engine: a stream to ourselves, and those of as many
processes as there are calls, which do nothing but send a packet every 20 ms. What a busy machine
does to those, it does to calls.
Arrival is the kernel's time stamp, so nothing is late because we read late.
"""

import itertools
import json
import os
import random
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

import numpy as np

from tests.peers.payloads import decode, tone_payloads
from tests.peers.ports import LOOPBACK
from tests.peers.tones import strongest

FRAME_S = 0.02
TONE_S = 1.0
"Length of the tone that is sent again and again; a whole number of periods."
RATE_HZ = 8000
LOUD = 1500.0
"Amplitude of a frame that holds the tone; it is sent with 8000."
NOTED_S = 0.04
SETTLED_S = 1.5
"Left out: jitter buffers fill."
SO_TIMESTAMPNS = 35
SO_RXQ_BYTES = 1 << 21


class Listener:
    """A socket whose packets are kept with the time of their arrival."""

    def __init__(self, port: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SO_RXQ_BYTES)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((LOOPBACK, port))
        self.socket.setblocking(False)
        self.arrived: list[tuple[float, bytes]] = []

    def listen(self) -> None:
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
            self.arrived.append((seconds + nanoseconds / 1e9, data))

    def gaps(self, heard: "list[float]", offset: float) -> list[list[float]]:
        """Return stretches without anything heard, moments moved by `offset`."""
        pairs = itertools.pairwise(heard)
        return [[a + offset, b + offset] for a, b in pairs if b - a > NOTED_S]


class Stream(Listener):
    """One end of a good call."""

    def __init__(self, port: int, to: tuple[str, int], hz: float, heard_hz: float) -> None:
        super().__init__(port)
        self.to, self.heard_hz = to, heard_hz
        self._payloads = tone_payloads("PCMU", hz, TONE_S)
        self._source, self._sequence = random.randrange(1 << 32), random.randrange(1 << 15)

    def send(self, turn: int) -> None:
        sequence = self._sequence + turn & 0xFFFF
        header = struct.pack("!BBHII", 0x80, 0, sequence, turn * 160, self._source)
        payload = self._payloads[turn % len(self._payloads)]
        try:
            self.socket.sendto(header + payload, self.to)
        except (BlockingIOError, ConnectionRefusedError):
            return

    def heard(self) -> tuple[list[float], float]:
        """Return when frames with the tone arrived, and the strongest frequency of all."""
        spoken = [(at, data[12:172]) for at, data in self.arrived if len(data) == 172]
        if not spoken:
            return [], 0.0
        table = decode("PCMU", [bytes(range(256))]).astype(np.float64)
        codes = np.frombuffer(b"".join(payload for _, payload in spoken), np.uint8)
        frames = table[codes].reshape(-1, 160)
        wave = np.exp(-2j * np.pi * self.heard_hz * np.arange(160) / RATE_HZ)
        loud = np.abs(frames @ wave) * 2 / 160 > LOUD
        tone = strongest(frames[-1000:].reshape(-1).astype(np.int16), RATE_HZ)
        moments = [at for (at, _), is_loud in zip(spoken, loud, strict=True) if is_loud]
        return moments, tone.hz


def main() -> None:
    wanted: list[dict[str, Any]] = json.loads(sys.stdin.readline())["streams"]
    streams = [Stream(w["port"], tuple(w["to"]), w["hz"], w["heard_hz"]) for w in wanted]
    controls = [Listener() for _ in range(1 + len(streams) // 2)]
    clocks = [clock(_port(control)) for control in controls[1:]]
    try:
        started = talk(streams, controls)
    finally:
        for pid in clocks:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
    print(json.dumps(result(streams, controls, started)))


def talk(streams: list[Stream], controls: list[Listener]) -> float:
    """Send and listen on an absolute schedule until our input ends; return when it began."""
    own = (LOOPBACK, _port(controls[0]))
    started, turn = time.monotonic(), 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        for stream in streams:
            stream.send(turn)
        controls[0].socket.sendto(b"control", own)
        for listener in (*streams, *controls):
            listener.listen()
        turn += 1
        time.sleep(max(0.0, started + turn * FRAME_S - time.monotonic()))
    return started


def result(streams: list[Stream], controls: list[Listener], started: float) -> dict[str, Any]:
    offset = time.monotonic() - time.time()
    begin = started + SETTLED_S - offset
    over = time.time()
    gaps, hertz = [], []
    for stream in streams:
        moments, hz = stream.heard()
        heard = [begin, *(at for at in moments if at > begin), over]
        gaps.append(stream.gaps(heard, offset))
        hertz.append(hz)
    noise = []
    for control in controls:
        ticks = [at for at, _ in control.arrived if at > begin]
        noise += control.gaps(ticks, offset)
    return {"streams": gaps, "noise": noise, "hz": hertz}


def clock(port: int) -> int:
    """Fork a process that sends a packet every 20 ms, as a call process does; return its id."""
    parent = os.getpid()
    if pid := os.fork():
        return pid
    started, turn = time.monotonic(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while os.getppid() == parent:
            sock.sendto(b"control", (LOOPBACK, port))
            turn += 1
            time.sleep(max(0.0, started + turn * FRAME_S - time.monotonic()))
    os._exit(0)


def _port(listener: Listener) -> int:
    port: int = listener.socket.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
