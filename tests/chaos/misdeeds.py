"""What others do meanwhile, one kind after another; each insists on what it costs themselves."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.callengine.engine.forked import alive, fork_server_of, owner_of
from tests.chaos.life import Life
from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import ROOT, Engine
from tests.peers.mute import MutePhone
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, converse
from tests.wire.directory import PASSWORD

AT_ONCE = 3
"Dead phones of a kind; there is room for twice as many beside the good calls."
BAD_HOST, DEAD_HOST, FLOOD_HOST = "127.0.7.1", "127.0.7.2", "127.0.7.3"
FLOOD_PER_S, FLOOD_S = 2000, 5.0
NOISE_S = 4.0
BYE_WITHIN_S = 8.0


@dataclass
class Stage:
    """Where misdeeds happen, and how the calls of the bad must have ended."""

    engine: Engine
    life: Life
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    "Who ended it and why, by the Call-ID of leg A; an empty word is any."

    def expect(self, call: OutgoingCall, by: str, reason: str = "") -> None:
        self.ends[call.call_id] = (by, reason)

    @asynccontextmanager
    async def pair(self) -> AsyncIterator[tuple[MutePhone, MutePhone]]:
        """Open a bad caller and a bad callee; neither says goodbye."""
        server = self.engine.server
        async with (
            MutePhone("mallory", PASSWORD, server=server, host=BAD_HOST) as mallory,
            MutePhone("eve", PASSWORD, server=server, host=DEAD_HOST, codecs=("PCMU",)) as eve,
        ):
            assert (await eve.register()).code == 200
            try:
                yield mallory, eve
            finally:
                eve.mute = mallory.mute = False
                await eve.register(expires_s=0)


async def silent_callees(stage: Stage) -> None:
    """Nobody answers our INVITE, and the callers give up."""
    async with stage.pair() as (mallory, eve):
        eve.mute = True
        calls = [await mallory.invite("eve", mallory.sdp(["PCMU"])) for _ in range(AT_ONCE)]
        await asyncio.gather(*(call.wait_provisional(100) for call in calls))
        await asyncio.sleep(0.5)
        for call in calls:
            assert (await call.cancel()).code == 200
            assert (await call.wait_final(15)).code == 487
            stage.expect(call, "caller", "caller-cancelled")


async def callees_deaf_to_cancel(stage: Stage) -> None:
    """They ring, and do not answer our CANCEL."""
    async with stage.pair() as (mallory, eve):
        eve.mute = frozenset(["CANCEL"])
        for _ in range(AT_ONCE):
            call = await mallory.invite("eve", mallory.sdp(["PCMU"]))
            await (await eve.wait_call()).ring()
            await call.wait_provisional(180)
            assert (await call.cancel()).code == 200
            assert (await call.wait_final(15)).code == 487
            stage.expect(call, "caller", "caller-cancelled")


async def callees_deaf_to_bye(stage: Stage) -> None:
    async with stage.pair() as (mallory, eve):
        for _ in range(AT_ONCE):
            call = await converse(stage.engine, mallory, eve, offer=["PCMU"])
            eve.mute = True
            assert (await call.a.hang_up()).code == 200
            eve.mute = False
            stage.expect(call.a, "caller", "caller-hung-up")


async def callers_deaf_to_bye(stage: Stage) -> None:
    async with stage.pair() as (mallory, eve):
        for _ in range(AT_ONCE):
            call = await converse(stage.engine, mallory, eve, offer=["PCMU"])
            mallory.mute = True
            assert (await call.b.hang_up()).code == 200
            mallory.mute = False
            stage.expect(call.a, "callee", "callee-hung-up")


async def callers_who_never_acknowledge(stage: Stage) -> None:
    """They take the 200 without a word; whoever then hangs up is free at once."""
    async with stage.pair() as (mallory, eve):
        mallory.never_acknowledge()
        for _ in range(AT_ONCE):
            a = await mallory.invite("eve", mallory.sdp(["PCMU"]))
            b = await eve.wait_call()
            await b.answer_in("PCMU")
            await a.answered()
            mallory.mute = True
            assert (await b.hang_up()).code == 200
            mallory.mute = False
            stage.expect(a, "callee", "callee-hung-up")


async def stopped_phones(stage: Stage) -> None:
    """Phones whose process is stopped as they ring, and as they talk."""
    server = stage.engine.server
    async with (
        MutePhone("mallory", PASSWORD, server=server, host=BAD_HOST) as mallory,
        _stoppable(stage, "rita", answers=False) as rita,
        _stoppable(stage, "stan", answers=True) as stan,
    ):
        ringing = await mallory.invite("rita", mallory.sdp(["PCMU"]))
        await ringing.wait_provisional(180)
        talking = await mallory.invite("stan", mallory.sdp(["PCMU"]))
        await talking.answered()
        await mallory.rtp.first_packet()
        for phone in (rita, stan):
            phone.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.5)
        assert (await ringing.cancel()).code == 200
        assert (await ringing.wait_final(15)).code == 487
        assert (await talking.hang_up()).code == 200
        stage.expect(ringing, "caller", "caller-cancelled")
        stage.expect(talking, "caller", "caller-hung-up")


async def a_flood_from_one_address(stage: Stage) -> None:
    arguments = (*map(str, stage.engine.server), FLOOD_HOST, str(FLOOD_PER_S), str(FLOOD_S))
    flood = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.standing.flood", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, _ = await asyncio.wait_for(flood.communicate(), FLOOD_S + 20)
    assert int(output) > FLOOD_PER_S


async def random_bytes(stage: Stage) -> None:
    """At the SIP port, by UDP and TCP, and at every port where a good call's sound comes in."""
    chance = random.Random(4711)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=(FLOOD_HOST, 0)
    )
    _, writer = await asyncio.open_connection(*stage.engine.server, local_addr=(FLOOD_HOST, 0))
    until_ = loop.time() + NOISE_S
    try:
        while loop.time() < until_:
            transport.sendto(chance.randbytes(chance.randrange(1, 1400)), stage.engine.server)
            writer.write(chance.randbytes(200))
            for host, port in stage.life.rtp_targets:
                data = chance.randbytes(chance.randrange(1, 400))
                transport.sendto(data, (host, port))
                # As RTP and as a report it would have to be taken seriously.
                transport.sendto(b"\x80\x00" + data, (host, port))
                transport.sendto(b"\x81\xc8\x00\x06" + data, (host, port + 1))
            await asyncio.sleep(0.02)
    finally:
        transport.close()
        writer.close()


