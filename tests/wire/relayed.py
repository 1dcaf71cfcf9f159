"""Speech of which one can tell, at the other end, whether it was passed on as it is."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tests.peers.dialogs import Call
from tests.peers.rtp import FRAME_S, Packet
from tests.peers.waiting import until

STEPS = 16
"Loud octets of PCMU, each another one in PCMA too."
IN_A_ROW = 25


def payload(index: int) -> bytes:
    """Return 20 ms of one octet, and of another in the next packet.

    The bridge's concealment is 5 ms late: what was decoded has two of them in a packet.
    """
    return bytes([0x80 + index % STEPS]) * 160


SILENCE = (0xFF, 0xD5)
"Of PCMU and PCMA, which the bridge sends at first."


def is_passed(packet: Packet) -> bool:
    payload = packet.payload
    return len(payload) == 160 and len(set(payload)) == 1 and payload[0] not in SILENCE


class Talk:
    """One party's packets, 50 a second, until told to stop."""

    def __init__(self, call: Call, payload_type: int, sound: Sequence[bytes] = ()) -> None:
        """`sound` is said on and on, a payload a packet, in place of one octet in each."""
        self._call = call
        self._sound = sound
        self._payload_type = payload_type
        self._may_send = asyncio.Event()
        self._may_send.set()
        self.sent = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._may_send.wait()
            rtp = self._call.phone.rtp
            said = self._sound[self.sent % len(self._sound)] if self._sound else payload(self.sent)
            rtp.send(self._call.rtp_target, self._payload_type, said, step=160)
            self.sent += 1
            due = max(due, loop.time() - 5 * FRAME_S) + FRAME_S
            await asyncio.sleep(due - loop.time())

    async def press(
        self, digit: str, payload_type: int, released: asyncio.Event | None = None
    ) -> int:
        """Send a key in place of speech, until it is `released`; return how long it lasted."""
        self._may_send.clear()
        lasted = await self._call.phone.rtp.send_digit(
            self._call.rtp_target,
            digit,
            payload_type=payload_type,
            clock_rate_hz=8000,
            released=released,
        )
        self._may_send.set()
        return lasted

    async def is_heard(self, packets: Sequence[Packet], *, passed: bool) -> None:
        """Wait until the other end hears this speech as it was sent, or decoded, for a while."""
        begin = len(packets)

        def is_so() -> bool:
            last = packets[max(begin, len(packets) - IN_A_ROW) :]
            return len(last) == IN_A_ROW and all(is_passed(one) is passed for one in last)

        await until(is_so, f"it is not heard {'as sent' if passed else 'decoded'}", timeout_s=30)


@asynccontextmanager
async def talking(*talks: Talk) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(talk.run()) for talk in talks]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


MOST_MISSED = 10
"Packet times in which a party sends nothing; after 5 the bridge has the call back."


def relay_begins(before: Packet, after: Packet) -> bool:
    return is_passed(after) and not is_passed(before)


def are_one_stream(
    packets: Sequence[Packet], *, begins: Callable[[Packet, Packet], bool] = relay_begins
) -> None:
    """Sequence numbers and timestamps go on, whoever made the packets.

    Where the relay `begins`, its first packet may come more than a packet time after the bridge's
    last one, and says so: the party sends it when it likes.
    """
    for before, after in itertools.pairwise(packets):
        assert after.sequence - before.sequence & 0xFFFF == 1
        times, rest = divmod(after.timestamp - before.timestamp & 0xFFFFFFFF, 160)
        most = 1 + MOST_MISSED if begins(before, after) else 1
        assert rest == 0
        assert 1 <= times <= most


UNHARMED_S = 1.0
"The last of what is measured once a second may be in no measurement: none of it is lost."


@dataclass(frozen=True)
class Impairment:
    """Loss of a share of the packets, and a delay of up to so many seconds, in their order."""

    loss: float
    jitter_s: float

    def times(self, seconds: float, seed: int) -> list[tuple[float, int]]:
        """Return when which packet leaves."""
        chance = random.Random(seed)
        drawn = [(chance.random(), chance.random()) for _ in range(round(seconds / FRAME_S))]
        times = (index * FRAME_S + delay * self.jitter_s for index, (_, delay) in enumerate(drawn))
        ordered = enumerate(itertools.accumulate(times, max))
        last = round((seconds - UNHARMED_S) / FRAME_S)
        return [(at, n) for n, at in ordered if n >= last or drawn[n][0] >= self.loss]


class Send(NamedTuple):
    """When the kernel took a packet: on loopback it has arrived then."""

    timestamp: int
    not_before_s: float
    not_after_s: float


def jitter_of(sends: Sequence[Send]) -> tuple[float, float]:
    """Return the jitter that such packets arrive with (RFC 3550 section 6.4.1), in 1/8000 s.

    With it, how much more or less that may be. So what the machine adds to the delay of the one or
    the other call is no part of what is compared.
    """
    jitter = unsure = 0.0
    for before, one in itertools.pairwise(sends):
        apart = 8000 * (one.not_before_s - before.not_before_s)
        late = abs(apart - (one.timestamp - before.timestamp))
        spans = 8000 * sum(each.not_after_s - each.not_before_s for each in (before, one))
        jitter += (late - jitter) / 16
        unsure += (spans - unsure) / 16
    return jitter, unsure
