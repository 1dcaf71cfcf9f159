"""Somebody guesses passwords: banned, shown on the page, lifted there, at once."""

import asyncio
import contextlib
import socket
import time

from tests.callengine.edge.test_amplification import smallest
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import registered
from tests.wire.directory import PASSWORD, configuration, connection
from tests.wire.operator import Operator

CONFIGURATION = configuration(connection("alice"), connection("bob"))
ENVIRONMENT = {"VOIPNUMBER_BAN_FAILURES": "3", "VOIPNUMBER_BAN_USERS": "3"}
GUESSER = "127.0.0.91"


async def guess(engine: Engine, user: str, password: str = "guessed") -> int:
    async with Phone(user, password, server=engine.server, host=GUESSER) as phone:
        return (await phone.register()).code


async def banned_page(operator: Operator, *words: str) -> str:
    """Return the page of refusals once a ban stands there."""
    async with asyncio.timeout(30):
        while True:
            page = await asyncio.to_thread(operator.get, "/rejections/")
            if "/lift/" in page and all(word in page for word in words):
                return page
            await asyncio.sleep(0.1)


async def lift(operator: Operator, page: str) -> None:
    path = page.split('action="')[-1].split('"')[0]
    for part in page.split('action="')[1:]:
        if "/lift/" in part.split('"')[0]:
            path = part.split('"')[0]
    code, answer = await asyncio.to_thread(operator.post, path)
    assert code == 200
    assert "is lifted" in answer


async def test_a_guesser_is_banned_shown_and_let_in_again(engine: Engine) -> None:
    operator = await asyncio.to_thread(Operator, engine)
    async with registered(engine, "bob"):
        assert [await guess(engine, "alice") for _ in range(3)] == [401] * 3
        assert await guess(engine, "alice", PASSWORD) == 403
        page = await banned_page(operator, GUESSER, "alice", "wrong-passwords")
        await lift(operator, page)
        assert await guess(engine, "alice", PASSWORD) == 200, "at once"
        stored = await engine.rejection(code=403, method="REGISTER")
        assert (stored["rule"], stored["source_address"]) == ("banned", GUESSER)
        async with registered(engine, "alice"):
            pass


ROW = (
    "from callengine.record import bans\n"
    "from callengine.edge.bans import MANY_USERS, HeldBan\n"
    "import time\n"
    "bans.store(node='other', ban=HeldBan({source!r}, '', MANY_USERS, time.time() - 60, "
    "time.time() + 600, 12, 1))"
)


async def test_a_ban_of_another_engine_or_of_before_a_restart_holds_here_too(
    engine: Engine,
) -> None:
    elsewhere = "127.0.0.92"
    script = ROW.format(source=elsewhere)
    await asyncio.to_thread(engine.shell, script)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as banned:
        banned.bind((elsewhere, 0))
        banned.settimeout(0.3)
        async with asyncio.timeout(30):
            await asyncio.to_thread(_unheard, banned, engine)
    stored = await engine.rejection(code=0, method=None)
    assert (stored["source_address"], stored["rule"]) == (elsewhere, "banned")


def _unheard(asking: socket.socket, engine: Engine) -> None:
    """Ask again and again until nothing is answered."""
    with contextlib.suppress(TimeoutError):
        for _ in range(100):
            asking.sendto(smallest("OPTIONS", engine.server), engine.server)
            assert asking.recv(4096)
            time.sleep(0.1)
