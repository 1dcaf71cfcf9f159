"""A PostgreSQL that goes away and comes back: nothing of the record is lost or out of order."""

import asyncio
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from callengine.core.outcomes import Rejection as Refusal
from callengine.models import Call, Rejection
from callengine.record import changes
from callengine.record.journal import Journal
from callengine.record.writer import WriterSettings
from tests.callengine.record.reading import read
from tests.dashboard.live import demo
from tests.peers import services
from tests.peers.engine import Engine
from tests.peers.services import Postgres
from tests.peers.waiting import until
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

pytestmark = pytest.mark.skipif(not services.available(), reason="needs Debian's postgresql")


@pytest.fixture
def impatient(tmp_path: Path) -> WriterSettings:
    """Minutes pressed into a second."""
    return WriterSettings(
        spill=tmp_path / "unwritten-records",
        patience_s=0.3,
        retry_s=0.1,
        attempt_s=1.0,
        closing_s=0.5,
    )


def begun() -> Any:
    snapshot = demo.call(ago_s=20)
    return snapshot, changes.call_started(
        snapshot=snapshot, plan={"waves": []}, node="n1", identity="a" * 32
    )


def write_whole_call(journal: Journal, done: list[str]) -> str:
    """Write a call from its beginning to its end; return its id."""
    snapshot, start = begun()
    journal.write(start)
    journal.write(changes.call_events(call_id=snapshot["id"], events=snapshot["events"]))
    journal.write(changes.call_changed(snapshot=snapshot))
    over = demo.ended(snapshot, demo.HUNG_UP)
    journal.write(changes.call_ended(snapshot=over), lambda: done.append(snapshot["id"]))
    return str(snapshot["id"])


def stored() -> list[tuple[str, str, int]]:
    return sorted((str(call.pk), call.reason, call.events.count()) for call in Call.objects.all())


def rules() -> list[str]:
    return list(Rejection.objects.order_by("pk").values_list("rule", flat=True))


def refuse(journal: Journal, rule: str) -> None:
    rejection = Refusal("192.0.2.1", "eve", "INVITE", 404, rule, "Add it.")
    journal.write(changes.rejected(rejection=rejection, at="2026-01-02T03:04:05+00:00"))


async def test_calls_that_end_while_the_database_is_away_are_written_when_it_is_back(
    postgres: Postgres, impatient: WriterSettings
) -> None:
    journal, done = Journal(asyncio.get_running_loop(), impatient), list[str]()
    calls = [write_whole_call(journal, done)]
    await until(lambda: len(done) == 1, "the first was not written")
    await asyncio.to_thread(postgres.stop)
    began = time.monotonic()
    calls += [write_whole_call(journal, done) for _ in range(100)]
    await until(lambda: len(done) == 101, "changes block while the database is away")
    # One deadline for each batch, whatever the number of its changes.
    assert time.monotonic() - began < 20.0
    assert impatient.spill is not None
    assert impatient.spill.stat().st_mode & 0o777 == 0o600
    refuse(journal, "while-away")
    await asyncio.to_thread(postgres.start)
    await until(lambda: not impatient.spill.exists(), "it was not written", timeout_s=40)  # type: ignore[union-attr]
    later = write_whole_call(journal, done)
    await journal.close()
    expected = [(call, "hangup", 4) for call in [*calls, later]]
    assert await read(stored) == sorted(expected)
    assert await read(rules) == ["while-away"]


async def test_a_database_that_accepts_and_says_nothing_is_away_too(
    postgres: Postgres, impatient: WriterSettings
) -> None:
    journal, done = Journal(asyncio.get_running_loop(), impatient), list[str]()
    calls = [write_whole_call(journal, done)]
    await until(lambda: len(done) == 1, "the first was not written")
    postgres.freeze()
    try:
        calls += [write_whole_call(journal, done) for _ in range(10)]
        await until(lambda: len(done) == 11, "changes block while it is silent", timeout_s=30)
    finally:
        postgres.thaw()
    await until(lambda: not impatient.spill.exists(), "it was not written", timeout_s=40)  # type: ignore[union-attr]
    await journal.close()
    assert await read(stored) == sorted((call, "hangup", 4) for call in calls)


