"""Changes that are written as one come to what they come to one after the other."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callengine.core.outcomes import Rejection as Refusal
from callengine.core.reasons import Reason
from callengine.models import (
    AgentSession,
    AgentSessionLine,
    Call,
    CallEvent,
    CallHeader,
    Leg,
    Rejection,
    SipMessage,
)
from callengine.record import changes
from callengine.record.changes import Keepable
from tests.dashboard.live import agentcalls, demo

pytestmark = pytest.mark.django_db

AT = "2026-01-02T03:04:05+00:00"
TABLES = (
    Call, Leg, CallEvent, SipMessage, CallHeader, AgentSession, AgentSessionLine, Rejection,
)  # fmt: skip
Write = Callable[[], Any]


def begun(snapshot: Any) -> Keepable:
    plan = {"waves": [], "vouched": {"recorded": [["x-reference", "17"]]}}
    return changes.call_started(snapshot=snapshot, plan=plan, node="n1", identity="a" * 32)


def messages(call: str) -> Keepable:
    return changes.Change("sip-messages", {"messages": {call: demo.ladder()}})


def whole_call() -> list[Keepable]:
    """Return what is told of a call from its beginning to its end, in the order of a real one."""
    call = demo.call()
    key, ringing = call["id"], {**call, "answered": None, "legs": [demo.leg("A", codec=None)]}
    attempts = [{"leg": "B", "trunk": "t", "gateway": "sip:g", "name": "", "target": "udp:x:1"}]
    session = agentcalls.session()
    spoken = [{**agentcalls.line(1, "caller", "Hello"), "number": number} for number in (1, 2)]
    return [
        begun(ringing),
        changes.call_events(call_id=key, events=call["events"][:2]),
        messages(key),
        changes.call_changed(snapshot={**call, "attempts": attempts}),
        changes.transferred(call_id=key, transfer={"to": "carol", "by": "alice", "at": AT}),
        changes.call_events(call_id=key, events=call["events"][1:]),
        changes.call_changed(snapshot={**call, "agents": [session], "legs": call["legs"][:1]}),
        changes.call_spoken(call_id=key, lines=spoken),
        changes.quality(call_id=key, histories={"A": demo.history(20), "Z": demo.history(1)}),
        changes.call_ended(snapshot=demo.ended(call, demo.HUNG_UP)),
    ]


def refused(number: int) -> Keepable:
    refusal = Refusal("192.0.2.1", "eve", "INVITE", 404, f"rule-{number}", "Add it.")
    return changes.rejected(rejection=refusal, at=AT)


def lose_the_node() -> None:
    Call.objects.filter(ended=None).update(ended=AT, reason=Reason.NODE_LOST, state="ended")


def stored() -> dict[str, list[dict[str, Any]]]:
    """Return all rows by table, without the numbers that the database gave them."""
    tables = {}
    for model in TABLES:
        rows = model.objects.values(*(f.attname for f in model._meta.fields if f.attname != "id"))
        tables[model.__name__] = sorted(rows, key=repr)
    return tables


def emptied() -> None:
    for model in reversed(TABLES):
        model.objects.all().delete()


def scene(seed: int) -> list[Write]:
    """Return changes of calls that overlap; some come twice, some are of calls not stored."""
    chance = random.Random(seed)
    calls = [whole_call() for _ in range(3)]
    calls[2] = calls[2][1:]
    scene: list[Write] = []
    while any(calls):
        call = chance.choice([one for one in calls if one])
        scene.append(call.pop(0))
        if chance.random() < 0.2:
            scene.append(chance.choice(scene))
        if chance.random() < 0.1:
            scene.append(chance.choice([refused(len(scene)), lose_the_node]))
    return scene


@pytest.mark.parametrize("seed", range(6))
def test_what_is_written_together_comes_to_the_same(seed: int) -> None:
    batch = scene(seed)
    for change in batch:
        change()
    expected = stored()
    emptied()
    for write in changes.together(batch):
        write()
    assert stored() == expected
    assert len(expected["Call"]) == 2


def test_a_batch_that_comes_again_changes_nothing() -> None:
    batch = [change for _ in range(2) for change in whole_call()]
    for _ in range(2):
        for write in changes.together(batch):
            write()
        expected = stored()
        assert len(expected["SipMessage"]) == 2 * len(demo.ladder())
    for write in changes.together(batch):
        write()
    assert stored() == expected


def test_many_calls_are_as_many_statements_as_one() -> None:
    def statements(calls: int) -> int:
        # Without a transfer, which reads the plan that it adds to.
        batch = [c for _ in range(calls) for c in whole_call() if c.kind != "transferred"]
        with CaptureQueriesContext(connection) as captured:
            for write in changes.together(batch):
                write()
        return len(captured)

    assert statements(1) == statements(20) <= 8
