"""Ten good calls and a new one a second go on, whatever others do meanwhile.

VOIPNUMBER_CHAOS_ROUNDS repeats everything that others do; once takes about a minute.
"""

import asyncio
import os
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.chaos.life import CALLS, HERTZ, Gap, NewCall, going_on, hang_up, set_up
from tests.chaos.misdeeds import MISDEEDS, Stage
from tests.chaos.traces import Traces, Watch
from tests.peers.engine import Engine
from tests.peers.ports import free_port_range
from tests.wire.conversation import caller, registered
from tests.wire.directory import configuration, connection

pytestmark = pytest.mark.alone

ROUNDS = int(os.environ.get("VOIPNUMBER_CHAOS_ROUNDS", "1"))
USERS = ("alice", "bob", "carol", "dora", "mallory", "eve", "rita", "stan")
ROOM = 20
"Calls the engine holds: ten good ones, new ones, and a few of the bad."
LOST_S = 0.06
"The most a good call may lose."
SETTLE_S = 3.0
"Before the first misdeed, and after each: what it does late is its own."
CLEARED_WITHIN_S = 30.0
THREADS = 10
"Of an engine that may ask the database, at most."
STOPPABLE = {"rita", "stan"}
"Phones that are killed, and so never take back their registration."
NAMES = [kind.__name__ for kind in MISDEEDS]


@dataclass(frozen=True)
class Deed:
    """One misdeed; moments on the loop's clock, which is time.monotonic."""

    name: str
    begin: float
    end: float
    fault: str


@dataclass
class Report:
    """What was seen from outside while it all happened, and after."""

    deeds: list[Deed] = field(default_factory=list)
    new: list[NewCall] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    hertz: list[float] = field(default_factory=list)
    before: Traces | None = None
    after: Traces | None = None
    zombies: int = 0
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    "Call-ID of leg A -> the misdeed it was part of, and who must have ended it, why."

    def during(self, name: str) -> list[Deed]:
        return [deed for deed in self.deeds if deed.name == name]


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    ports = free_port_range(16 * ROOM)
    environment = {
        "VOIPNUMBER_MAX_CALLS": str(ROOM),
        "VOIPNUMBER_RTP_PORTS": f"{ports[0]}-{ports[1]}",
    }
    people = configuration(*(connection(user) for user in USERS))
    with Engine(people, environment=environment) as engine:
        report = Report()
        asyncio.run(_watch(engine, report))
        _summarize(report)
        yield report


async def _watch(engine: Engine, report: Report) -> None:
    watch = Watch(engine)
    watching = asyncio.create_task(watch.run())
    await _warm_up(engine)
    report.before = await _settled(watch)
    async with going_on(engine) as life:
        stage = Stage(engine, life)
        await asyncio.sleep(SETTLE_S)
        for kind in MISDEEDS * ROUNDS:
            await _one(kind, stage, report)
    assert life.sound is not None
    report.new, report.gaps, report.hertz = life.new, life.sound.gaps, life.sound.hertz
    await _clear(watch, report)
    watching.cancel()
    report.records = {
        record["legs"][0]["call_id"]: record
        for record in await asyncio.to_thread(engine.calls)
        if record["legs"]
    }


async def _warm_up(engine: Engine) -> None:
    """Have as many calls at once as there is room for: spares and connections stay afterwards."""
    async with caller(engine, "alice") as alice, registered(engine, "bob") as bob:
        # As many at once as there are threads that read the database, and more.
        nobody = [await alice.invite("nobody", alice.sdp(["PCMU"])) for _ in range(ROOM)]
        await asyncio.gather(*(call.wait_final() for call in nobody))
        await hang_up(await set_up(alice, bob, ROOM))


async def _settled(watch: Watch) -> Traces:
    """Return what there is once all that is over is written, or long enough after."""
    loop = asyncio.get_running_loop()
    until = loop.time() + CLEARED_WITHIN_S
    while True:
        traces = await asyncio.to_thread(watch.traces)
        rows = traces.rows
        if not (rows["unended"] or rows["bindings"]) or loop.time() > until:
            return traces
        await asyncio.sleep(0.5)


async def _one(kind: Any, stage: Stage, report: Report) -> None:
    loop = asyncio.get_running_loop()
    begin, fault, known = loop.time(), "", set(stage.ends)
    try:
        async with asyncio.timeout(40):
            await kind(stage)
    except Exception:  # noqa: BLE001
        fault = traceback.format_exc()
    await asyncio.sleep(SETTLE_S if fault == "" else 0.5)
    report.deeds.append(Deed(kind.__name__, begin, loop.time(), fault))
    for call_id in stage.ends.keys() - known:
        report.ends[call_id] = (kind.__name__, *stage.ends[call_id])


