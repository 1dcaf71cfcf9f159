"""External SIP is on: what one stranger may take of the slots, and what is left for our own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sipmessage

from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import converse, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("alice"), connection("bob", inbound=["PCMU"]))
ENVIRONMENT = {
    "VOIPNUMBER_MAX_CALLS": "5",
    "VOIPNUMBER_RESERVED_PERCENT": "40",
    "VOIPNUMBER_EXTERNAL_CALLS": "2",
    "VOIPNUMBER_EXTERNAL_CALLS_PER_MINUTE": "4",
}


@pytest.fixture
async def bob(engine: Engine) -> AsyncIterator[Phone]:
    async with registered(engine, "bob") as bob:
        yield bob


class Stranger(Phone):
    """A phone of another domain."""

    def address(self, user: str, *, tag: bool = False) -> sipmessage.Address:
        address = super().address(user, tag=tag)
        return replace(address, uri=replace(address.uri, host="far.example", port=None))


def stranger(engine: Engine, host: str) -> Stranger:
    return Stranger("eve", server=engine.server, host=host)


async def begin(phone: Phone) -> int:
    """Call bob, who lets it ring; return the final code, or 180 while it rings."""
    call = await phone.invite("bob", phone.sdp(["PCMU"]))
    assert call.final is not None
    ringing = asyncio.create_task(call.wait_provisional(180))
    await asyncio.wait({ringing, call.final}, return_when=asyncio.FIRST_COMPLETED)
    if call.final.done():
        ringing.cancel()
        return (await call.wait_final()).code
    return 180


async def test_strangers_share_what_is_not_kept_for_those_who_authenticate(
    engine: Engine, bob: Phone
) -> None:
    ringing = asyncio.create_task(_ring(bob))
    async with (
        stranger(engine, "127.0.0.81") as one,
        stranger(engine, "127.0.0.82") as other,
        registered(engine, "alice") as alice,
    ):
        codes = [await begin(one) for _ in range(3)]
        assert codes == [180, 180, 503]
        assert (await engine.rejection(code=503))["rule"] == "external-calls-reached"
        codes = [await begin(other) for _ in range(2)]
        assert codes == [180, 503]
        reserved = await engine.rejection(code=503, source=other.host)
        assert reserved["rule"] == "reserved-for-authenticated"
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)
        call = await converse(engine, alice, bob, offer=["PCMU"])
        for phone in (one, other):
            for rung in phone.calls.values():
                if rung.final is not None and not rung.final.done():  # type: ignore[attr-defined]
                    await rung.cancel()  # type: ignore[attr-defined]
                    await engine.record(rung.call_id)
        await call.end()


async def test_one_stranger_begins_so_many_calls_a_minute(engine: Engine, bob: Phone) -> None:
    async with stranger(engine, "127.0.0.83") as phone:
        for _ in range(4):
            call = await phone.invite("bob", phone.sdp(["PCMU"]))
            await (await bob.wait_call()).reject(486)
            assert (await call.wait_final()).code == 486
        assert await begin(phone) == 503
        stored = await engine.rejection(code=503, source=phone.host)
        assert stored["rule"] == "calls-per-minute-reached"
        assert "VOIPNUMBER_EXTERNAL_CALLS_PER_MINUTE" in stored["advice"]


async def _ring(phone: Phone) -> None:
    while True:
        await (await phone.wait_call(30)).ring()