async def test_the_next_engine_writes_what_the_last_one_could_not(
    postgres: Postgres, impatient: WriterSettings
) -> None:
    journal, done = Journal(asyncio.get_running_loop(), impatient), list[str]()
    snapshot, start = begun()
    journal.write(start)
    await journal.flushed()
    await asyncio.to_thread(postgres.stop)
    journal.write(changes.call_ended(snapshot=demo.ended(snapshot, demo.HUNG_UP)))
    whole = write_whole_call(journal, done)
    await journal.close()
    await asyncio.to_thread(postgres.start)
    following = Journal(asyncio.get_running_loop(), impatient)
    # What the last engine left open is closed only after its own last words.
    following.write(
        changes.orphans_closed(node="n1", identity="a" * 32, at="2026-01-02T03:04:05+00:00")
    )
    await following.close()
    expected = [(snapshot["id"], "hangup", 0), (whole, "hangup", 4)]
    assert await read(stored) == sorted(expected)


async def test_one_change_that_can_never_be_written_holds_up_no_other(
    postgres: Postgres, impatient: WriterSettings, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(asyncio.get_running_loop(), impatient)
    refuse(journal, "before")
    journal.write(changes.Change("transferred", {"call_id": "no UUID", "transfer": {}}))
    refuse(journal, "between")
    await journal.flushed()
    await asyncio.to_thread(postgres.stop)
    refuse(journal, "away")
    journal.write(changes.Change("transferred", {"call_id": "no UUID", "transfer": {}}))
    refuse(journal, "last")
    await asyncio.sleep(0.8)
    await asyncio.to_thread(postgres.start)
    await until(lambda: not impatient.spill.exists(), "it was not written", timeout_s=40)  # type: ignore[union-attr]
    await journal.close()
    assert await read(rules) == ["before", "between", "away", "last"]
    aside = Path(f"{impatient.spill}.unreadable")
    assert b"no UUID" in await asyncio.to_thread(aside.read_bytes)


async def test_what_comes_twice_is_stored_once(postgres: Postgres) -> None:
    """As it does when the connection is cut between a commit and its confirmation."""

    def twice() -> None:
        snapshot, start = begun()
        end = changes.call_ended(snapshot=demo.ended(snapshot, demo.HUNG_UP))
        moved = {"to": "carol", "at": "t", "vn_a_source": "a", "vn_b_source": "b"}
        transfer = changes.transferred(call_id=snapshot["id"], transfer=moved)
        for change in (start, transfer, end) * 2:
            change()
        call = Call.objects.get(pk=uuid.UUID(snapshot["id"]))
        assert len(call.plan["transfers"]) == 1
        assert {leg.state for leg in call.legs.all()} == {
            end.told()["snapshot"]["legs"][0]["state"]
        }
        assert call.reason == "hangup"

    await read(twice)


CONFIGURATION = configuration(connection("bob", inbound=["PCMU"]))


async def test_a_call_that_ends_without_a_database_is_on_record_after_a_restart() -> None:
    with Engine(CONFIGURATION, production=True) as engine:
        async with registered(engine, "bob") as bob, caller(engine) as phone:
            call = await converse(engine, phone, bob, offer=["PCMU"])
            await asyncio.sleep(1)
            engine._dismiss_clerk()  # its connection would be cut
            await asyncio.to_thread(engine.postgres.stop)
            assert (await call.a.hang_up()).code == 200
            await asyncio.wait_for(call.b.ended.wait(), 15)
            process = engine.processes["callengine"]
            process.terminate()
            await asyncio.to_thread(process.wait, 40)
            kept = (engine.folder / "data" / "unwritten-records").read_bytes()
            assert PASSWORD.encode() not in kept
            assert kept.count(b"\n1 call-ended ") == 1
            await asyncio.to_thread(engine.postgres.start)
            engine.start_callengine()
            record = await engine.record(call.a.call_id)
            assert (record["termination"]["by"], record["termination"]["reason"]) == (
                "caller",
                "caller-hung-up",
            )
            await until(lambda: "call-ended" not in _files(engine), "the file is still there")


def _files(engine: Engine) -> str:
    names = (engine.folder / "data").glob("unwritten-records*")
    return " ".join(name.read_text() for name in names)
