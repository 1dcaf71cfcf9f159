"""How a legitimate phone fares beside one address that sends without end."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.standing.figures import Figure
from tests.peers.dialogs import IncomingCall
from tests.peers.engine import ROOT, Engine
from tests.peers.phone import Phone
from tests.wire.conversation import first_known, registered
from tests.wire.directory import configuration, connection

RATES_PER_S = (1000, 5000)
SECONDS = 12.0
EVERY_S = 0.3
IN_TIME_S = 2.0
ATTACKER = "127.0.0.66"
CONFIGURATION = configuration(
    *(connection(user) for user in ("alice", "bob", "carol", "dora")), external_sip=False
)


async def measure(root: Path) -> list[Figure]:
    """Measure REGISTERs and calls that succeed within 2 s beside each rate."""
    figures = []
    for rate in RATES_PER_S:
        with Engine(CONFIGURATION, root=root) as engine:
            async with registered(engine, "carol") as carol, registered(engine, "dora") as dora:
                flood = await _flood(engine, rate)
                await asyncio.sleep(1.0)
                registers, calls = await _beside(carol, dora)
                output, _ = await flood.communicate()
        sent_per_s = int(output) / SECONDS
        for name, outcomes in (("REGISTERs", registers), ("calls", calls)):
            done = sum(outcomes)
            figures.append(
                Figure(
                    f"{name} within 2 s beside {rate:,}/s",
                    f"{done}/{len(outcomes)}",
                    f"({sent_per_s:,.0f}/s were sent)",
                )
            )
    return figures


async def _flood(engine: Engine, rate: int) -> asyncio.subprocess.Process:
    arguments = (*map(str, engine.server), ATTACKER, str(rate), str(SECONDS))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.standing.flood", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


async def _beside(carol: Phone, dora: Phone) -> tuple[list[bool], list[bool]]:
    answering = asyncio.create_task(_answer_all(carol))
    until = asyncio.get_running_loop().time() + SECONDS - 1.0 - IN_TIME_S
    outcomes = await asyncio.gather(
        _again_and_again(lambda: _registers(dora), until),
        _again_and_again(lambda: _calls(dora), until),
    )
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    return outcomes


async def _again_and_again(attempt: Callable[[], Awaitable[bool]], until: float) -> list[bool]:
    outcomes = []
    while asyncio.get_running_loop().time() < until:
        outcomes.append(await attempt())
        await asyncio.sleep(EVERY_S)
    return outcomes


async def _registers(phone: Phone) -> bool:
    try:
        async with asyncio.timeout(IN_TIME_S):
            return (await phone.register()).code == 200
    except TimeoutError:
        return False


async def _calls(phone: Phone) -> bool:
    call = await phone.invite("carol", phone.sdp(["PCMU"]))
    try:
        final = await call.wait_final(IN_TIME_S)
    except TimeoutError:
        return False
    if final.code == 200:
        hanging_up = asyncio.create_task(call.hang_up())
        hanging_up.add_done_callback(lambda task: task.cancelled() or task.exception())
        _kept.add(hanging_up)
    return final.code == 200


_kept: set["asyncio.Task[object]"] = set()


async def _answer_all(phone: Phone) -> None:
    answers: set[asyncio.Task[None]] = set()
    while True:
        call = await phone.wait_call(60)
        task = asyncio.create_task(_answer(call, phone))
        answers.add(task)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())


async def _answer(call: IncomingCall, phone: Phone) -> None:
    await call.answer_in(*first_known(call.offer_sdp, phone.codecs))
