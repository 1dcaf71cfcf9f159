"""What three dead phones cost everybody else, on an engine that holds three calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.standing.figures import Figure
from tests.peers.dialogs import IncomingCall
from tests.peers.engine import Engine
from tests.peers.mute import MutePhone
from tests.peers.phone import Phone
from tests.wire.conversation import caller, converse, first_known, registered
from tests.wire.directory import PASSWORD, configuration, connection

CALLS = 3
PATIENCE_S = 45.0
EVERY_S = 0.5
PAUSE_S = 0.3
CONFIGURATION = configuration(*(connection(user) for user in ("alice", "bob", "carol", "dora")))


async def measure(root: Path) -> list[Figure]:
    """Measure after callers who cancelled on a silent callee, and after peers deaf to BYE."""
    kinds: list[tuple[str, Callable[[Engine], Awaitable[None]]]] = [
        ("3 CANCELs on a silent callee", _cancelled),
        ("3 callees deaf to BYE", _deaf_callees),
        ("3 callers deaf to BYE", _deaf_callers),
    ]
    figures: list[Figure] = []
    for name, kind in kinds:
        environment = {"VOIPNUMBER_MAX_CALLS": str(CALLS)}
        with Engine(CONFIGURATION, environment=environment, root=root) as engine:
            async with registered(engine, "carol") as carol:
                await kind(engine)
                refused, seconds = await _until_a_call_succeeds(engine, carol)
        took = f"over {PATIENCE_S:.0f}" if seconds is None else f"{seconds:.1f}"
        figures.append(Figure(f"refused after {name}", str(refused), "calls"))
        figures.append(Figure(f"a call succeeds after {name}", took, "s"))
    return figures


# One after another: the pool hands out the same call process again, if it lets itself be taken in.


async def _cancelled(engine: Engine) -> None:
    async with _dying(engine, "bob") as bob, caller(engine, "alice") as alice:
        bob.mute = True
        for _ in range(CALLS):
            call = await alice.invite("bob", alice.sdp(["PCMU"]))
            await call.wait_provisional(100)
            await asyncio.sleep(PAUSE_S)
            await call.cancel()
            await call.wait_final()
            await asyncio.sleep(PAUSE_S)


async def _deaf_callees(engine: Engine) -> None:
    async with _dying(engine, "bob") as bob, caller(engine, "alice") as alice:
        for _ in range(CALLS):
            call = await converse(engine, alice, bob, offer=["PCMU"])
            bob.mute = True
            await call.a.hang_up()
            await asyncio.sleep(PAUSE_S)
            bob.mute = False


async def _deaf_callers(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, _dying(engine, "alice") as alice:
        for _ in range(CALLS):
            call = await converse(engine, alice, bob, offer=["PCMU"])
            alice.mute = True
            await call.b.hang_up()
            await asyncio.sleep(PAUSE_S)
            alice.mute = False


@asynccontextmanager
async def _dying(engine: Engine, user: str) -> AsyncIterator[MutePhone]:
    """Open a phone that registers and does not take it back: it is dead by then."""
    phone = MutePhone(user, PASSWORD, server=engine.server)
    await phone.__aenter__()
    response = await phone.register()
    assert response.code == 200, phone.dump()
    yield phone
    # Its port stays bound and silent until the measurement is over, as a dead phone's is.
    phone.mute = True


async def _until_a_call_succeeds(engine: Engine, carol: Phone) -> tuple[int, float | None]:
    """Return how many calls were refused, and after how many seconds one was answered."""
    loop = asyncio.get_running_loop()
    started, refused = loop.time(), 0
    async with registered(engine, "dora") as dora:
        while loop.time() - started < PATIENCE_S:
            call = await dora.invite("carol", dora.sdp(["PCMU"]))
            answering = asyncio.create_task(_answer(carol))
            final = await call.wait_final(40)
            if final.code == 200:
                await answering
                seconds = loop.time() - started
                await call.hang_up()
                return refused, seconds
            refused += 1
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            await asyncio.sleep(EVERY_S)
    return refused, None


async def _answer(phone: Phone) -> IncomingCall:
    call = await phone.wait_call(40)
    await call.answer_in(*first_known(call.offer_sdp, phone.codecs))
    return call
