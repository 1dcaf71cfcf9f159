"""An RTP end point that sends a tone and tells which tone arrives (RFC 3550, 3551)."""

import asyncio
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.peers.payloads import RATES_HZ, TIMESTAMP_STEPS, decode, tone_payloads
from tests.peers.ports import LOOPBACK, rtp_pair
from tests.peers.srtp import Cipher
from tests.peers.tones import SILENCE, Tone, strongest

FRAME_S = 0.02
SENDER_REPORT, RECEIVER_REPORT = 200, 201


@dataclass(frozen=True)
class Packet:
    payload_type: int
    sequence: int
    timestamp: int
    payload: bytes
    source: tuple[str, int]
    is_marked: bool = False
    arrived_s: float = field(default=0.0, compare=False)
    "Monotonic."


@dataclass(frozen=True)
class Heard:
    """What arrived during one measurement."""

    tone: Tone
    payload_types: Counter[int]
    sources: frozenset[tuple[str, int]]
    packets: list[Packet] = field(repr=False)

    @property
    def hz(self) -> float:
        return self.tone.hz

    def near(self, hz: float, within: float = 0.02) -> bool:
        return self.tone.near(hz, within)


@dataclass(frozen=True)
class Report:
    """What the other end says of its stream and of ours."""

    sent: int
    "Packets; 0 if it has sent none since its report before."
    lost: int
    highest: int
    "Sequence number."
    jitter: int
    "In units of the clock."


