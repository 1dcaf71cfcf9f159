"""A lab call borrows a connection's lists, and neither its phone nor its limit."""

import asyncio

from tests.callengine.engine.visitor import Visitor, ended
from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse, nobody_was_rung, registered
from tests.wire.directory import PASSWORD, configuration, connection

CONFIGURATION = configuration(
    connection("alice", outbound=["PCMA"], concurrent_calls=1),
    connection("bob", inbound=["G722"], concurrent_calls=1),
)
ADMIN = (
    "from django.contrib.auth.models import User\n"
    f"User.objects.create_superuser('olga', password={PASSWORD!r})\n"
)
FIELDS = {
    "source": "connection",
    "source_name": "alice",
    "destination": "connection",
    "destination_name": "bob",
    "a": "PCMA",
    "b": "G722",
    "talk_s": "60",
}


async def test_a_registered_phone_does_not_ring_and_its_limit_is_not_used() -> None:
    with Engine(CONFIGURATION) as engine:
        engine.shell(ADMIN)
        async with registered(engine, "bob") as bob, caller(engine, "alice") as alice:
            visitor = await asyncio.to_thread(Visitor, engine)
            await asyncio.to_thread(visitor.get, "/lab/")
            led_to = await asyncio.to_thread(visitor.post, "/lab/call/", FIELDS)
            lab_call = led_to.rstrip("/").rpartition("/")[2]
            async with asyncio.timeout(30):
                page = ""
                while "As predicted" not in page:  # by then the built-in phone has answered
                    page = await asyncio.to_thread(visitor.get, f"/lab/calls/{lab_call}/")
            await nobody_was_rung(bob)
            # Both may be in one call at once, and the lab's does not count.
            call = await converse(engine, alice, bob, offer=("PCMA",), to="bob")
            record = await call.end()
            assert [leg["codec"] for leg in record["legs"]] == ["PCMA", "G722"]
            assert record["source"] == "connection:alice"
            await asyncio.to_thread(visitor.get, f"/calls/{lab_call}/")
            await asyncio.to_thread(visitor.post, f"/calls/{lab_call}/hang-up/", {})
            record = await asyncio.to_thread(ended, engine, lab_call)
            assert [leg["codec"] for leg in record["legs"]] == ["PCMA", "G722"]
            assert record["termination"]["reason"] == "operator-hung-up"
            assert record["answered"] is not None
