"""Many RTP end points in one process: each sends its own tone and tells which tone it heard.

Run as a process of its own. Reads one JSON line `{"seconds", "streams": [{"port", "codec",
"payload_type", "to": [host, port], "hz"}]}` and prints one JSON line, a list in the same order of
`{"packets", "payload_types", "hz", "share", "sources"}`; `expected` packets come first.
"""

import json
import random
import socket
import struct
import sys
import time
from collections import Counter
from typing import Any

from tests.peers.payloads import RATES_HZ, TIMESTAMP_STEPS, decode, tone_payloads
from tests.peers.ports import LOOPBACK
from tests.peers.tones import strongest

FRAME_S = 0.02
SETTLED = 50
"Packets left out of the measurement: jitter buffers fill."


class Stream:
    """One socket, its packets made beforehand."""

    def __init__(self, wanted: dict[str, Any], seconds: float) -> None:
        self.codec: str = wanted["codec"]
        self.number: int = wanted["payload_type"]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, wanted["port"]))
        self.socket.connect(tuple(wanted["to"]))
        self.socket.setblocking(False)
        source, first = random.randrange(1 << 32), random.randrange(1 << 15)
        step = TIMESTAMP_STEPS[self.codec]
        payloads = tone_payloads(self.codec, wanted["hz"], seconds)
        self.packets = [
            struct.pack("!BBHII", 0x80, self.number, first + index, index * step, source) + payload
            for index, payload in enumerate(payloads)
        ]
        self.heard: list[bytes] = []

    def listen(self) -> None:
        """Take what has arrived."""
        while True:
            try:
                data = self.socket.recv(2048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self.heard.append(data)

    def result(self) -> dict[str, Any]:
        ordered = sorted(self.heard, key=lambda packet: packet[2:4])
        payloads = [packet[12:] for packet in ordered if packet[1] & 0x7F == self.number]
        rate_hz = RATES_HZ[self.codec]
        tone = strongest(decode(self.codec, payloads[SETTLED:]), rate_hz)
        types = Counter(packet[1] & 0x7F for packet in self.heard)
        return {
            "packets": len(self.heard),
            "payload_types": list(types),
            "hz": tone.hz,
            "share": tone.share,
        }


def talk(streams: list[Stream], seconds: float) -> float:
    """Send and listen on an absolute schedule; return how long it took in seconds."""
    for stream in streams:
        stream.listen()
        stream.heard.clear()
    started = time.monotonic()
    for index in range(round(seconds / FRAME_S)):
        for stream in streams:
            try:
                stream.socket.send(stream.packets[index])
            except ConnectionRefusedError:
                continue
        for stream in streams:
            stream.listen()
        time.sleep(max(0.0, started + (index + 1) * FRAME_S - time.monotonic()))
    for stream in streams:
        stream.listen()
    return time.monotonic() - started


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    streams = [Stream(stream, wanted["seconds"]) for stream in wanted["streams"]]
    expected = int(talk(streams, wanted["seconds"]) / FRAME_S)
    print(json.dumps({"expected": expected, "heard": [stream.result() for stream in streams]}))


if __name__ == "__main__":
    main()
