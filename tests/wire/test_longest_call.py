"""A call that goes on for longer than calls may."""

import asyncio

from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["PCMU"]))
ENVIRONMENT = {"VOIPNUMBER_MAX_CALL_S": "2"}


async def test_a_call_ends_after_its_longest_duration(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        for party in (call.a, call.b):
            await asyncio.wait_for(party.ended.wait(), 15)
        end = (await engine.record(call.a.call_id))["termination"]
        assert (end["by"], end["reason"], end["code"]) == ("engine", "max-duration", 200)
        assert "its longest duration, 2 s. Raise VOIPNUMBER_MAX_CALL_S" in end["advice"]
