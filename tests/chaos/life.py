"""What goes on while others misbehave: ten calls with sound, and a new call every second."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.peers import descriptions
from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import ROOT, Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_port_range
from tests.wire.conversation import caller, registered

CALLS = 10
HERTZ = [400 + 60 * index for index in range(2 * CALLS)]
NEW_EVERY_S = 1.0
FRAME_S = 0.02
ANSWER_WITHIN_S = 20.0
TALK_S = 0.3
MOST_NOISE_S = 0.25
"However busy the machine, a longer gap is the engine's, unless what passes it by has one too."
Pair = tuple[OutgoingCall, IncomingCall]


@dataclass(frozen=True)
class NewCall:
    """A call placed at `at` (seconds of the loop's clock); `fault` is empty if all went well."""

    at: float
    call_id: str
    took_s: float
    fault: str


@dataclass(frozen=True)
class Gap:
    """A stretch in which a party of a good call heard nothing of the other."""

    stream: int
    begin: float
    end: float
    noise_s: float
    "The longest such stretch of what does not pass through the engine."

    @property
    def lost_s(self) -> float:
        """Return how much more was lost than the machine can be blamed for."""
        return self.end - self.begin - FRAME_S - self.noise_s


@dataclass
class Sound:
    """What the good calls' parties heard."""

    gaps: list[Gap]
    hertz: list[float]


@dataclass
class Life:
    """The good calls, and what has become of the new ones so far."""

    calls: list[Pair]
    new: list[NewCall] = field(default_factory=list)
    sound: Sound | None = None

    @property
    def rtp_targets(self) -> list[tuple[str, int]]:
        """Where the good calls' sound is taken by the engine."""
        return [end.rtp_target for pair in self.calls for end in pair]


async def set_up(phone: Phone, callee: Phone, count: int) -> list[Pair]:
    """Place calls one after another, each with RTP ports of its own."""
    first, _ = free_port_range(4 * count)
    calls = []
    for index in range(count):
        a = await phone.invite(callee.user, phone.sdp(["PCMU"], port=first + 4 * index))
        b = await callee.wait_call()
        await b.ring()
        await b.answer(callee.sdp(["PCMU"], port=first + 4 * index + 2))
        await a.answered()
        calls.append((a, b))
    return calls


async def hang_up(calls: list[Pair]) -> None:
    await asyncio.gather(*(a.hang_up() for a, _ in calls))
    await asyncio.gather(*(asyncio.wait_for(b.ended.wait(), 30) for _, b in calls))


@asynccontextmanager
async def going_on(engine: Engine) -> AsyncIterator[Life]:
    """Keep good calls talking, and new ones coming, for as long as the context lasts."""
    async with (
        caller(engine, "alice") as alice,
        registered(engine, "bob") as bob,
        caller(engine, "dora") as dora,
        registered(engine, "carol") as carol,
    ):
        life = Life(await set_up(alice, bob, CALLS))
        media = await _talk(life.calls)
        coming = asyncio.create_task(_keep_calling(life, dora, carol))
        try:
            yield life
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            assert media.stdin is not None
            media.stdin.close()
            assert media.stdout is not None
            output = await media.stdout.read()
            await media.wait()
        life.sound = _sound(json.loads(output))
        await hang_up(life.calls)


async def _talk(calls: list[Pair]) -> asyncio.subprocess.Process:
    media = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.media"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=1 << 24,
    )
    ends = [end for pair in calls for end in pair]
    streams = [
        {
            "port": descriptions.rtp_address(end.local_sdp)[1],
            "to": end.rtp_target,
            "hz": HERTZ[index],
            # Both ends of a call are neighbours here.
            "heard_hz": HERTZ[index ^ 1],
        }
        for index, end in enumerate(ends)
    ]
    assert media.stdin is not None
    media.stdin.write(json.dumps({"streams": streams}).encode() + b"\n")
    await media.stdin.drain()
    return media


def _sound(result: dict[str, Any]) -> Sound:
    usual_s = min(_longest(result["noise"]), MOST_NOISE_S)
    gaps = [
        Gap(
            index,
            begin,
            end,
            max(usual_s, _at_once(result["noise"], begin, end)),
        )
        for index, stretches in enumerate(result["streams"])
        for begin, end in stretches
    ]
    return Sound(gaps, result["hz"])


def _longest(noise: Sequence[tuple[float, float]]) -> float:
    return max((end - begin - FRAME_S for begin, end in noise), default=0.0)


def _at_once(noise: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """Return the longest noise that met a gap: the whole machine stood still, for however long."""
    return _longest([one for one in noise if one[0] < end and one[1] > begin])


async def _keep_calling(life: Life, dora: Phone, carol: Phone) -> None:
    loop, tasks = asyncio.get_running_loop(), set()
    due = loop.time()
    try:
        while True:
            tasks.add(asyncio.create_task(_one(life, dora, carol)))
            due += NEW_EVERY_S
            await asyncio.sleep(max(0.0, due - loop.time()))
    finally:
        await asyncio.gather(*tasks)


async def _one(life: Life, dora: Phone, carol: Phone) -> None:
    loop = asyncio.get_running_loop()
    at, fault = loop.time(), ""
    call = await dora.invite("carol", dora.sdp(["PCMU"]))
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            incoming = asyncio.create_task(_answer(carol))
            final = await call.wait_final(ANSWER_WITHIN_S)
            if final.code == 200:
                await incoming
                took_s = loop.time() - at
                await asyncio.sleep(TALK_S)
                await call.hang_up()
            else:
                took_s = loop.time() - at
                fault = f"{final.code} {final.phrase}"
                incoming.cancel()
    except Exception as error:  # noqa: BLE001
        took_s = loop.time() - at
        fault = f"{type(error).__name__} {error}"
    life.new.append(NewCall(at, call.call_id, took_s, fault))


async def _answer(carol: Phone) -> None:
    call = await carol.wait_call()
    await call.ring()
    await call.answer_in("PCMU")
