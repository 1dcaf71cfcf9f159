"""A trunk that registers at its carrier: what is asked and granted, and the calls that come so."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sipmessage

from tests.peers.engine import Engine
from tests.peers.ports import free_sip_port
from tests.peers.registrar import Registrar
from tests.peers.waiting import until
from tests.wire.conversation import registered
from tests.wire.directory import Entry, configuration, connection, trunk

HOST = "127.0.0.35"
PORT = free_sip_port(HOST)
LOGIN, SECRET = "carrier-account", "s3cret-of-the-account"
CODECS = ["PCMU", "PCMA"]


def directory(*, register: bool) -> Entry:
    """Return a configuration with a trunk that registers, or does not any more."""
    account = trunk("account", gateway=f"sip:{HOST}:{PORT}", codecs=CODECS)
    login = {"username": LOGIN, "password": SECRET, "register": register}
    account["out"] |= {**login, "probe_interval_s": 0}
    return configuration(
        connection("carol", inbound=CODECS),
        trunks=[account],
        numbers={"+12025550100": "connection:carol"},
    )


CONFIGURATION = configuration(connection("carol", inbound=CODECS))


@asynccontextmanager
async def registrar(**options: Any) -> AsyncIterator[Registrar]:
    at = {"host": HOST, "port": PORT}
    async with Registrar(LOGIN, SECRET, **at, **options) as peer:
        yield peer


STANDING = """
import json
from trunks.models import TrunkRegistration
rows = TrunkRegistration.objects.filter(trunk__name="account").values("state", "said")
print(json.dumps(rows.first() or {"state": "", "said": ""}))
"""


def standing(engine: Engine) -> dict[str, str]:
    """Return what is stored of the registration."""
    row: dict[str, str] = json.loads(engine.shell(STANDING))
    return row


async def stands(engine: Engine, said: str) -> None:
    """Wait until this is stored of the registration."""
    await until(
        lambda: standing(engine)["said"].startswith(said),
        f"never {said}",
        timeout_s=30,
        every_s=0.3,
    )


async def test_a_carrier_that_challenges_and_expires_early_calls_us(engine: Engine) -> None:
    """RFC 3261 section 10: the shorter time is obeyed, and what comes to our Contact is its."""
    async with registrar(grants_s=2) as carrier:
        engine.provision(directory(register=True))
        async with asyncio.timeout(30):
            await carrier.bound.wait()
        await stands(engine, "Registered for 2 s, of 600 s asked for.")
        await until(lambda: len(carrier.registered) >= 3, "no refresh", timeout_s=30)
        first, second, third = carrier.registered[:3]
        assert first.call_id == second.call_id == third.call_id
        assert first.cseq.sequence < second.cseq.sequence < third.cseq.sequence
        carrier.is_stale = True
        await until(lambda: not carrier.is_stale, "no refresh", timeout_s=30)
        count = len(carrier.registered)
        await until(lambda: len(carrier.registered) > count, "a stale nonce ended it", timeout_s=30)

        async with registered(engine, "carol") as carol:
            carrier.server = engine.server
            a = await carrier.invite(carrier.contact_uri, carrier.sdp(CODECS))
            # As carriers do: the Contact in the Request-URI, whom it is for in To.
            a.remote = sipmessage.Address(uri=carrier.target("+12025550100"))
            a_to = await carol.wait_call()
            await a_to.answer_in("PCMU")
            await a.answered()
            await a.hang_up()
            record = await engine.record(a.call_id)
        assert record["source"] == "trunk:account"
        assert record["to"] == "+12025550100"

        engine.provision(directory(register=False))
        async with asyncio.timeout(30):
            await carrier.unbound.wait()
        await stands(engine, "The trunk is disabled or does not register any more.")
    assert SECRET not in engine.dump()


async def test_a_registrar_that_wants_longer_and_one_that_refuses(engine: Engine) -> None:
    async with registrar() as carrier:
        carrier.wants_s = 1800
        engine.provision(directory(register=True))
        await stands(engine, "Registered for 1800 s, of 1800 s asked for.")
        carrier.unbound.clear()
        engine.provision(directory(register=False))
        async with asyncio.timeout(30):
            await carrier.unbound.wait()
        carrier.refuses = 403
        engine.provision(directory(register=True))
        await stands(engine, "The registrar forbids it (403 Forbidden). Ask the carrier")
        assert standing(engine)["state"] == "failed"
