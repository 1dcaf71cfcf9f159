"""One user's phones register at the same moment, at two nodes that share a database."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.peers import services
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.directory import PASSWORD, configuration, connection

USERS = [f"user{number}" for number in range(12)]
CONFIGURATION = configuration(*(connection(user) for user in USERS))

COUNT = """
import json
from django.db.models import Count
from connections.models import Registration
rows = Registration.objects.values_list("connection__sip_user").annotate(count=Count("id"))
print(json.dumps(dict(rows.order_by())))
"""


@pytest.fixture
def nodes() -> Iterator[tuple[Engine, Engine]]:
    with services.Postgres() as postgres, services.Redis() as redis:
        shared = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        with (
            Engine(CONFIGURATION, environment=shared) as one,
            Engine(CONFIGURATION, environment=shared) as other,
        ):
            yield one, other


async def register_at(node: Engine, user: str, start: asyncio.Barrier) -> int:
    """Register one phone, all at once with the others; return the code."""
    async with Phone(user, PASSWORD, server=node.server) as phone:
        await start.wait()
        return (await phone.register()).code


async def test_phones_that_register_at_two_nodes_at_once_are_all_kept(
    nodes: tuple[Engine, Engine],
) -> None:
    start = asyncio.Barrier(2 * len(USERS))
    codes = await asyncio.gather(
        *(register_at(node, user, start) for user in USERS for node in nodes)
    )
    assert set(codes) == {200}
    stored = json.loads(nodes[0].manage("shell", "-v", "0", "-c", COUNT))
    assert stored == dict.fromkeys(USERS, 2)
