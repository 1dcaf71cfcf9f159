"""Whoever else sends to the ports of a call: RTP, RTCP, slowly or in floods, and listens."""

import asyncio
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Self, cast

from tests.peers.descriptions import PAYLOAD_TYPES
from tests.peers.payloads import TIMESTAMP_STEPS, tone_payloads
from tests.peers.rtp import RtpTone

ELSEWHERE = "127.0.0.66"
STRANGER_HZ = 1800


class Reports(asyncio.DatagramProtocol):
    """An RTCP socket: counts what arrives, sends sender reports (RFC 3550 section 6.4.1)."""

    def __init__(self) -> None:
        self.received: list[tuple[str, int]] = []
        self.arrived = asyncio.Event()
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append(addr)
        self.arrived.set()

    def send(self, to: tuple[str, int], ssrc: int = 0x66666666) -> None:
        self.transport.sendto(struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1, 160, 1, 160), to)


class Stranger:
    """Sockets at an address that nobody named; an async context manager."""

    def __init__(self, host: str = ELSEWHERE) -> None:
        self.host = host
        self.rtp: RtpTone
        self.rtcp: Reports

    async def __aenter__(self) -> Self:
        self.rtp = await RtpTone.open(self.host)
        loop = asyncio.get_running_loop()
        _, self.rtcp = await loop.create_datagram_endpoint(Reports, local_addr=(self.host, 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.rtp.close()
        self.rtcp.transport.close()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    async def attack(
        self, to: tuple[str, int], *, codec: str, packets_a_frame: int = 1, seconds: float = 1.5
    ) -> None:
        """Send a tone and reports to a call's ports, `packets_a_frame` times each 20 ms."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        payloads = tone_payloads(codec, STRANGER_HZ, seconds)
        for index, payload in enumerate(payloads):
            for _ in range(packets_a_frame):
                step = TIMESTAMP_STEPS[codec]
                self.rtp.send(to, PAYLOAD_TYPES[codec], payload, step=step)
            self.rtcp.send((to[0], to[1] + 1))
            await asyncio.sleep(started + (index + 1) * 0.02 - loop.time())

    async def lie_in_wait(self, ports: Sequence[tuple[str, int]]) -> None:
        """Send to ports, open or not, 500 times a second each, until cancelled."""
        (payload,) = tone_payloads("PCMU", STRANGER_HZ, 0.02)
        while True:
            for port in ports:
                self.rtp.send(port, PAYLOAD_TYPES["PCMU"], payload, step=160)
            await asyncio.sleep(0.002)