async def a_killed_call_process(stage: Stage) -> None:
    async with stage.pair() as (mallory, eve):
        call = await converse(stage.engine, mallory, eve, offer=["PCMU"])
        pid = owner_of(call.a.rtp_target[1])
        os.kill(pid, signal.SIGKILL)
        await asyncio.gather(_told(call.a), _told(call.b))
        await until(lambda: not alive(pid), "the killed process is still there")
        stage.expect(call.a, "engine", "call-process-died")


async def a_killed_fork_server(stage: Stage) -> None:
    lost = fork_server_of(stage.engine)
    os.kill(lost, signal.SIGKILL)
    await until(lambda: not alive(lost), "the killed fork server is still there")
    async with stage.pair() as (mallory, eve):
        calls: list[Conversation] = [
            await converse(stage.engine, mallory, eve, offer=["PCMU"]) for _ in range(AT_ONCE)
        ]
        for call in calls:
            assert (await call.a.hang_up()).code == 200
            stage.expect(call.a, "caller", "caller-hung-up")
    assert fork_server_of(stage.engine) != lost


async def _told(end: OutgoingCall | IncomingCall) -> None:
    await asyncio.wait_for(end.ended.wait(), BYE_WITHIN_S)


@asynccontextmanager
async def _stoppable(
    stage: Stage, user: str, *, answers: bool
) -> AsyncIterator[asyncio.subprocess.Process]:
    arguments = (*map(str, stage.engine.server), user, str(int(answers)))
    phone = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.stoppable", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert phone.stdout is not None
        assert await asyncio.wait_for(phone.stdout.readline(), 20) == b"ready\n"
        yield phone
    finally:
        phone.kill()
        await phone.wait()


MISDEEDS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    silent_callees,
    callees_deaf_to_cancel,
    callees_deaf_to_bye,
    callers_deaf_to_bye,
    callers_who_never_acknowledge,
    stopped_phones,
    a_flood_from_one_address,
    random_bytes,
    a_killed_call_process,
    a_killed_fork_server,
)
