"""What other processes hear of an engine that stops: the ends of its calls, and its own."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest
from channels_redis.core import RedisChannelLayer

from tests.peers import services
from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["G722"]))
HEARD_WITHIN_S = 15.0

pytestmark = pytest.mark.skipif(
    not services.available(), reason="needs Debian's postgresql and redis-server"
)


async def heard(layer: Any, channel: str, fits: Callable[[dict[str, Any]], bool]) -> None:
    """Wait for a message that fits, alone or among several sent as one."""
    async with asyncio.timeout(HEARD_WITHIN_S):
        while True:
            message = await layer.receive(channel)
            sent = message["messages"] if message["type"] == "several" else [message]
            if any(fits(one) for one in sent):
                return


async def test_pages_of_other_processes_hear_how_the_calls_of_a_stop_ended() -> None:
    with Engine(CONFIGURATION, production=True) as engine:
        address = engine._environment["REDIS_URL"]
        layer = RedisChannelLayer(hosts=[{"address": address, "socket_timeout": 30}])
        calls, nodes = await layer.new_channel(), await layer.new_channel()
        await layer.group_add("calls", calls)
        await layer.group_add("nodes", nodes)
        async with caller(engine, "bob") as bob, caller(engine) as phone:
            await bob.register()
            await converse(engine, phone, bob, offer=["PCMU"])
            engine.processes["callengine"].send_signal(signal.SIGTERM)
            await heard(layer, calls, lambda told: told["call"]["state"] == "ended")
            await heard(layer, nodes, lambda told: told.get("nodes") == [])
        await layer.close_pools()