class RtpTone(asyncio.DatagramProtocol):
    """One RTP socket on loopback; what arrives is kept until the next measurement."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._ears: list[list[Packet]] = []
        self.arrived = asyncio.Event()
        self.port = 0
        self.cipher: Cipher | None = None
        "Encrypts and decrypts, if the call is encrypted."
        self.heard_ssrc = 0
        "Of the packet that arrived last."
        self.loses_every = 0
        "Of the packets it would send, every such one is lost on the way; 0: none."
        self.lost = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._reports: socket.socket | None = None
        "RTCP comes here; see `last_report`."
        self._sequence = random.randrange(1 << 15)
        self._timestamp = random.randrange(1 << 31)
        self._source = random.randrange(1 << 32)

    @classmethod
    async def open(cls, host: str = LOOPBACK) -> "RtpTone":
        loop = asyncio.get_running_loop()
        media, reports = rtp_pair(host)
        media.setblocking(False)
        transport, tone = await loop.create_datagram_endpoint(cls, sock=media)
        tone._transport, tone._reports = transport, reports
        tone.port = transport.get_extra_info("sockname")[1]
        return tone

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._reports is not None:
            self._reports.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        if self.cipher is not None:
            opened = self.cipher.opened(data)
            if opened is None:
                return
            data = opened
        _, second, sequence, timestamp, self.heard_ssrc = struct.unpack("!BBHII", data[:12])
        header = 12 + 4 * (data[0] & 0x0F)
        packet = Packet(
            *(second & 0x7F, sequence, timestamp, data[header:], addr[:2]),
            is_marked=bool(second & 0x80),
            arrived_s=time.monotonic(),
        )
        for kept in (self.packets, *self._ears):
            kept.append(packet)
        self.arrived.set()

    def last_report(self) -> Report | None:
        """Return the last RTCP report that came (RFC 3550 section 6.4), of one stream."""
        assert self._reports is not None
        last = None
        while True:
            try:
                data = self._reports.recv(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return last
            kind, block = data[1], 28 if data[1] == SENDER_REPORT else 8
            if (
                kind in (SENDER_REPORT, RECEIVER_REPORT)
                and data[0] & 31
                and len(data) >= block + 16
            ):
                sent = int.from_bytes(data[20:24]) if kind == SENDER_REPORT else 0
                lost, highest, jitter = struct.unpack("!III", data[block + 4 : block + 16])
                last = Report(sent, lost & 0xFFFFFF, highest & 0xFFFF, jitter)

    async def first_packet(self, timeout_s: float = 20.0) -> Packet:
        """Wait until RTP arrives and return the latest packet."""
        async with asyncio.timeout(timeout_s):
            await self.arrived.wait()
        return self.packets[-1]

    async def catches_up(self) -> None:
        """Read all that has come: a loop that stood still has yet to, one packet a turn."""
        count = -1
        while len(self.packets) != count:
            count = len(self.packets)
            await asyncio.sleep(0)

    async def falls_silent(self, for_s: float, timeout_s: float = 30.0) -> None:
        """Wait until nothing has come for so long."""
        async with asyncio.timeout(timeout_s):
            count = -1
            while len(self.packets) != count:
                count = len(self.packets)
                await asyncio.sleep(for_s)

    @contextmanager
    def listening(self) -> Iterator[list[Packet]]:
        """Collect what arrives meanwhile, whoever else makes this socket forget."""
        kept: list[Packet] = []
        self._ears.append(kept)
        try:
            yield kept
        finally:
            self._ears = [ear for ear in self._ears if ear is not kept]

    def forget(self) -> None:
        self.packets.clear()
        self.arrived.clear()

    def send(self, to: tuple[str, int], payload_type: int, payload: bytes, *, step: int) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + step) & 0xFFFFFFFF
        if self.loses_every and self._sequence % self.loses_every == 0:
            self.lost += 1
            return
        header = struct.pack(
            "!BBHII", 0x80, payload_type, self._sequence, self._timestamp, self._source
        )
        self.send_raw(to, header + payload)

    def send_raw(self, to: tuple[str, int], packet: bytes) -> None:
        """Send a packet as it is, with a header of the test's own."""
        assert self._transport is not None
        self._transport.sendto(self.cipher.sealed(packet) if self.cipher else packet, to)

    async def send_tone(
        self,
        to: tuple[str, int],
        *,
        codec: str,
        payload_type: int,
        hz: float,
        seconds: float,
        octet_align: bool = False,
    ) -> None:
        """Send a tone in real time, 20 ms packets on an absolute schedule."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        payloads = tone_payloads(codec, hz, seconds, octet_align=octet_align)
        for index, payload in enumerate(payloads):
            self.send(to, payload_type, payload, step=TIMESTAMP_STEPS[codec])
            await asyncio.sleep(started + (index + 1) * FRAME_S - loop.time())

    async def send_digit(
        self,
        to: tuple[str, int],
        digit: str,
        *,
        payload_type: int,
        clock_rate_hz: int,
        released: asyncio.Event | None = None,
    ) -> int:
        """Send one RFC 4733 event, its end three times; return the duration it told at last.

        It lasts 160 ms, or until it is `released` if that is later.
        """
        event = "0123456789*#ABCD".index(digit)
        step = clock_rate_hz // 50
        self._timestamp = (self._timestamp + step) & 0xFFFFFFFF
        lasts = ends = 0
        while ends < 3:
            is_over = lasts >= 7 * step and (released is None or released.is_set())
            lasts = lasts if ends else min(lasts + step, 0xFFFF)
            ends += is_over
            payload = struct.pack("!BBH", event, (0x80 if is_over else 0) | 10, lasts)
            self.send(to, payload_type, payload, step=0)
            await asyncio.sleep(FRAME_S)
        self._timestamp = (self._timestamp + lasts + step) & 0xFFFFFFFF
        return lasts

    def heard(
        self, codecs: Mapping[int, str], *, octet_align: bool = False, skip_s: float = 0.5
    ) -> Heard:
        """Return what arrived since `forget`; see `judged`."""
        return judged(self.packets, codecs, octet_align=octet_align, skip_s=skip_s)

    def digits(self, payload_type: int) -> str:
        """Return the RFC 4733 digits that arrived, one for each timestamp."""
        events = {
            p.timestamp: p.payload[0]
            for p in self.packets
            if p.payload_type == payload_type and len(p.payload) >= 4
        }
        return "".join("0123456789*#ABCD"[e] for e in events.values() if e < 16)


def judged(
    packets: Sequence[Packet],
    codecs: Mapping[int, str],
    *,
    octet_align: bool = False,
    skip_s: float = 0.5,
) -> Heard:
    """Tell what these packets are; `codecs` maps payload types to names.

    The tone is measured in the codec most packets have, after `skip_s` of it.
    """
    types = Counter(p.payload_type for p in packets)
    known = [number for number, _ in types.most_common() if number in codecs]
    tone = SILENCE
    if known:
        name = codecs[known[0]]
        payloads = [p.payload for p in _in_order(packets) if p.payload_type == known[0]]
        samples = decode(name, payloads, octet_align=octet_align)
        tone = strongest(samples[round(skip_s * RATES_HZ[name]) :], RATES_HZ[name])
    return Heard(tone, types, frozenset(p.source for p in packets), list(packets))


def _in_order(packets: Sequence[Packet]) -> list[Packet]:
    if not packets:
        return []
    base = packets[0].sequence
    return sorted(packets, key=lambda p: (p.sequence - base + 0x8000) & 0xFFFF)