async def _clear(watch: Watch, report: Report) -> None:
    """Wait until what is over has been cleared away, or long enough."""
    loop = asyncio.get_running_loop()
    until, before = loop.time() + CLEARED_WITHIN_S, report.before
    assert before is not None
    while True:
        report.after = await asyncio.to_thread(watch.traces)
        report.zombies = watch.states()["Z"]
        rows = report.after.rows
        # What becomes of bindings is written a second later.
        is_written = not rows["unended"] and _bound(report.after) == _bound(before)
        cleared = report.after.processes <= before.processes and not report.zombies
        if (cleared and is_written) or loop.time() > until:
            return
        await asyncio.sleep(1.0)


def _bound(traces: Traces) -> set[str]:
    """Return whose phones have a binding, of those who are never stopped."""
    return set(traces.rows["bindings"]) - STOPPABLE


def _summarize(report: Report) -> None:
    for deed in report.deeds:
        lost_s = max((gap.lost_s for gap in _gaps_in(report, deed)), default=0.0)
        calls = _new_in(report, deed)
        slowest = max((call.took_s for call in calls), default=0.0)
        failed = sum(bool(call.fault) for call in calls)
        print(
            f"{deed.name}: {deed.end - deed.begin:.1f} s, {1e3 * max(0.0, lost_s):.0f} ms lost, "
            f"{failed} of {len(calls)} new calls failed, the slowest took {1e3 * slowest:.0f} ms"
        )


def _gaps_in(report: Report, deed: Deed) -> list[Gap]:
    return [gap for gap in report.gaps if gap.begin < deed.end and gap.end > deed.begin]


def _new_in(report: Report, deed: Deed) -> list[NewCall]:
    return [call for call in report.new if deed.begin <= call.at < deed.end]


@pytest.mark.parametrize("name", NAMES)
def test_good_calls_lose_no_sound(report: Report, name: str) -> None:
    for deed in report.during(name):
        lost = [gap for gap in _gaps_in(report, deed) if gap.lost_s > LOST_S]
        assert not lost, f"{len(lost)} gaps, the worst {max(lost, key=lambda gap: gap.lost_s)}"


@pytest.mark.parametrize("name", NAMES)
def test_every_new_call_is_answered(report: Report, name: str) -> None:
    for deed in report.during(name):
        calls = _new_in(report, deed)
        assert calls
        assert not [call for call in calls if call.fault]


@pytest.mark.parametrize("name", NAMES)
def test_the_bad_get_what_they_are_due(report: Report, name: str) -> None:
    for deed in report.during(name):
        assert not deed.fault, deed.fault
    for call_id, (deed_name, by, reason) in report.ends.items():
        if deed_name == name:
            end = report.records[call_id]["termination"]
            assert end, f"{call_id} has no termination"
            assert (end["by"], end["reason"]) == (by, reason or end["reason"])
            assert end["advice"] or reason in ("caller-hung-up", "callee-hung-up")


def test_each_party_heard_its_own_call_alone(report: Report) -> None:
    assert len(report.hertz) == 2 * CALLS
    for index, hz in enumerate(report.hertz):
        assert abs(hz - HERTZ[index ^ 1]) < 10


def test_every_good_call_is_on_record_as_it_ended(report: Report) -> None:
    for call in report.new:
        assert report.records[call.call_id]["termination"]["reason"] == "caller-hung-up", call


def test_nothing_is_left_behind(report: Report) -> None:
    before, after = report.before, report.after
    assert before is not None
    assert after is not None
    assert after.rows["unended"] == before.rows["unended"] == []
    assert after.rows["unexplained"] == []
    assert _bound(after) == _bound(before)
    assert not report.zombies
    assert after.processes <= before.processes
    assert after.call_processes <= before.call_processes
    # Each call process is one socket.
    more = after.descriptors - before.descriptors
    # Threads that ask the database open it when they first do, and keep it.
    own = sum(count for name, count in more.items() if "/voipnumber.sqlite3" not in name)
    gone = (before.descriptors - after.descriptors).total()
    assert own - gone <= after.call_processes - before.call_processes, more
    assert more.total() - own <= 2 * THREADS, more
