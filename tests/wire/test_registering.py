"""One user's phones register at the same moment, at two nodes that share a database."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.peers import services
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.waiting import until
from tests.wire.directory import PASSWORD, configuration, connection

USERS = [f"user{number}" for number in range(12)]
CONFIGURATION = configuration(*(connection(user) for user in (*USERS, "callee", "caller")))
CODECS = (("PCMU", 0),)
KNOWN_WITHIN_S = 20.0
"A second is promised, on a quiet machine."

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
    kept = dict.fromkeys(USERS, 2)
    # They are stored a moment after the answer.
    await until(lambda: stored(nodes[0]) == kept, f"{stored(nodes[0])} is not {kept}")
    await call_across(*nodes)


def stored(node: Engine) -> dict[str, int]:
    counts: dict[str, int] = json.loads(node.shell(COUNT))
    return counts


async def call_across(one: Engine, other: Engine) -> None:
    """Call a phone that has just registered at one node from a phone at the other."""
    async with (
        Phone("callee", PASSWORD, server=one.server) as callee,
        Phone("caller", PASSWORD, server=other.server) as caller,
    ):
        assert (await callee.register()).code == 200
        ringing = asyncio.create_task(callee.wait_call(KNOWN_WITHIN_S))
        while not ringing.done():
            call = await caller.invite("callee", caller.sdp(CODECS))
            assert call.final is not None
            await asyncio.wait([call.final, ringing], return_when=asyncio.FIRST_COMPLETED)
        await (await ringing).reject(486)
        assert (await call.wait_final()).code == 486
