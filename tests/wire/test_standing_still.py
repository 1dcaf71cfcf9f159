"""A call's process that stood still says so by its timestamps: they follow time, not packets."""

import asyncio
import itertools
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from tests.callengine.engine.forked import owner_of
from tests.peers import descriptions
from tests.peers.dialogs import Call
from tests.peers.engine import WITH_EXTENSION, Engine
from tests.peers.payloads import TIMESTAMP_STEPS, tone_payloads
from tests.peers.rtp import FRAME_S, Packet
from tests.peers.waiting import until
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.relayed import is_passed, payload

CODECS = ("PCMU", "G722", "OPUS", "AMR-WB")
CONFIGURATION = configuration(
    *(connection(f"only-{name.lower()}", inbound=[name]) for name in CODECS)
)
ENVIRONMENT = WITH_EXTENSION
STANDS_S = 1.0
JUDGED = 40
"Packets: the one that is least late tells how late the stream is."
MADE_UP_S = 0.2
"So late the bridge sends what it was to send; what is later, it leaves out."


class Speech:
    """What one party says, on and on: always so many packets in so much time."""

    def __init__(self, call: Call, codec: str, payload_type: int, *, is_plain: bool) -> None:
        self._call, self._codec, self._type = call, codec, payload_type
        self._sound = (
            [payload(index) for index in range(16)] if is_plain else tone_payloads(codec, 700, 2.0)
        )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        began, rtp = loop.time(), self._call.phone.rtp
        for index, said in enumerate(itertools.cycle(self._sound)):
            step = TIMESTAMP_STEPS[self._codec]
            rtp.send(self._call.rtp_target, self._type, said, step=step)
            await asyncio.sleep(began + (index + 1) * FRAME_S - loop.time())


class Ear:
    """What the other party hears of it."""

    def __init__(self, packets: Sequence[Packet], codec: str) -> None:
        self.packets, self._step = packets, TIMESTAMP_STEPS[codec]

    async def hears(self, count: int, *, passed: bool) -> None:
        """Wait for so many more packets, the last of them `passed` on by the relay if it is so."""
        begin = len(self.packets)

        def does() -> bool:
            last = self.packets[max(begin, len(self.packets) - count) :]
            return len(last) == count and (not passed or all(map(is_passed, last)))

        await until(does, "it is not heard", timeout_s=40)

    def late_s(self) -> float:
        """Return how late what was heard last came, after the first packet of all."""
        first = self.packets[0]
        return min(
            one.arrived_s - first.arrived_s - FRAME_S * self._frames(first, one)
            for one in self.packets[-JUDGED:]
        )

    def gap(self, begin: int) -> tuple[Packet, Packet]:
        """Return the packets on both sides of the longest step of timestamps from there on."""
        pairs = itertools.pairwise(self.packets[begin - 1 :])
        return max(pairs, key=lambda pair: self._frames(*pair))

    def _frames(self, one: Packet, other: Packet) -> float:
        passed = (other.timestamp - one.timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        return passed / self._step


@pytest.mark.parametrize(
    ("codec_a", "codec_b"), [("PCMU", "PCMU"), ("OPUS", "G722"), ("AMR-WB", "PCMU")]
)
async def test_timestamps_go_on_while_a_process_stands_still(
    engine: Engine, codec_a: str, codec_b: str
) -> None:
    is_relayed = codec_a == codec_b
    async with (
        registered(engine, f"only-{codec_b.lower()}") as phone_b,
        caller(engine) as phone_a,
        AsyncExitStack() as talking,
    ):
        call = await converse(engine, phone_a, phone_b, offer=[codec_a])
        ears = Ear(phone_a.rtp.packets, codec_a), Ear(phone_b.rtp.packets, codec_b)
        for end, codec in (call.a, codec_a), (call.b, codec_b):
            number = descriptions.formats(call.a.answer_sdp if end is call.a else end.offer_sdp)
            speech = Speech(end, codec, number[0][0], is_plain=is_relayed)
            talking.push_async_callback(_ended, asyncio.create_task(speech.run()))
        await _all_hear(ears, passed=is_relayed)
        before = [ear.late_s() for ear in ears]
        await _stand_still(owner_of(call.a.rtp_target[1]))
        stopped_at = [len(ear.packets) for ear in ears]
        await _all_hear(ears, passed=False)
        for ear, late_s, begin in zip(ears, before, stopped_at, strict=True):
            assert abs(ear.late_s() - late_s) < MADE_UP_S
            last, first = ear.gap(begin)
            assert first.is_marked  # a receiver may begin anew there (RFC 3551 section 4.1)
            assert first.sequence - last.sequence & 0xFFFF == 1
        await _all_hear(ears, passed=is_relayed)
        for ear, late_s in zip(ears, before, strict=True):
            assert abs(ear.late_s() - late_s) < MADE_UP_S
        await call.end()


async def _all_hear(ears: Sequence[Ear], *, passed: bool) -> None:
    await asyncio.gather(*(ear.hears(2 * JUDGED, passed=passed) for ear in ears))


async def _stand_still(process: int) -> None:
    os.kill(process, signal.SIGSTOP)
    try:
        await asyncio.sleep(STANDS_S)
    finally:
        os.kill(process, signal.SIGCONT)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
