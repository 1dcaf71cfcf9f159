"""What a stranger who sends RTP at a call's port hears of it, and what he puts into it."""

import asyncio
import random
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.standing.figures import Figure
from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.peers.payloads import decode, tone_payloads
from tests.peers.rtp import Packet
from tests.wire.conversation import CALLEE_HZ, CALLER_HZ, Conversation, converse, registered
from tests.wire.directory import configuration, connection

STRANGER = "127.0.0.77"
STRANGER_HZ = 1500.0
SECONDS = 4.0
FRAME_S = 0.02
RATE_HZ = 8000
LOUD = 500.0
"Amplitude of a tone that counts as heard; those sent have 8000."
SENDER_REPORT_WORDS = 6
CONFIGURATION = configuration(connection("alice"), connection("bob"))


class Stranger:
    """A socket at another address that sends to one port and counts what comes back."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((STRANGER, 0))
        self.socket.setblocking(False)
        self._payloads = tone_payloads("PCMU", STRANGER_HZ, SECONDS)
        self._source = random.randrange(1 << 32)
        self._sequence = random.randrange(1 << 15)

    def heard(self) -> int:
        """Return how many packets came back, and close."""
        count = 0
        with self.socket:
            while True:
                try:
                    self.socket.recv(2048)
                except BlockingIOError:
                    return count
                except ConnectionRefusedError:
                    continue
                count += 1

    def send_rtp(self, to: tuple[str, int], turn: int) -> None:
        self._sequence = self._sequence + 1 & 0xFFFF
        payload = self._payloads[turn % len(self._payloads)]
        stamp = self._sequence * 160
        header = struct.pack("!BBHII", 0x80, 0, self._sequence, stamp, self._source)
        self._send(header + payload, to)

    def send_rtcp(self, to: tuple[str, int]) -> None:
        header = struct.pack("!BBHI", 0x80, 200, SENDER_REPORT_WORDS, self._source)
        self._send(header + random.randbytes(20), (to[0], to[1] + 1))

    def _send(self, data: bytes, to: tuple[str, int]) -> None:
        try:
            self.socket.sendto(data, to)
        except (BlockingIOError, ConnectionRefusedError):
            return


async def measure(root: Path) -> list[Figure]:
    """Measure each case on a call of its own."""
    figures: list[Figure] = []
    with Engine(CONFIGURATION, root=root) as engine:
        async with registered(engine, "alice") as alice, registered(engine, "bob") as bob:
            for name, per_frame, talking in (
                ("silent caller, stranger 50/s", 1, False),
                ("talking caller, stranger 50/s", 1, True),
                ("talking caller, stranger 800/s", 16, True),
            ):
                call = await converse(engine, alice, bob, offer=["PCMU"], answer=["PCMU"])
                bled, injected, heard = await _rtp(call, per_frame, talking)
                figures.append(Figure(f"RTP bled, {name}", str(bled), "packets in 4 s"))
                figures.append(Figure(f"RTP injected, {name}", str(injected), "packets in 4 s"))
                if talking:
                    share = f"{100 * heard * FRAME_S / SECONDS:.0f}"
                    figures.append(Figure(f"caller heard, {name}", share, "% of 4 s"))
                await call.a.hang_up()
            call = await converse(engine, alice, bob, offer=["PCMU"], answer=["PCMU"])
            figures.append(Figure("RTCP bled, stranger 50/s", str(await _rtcp(call)), "in 8 s"))
            await call.a.hang_up()
    return figures


async def _rtp(call: Conversation, per_frame: int, talking: bool) -> tuple[int, int, int]:
    """Return packets the stranger heard, frames of his the callee heard, and of the caller's."""
    parties = [asyncio.create_task(_talk(call.b, CALLEE_HZ, SECONDS + 1.0))]
    if talking:
        parties.append(asyncio.create_task(_talk(call.a, CALLER_HZ, SECONDS + 1.0)))
    await asyncio.sleep(0.5)
    stranger, to = Stranger(), call.a.rtp_target
    call.b.phone.rtp.forget()
    started = asyncio.get_running_loop().time()
    for turn in range(round(SECONDS / FRAME_S)):
        for _ in range(per_frame):
            stranger.send_rtp(to, turn)
        await asyncio.sleep(started + (turn + 1) * FRAME_S - asyncio.get_running_loop().time())
    packets = list(call.b.phone.rtp.packets)
    await asyncio.gather(*parties)
    return stranger.heard(), _frames_of(packets, STRANGER_HZ), _frames_of(packets, CALLER_HZ)


async def _rtcp(call: Conversation) -> int:
    """Return how many reports come to a stranger who sends reports himself."""
    parties = [
        asyncio.create_task(_talk(end, hz, 2 * SECONDS))
        for end, hz in ((call.a, CALLER_HZ), (call.b, CALLEE_HZ))
    ]
    stranger, to = Stranger(), call.a.rtp_target
    for _ in range(round(2 * SECONDS / FRAME_S)):
        stranger.send_rtcp(to)
        await asyncio.sleep(FRAME_S)
    await asyncio.gather(*parties)
    return stranger.heard()


async def _talk(end: Call, hz: float, seconds: float) -> None:
    await end.phone.rtp.send_tone(
        end.rtp_target, codec="PCMU", payload_type=0, hz=hz, seconds=seconds
    )


def _frames_of(packets: Sequence[Packet], hz: float) -> int:
    """Return in how many packets of 20 ms a tone is heard."""
    spoken = [packet.payload for packet in packets if packet.payload_type == 0]
    if not spoken:
        return 0
    samples = decode("PCMU", spoken).astype(np.float64)
    wave = np.exp(-2j * np.pi * hz * np.arange(160) / RATE_HZ)
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    return int((np.abs(frames @ wave) * 2 / 160 > LOUD).sum())
