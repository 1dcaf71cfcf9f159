"""Several phones of one connection: together, in waves, and when some are stale."""

import asyncio
from contextlib import AsyncExitStack

from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import Conversation, caller, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["G722"]))


async def test_three_phones_ring_together_and_the_losers_are_cancelled(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        bobs = [await stack.enter_async_context(registered(engine, "bob")) for _ in range(3)]
        phone = await stack.enter_async_context(caller(engine))
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        rung = await asyncio.gather(*(bob.wait_call() for bob in bobs))
        for b in rung:
            await b.ring()
        await rung[1].answer(bobs[1].sdp(["G722"]))
        await a.answered()
        for loser in (rung[0], rung[2]):
            await asyncio.wait_for(loser.ended.wait(), 15)
        await a.hang_up()
        await asyncio.wait_for(rung[1].ended.wait(), 15)
        record = await engine.record(a.call_id)
        assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2", "B3"]
        assert record["termination"]["reason"] == "caller-hung-up"


async def test_a_fourth_phone_rings_when_three_stale_ones_say_nothing(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        last = await stack.enter_async_context(registered(engine, "bob"))
        for _ in range(3):
            stale = Phone("bob", last.password, server=engine.server)
            async with stale:
                assert (await stale.register()).code == 200
        phone = await stack.enter_async_context(caller(engine))
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        b = await asyncio.wait_for(last.wait_call(), 15)
        await b.ring()
        await b.answer(last.sdp(["G722"]))
        await a.answered()
        await a.hang_up()
        record = await engine.record(a.call_id)
        assert record["termination"]["reason"] == "caller-hung-up"
        assert record["legs"][-1]["codec"] == "G722"


async def test_several_contacts_ring_together_and_the_first_to_answer_wins(
    engine: Engine,
) -> None:
    async with (
        registered(engine, "bob") as desk,
        registered(engine, "bob") as mobile,
        caller(engine) as phone,
    ):
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        at_desk, at_mobile = await asyncio.gather(desk.wait_call(), mobile.wait_call())
        await at_desk.ring()
        await at_mobile.ring()
        await at_mobile.answer_in("G722")
        await a.answered()
        await asyncio.wait_for(at_desk.cancelled.wait(), 15)
        await Conversation(a, at_mobile, engine).hears_both_ways(codec_a="PCMU", codec_b="G722")
        await a.hang_up()
