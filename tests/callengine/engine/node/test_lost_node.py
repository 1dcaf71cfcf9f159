"""Several engines on one database: whose calls are whose, and what becomes of a lost one's."""

import asyncio
from pathlib import Path

import pytest

from callengine.engine.node.identity import Identity
from tests.peers import services
from tests.peers.engine import Engine
from tests.peers.nursery import nursery
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["PCMU"]))
pytestmark = pytest.mark.skipif(
    not services.available(), reason="needs Debian's postgresql and redis-server"
)


def test_an_identity_stays_and_is_one_engines_at_a_time(tmp_path: Path) -> None:
    first, second = Identity(tmp_path), Identity(tmp_path)
    identity = first.take()
    assert (tmp_path / "engine-id").stat().st_mode & 0o777 == 0o600
    with pytest.raises(RuntimeError, match=r"Another engine runs with the data folder .*DATA"):
        second.take()
    first.let_go()
    assert second.take() == identity
    second.let_go()
    assert Identity(None).take() != identity


async def test_calls_of_a_killed_engine_are_closed_by_another_that_lives() -> None:
    soon = {"VOIPNUMBER_NODE_LOST_S": "10"}
    with Engine(CONFIGURATION, production=True, environment=soon) as doomed:
        shared = {key: doomed._environment[key] for key in ("DATABASE_URL", "REDIS_URL")}
        with Engine(CONFIGURATION, environment={**shared, **soon}) as other:
            async with registered(doomed, "bob") as bob, caller(doomed) as phone:
                call = await converse(doomed, phone, bob, offer=["PCMU"])
                await asyncio.sleep(4)
                doomed.processes["callengine"].kill()
                doomed.processes["callengine"].wait(20)
                record = await other.record(call.a.call_id, timeout_s=30)
                end = record["termination"]
                assert (end["by"], end["reason"], end["code"]) == ("engine", "node-lost", 500)
                assert doomed._environment["VOIPNUMBER_NODE"] in end["advice"]
                lines = other.events(record["id"])
                assert [line["kind"] for line in lines].count("ended") == 1
                assert "with VOIPNUMBER_DATA" in _complaint(other)
                assert "with VOIPNUMBER_NODE" in _complaint(other, folder="another")
                doomed.start_callengine()  # so that the phone can take its binding back


def _complaint(engine: Engine, *, folder: str = "data") -> str:
    """Start one more engine of the name of a running one; return what it says."""
    environment = {**engine._environment, "VOIPNUMBER_DATA": str(engine.folder / folder)}
    command = (str(engine.root / "manage.py"), "callengine")
    done = nursery(engine.root).run(command, environment, timeout_s=60)
    assert done.returncode != 0
    return done.stderr
