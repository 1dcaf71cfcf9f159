"""What a call says of itself: in the engine's log once, and in people's words."""

import logging
from dataclasses import replace

import pytest

from callengine.core.outcomes import Termination
from callengine.core.plan import CallPlan
from callengine.engine.calls.opencall import open_call

PLAN = CallPlan(
    call="c0ffee",
    source="connection:alice",
    destination="connection:bob",
    from_user="alice",
    from_name="Alice",
    to_user="bob",
    offered=("OPUS",),
    vn_a=("OPUS",),
    vn_b=("OPUS",),
    vn_a_source="list",
    vn_b_source="list",
    waves=(),
    bridge_rate_hz=8000,
)


def test_each_change_of_state_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    call = open_call(PLAN, uuid="u", sip_call_id="i", at=0.0)
    with caplog.at_level(logging.INFO, logger="callengine"):
        for state in ("ringing", "ringing", "answered", "ended"):
            call.set_state(state, 1.0)
        call.close(Termination("caller", "caller-hung-up", 200, "A normal end."), 2.0)
    assert [record.getMessage() for record in caplog.records] == [
        "call=c0ffee trying -> ringing",
        "call=c0ffee ringing -> answered",
        "call=c0ffee answered -> ended",
    ]


@pytest.mark.parametrize(
    ("source", "user", "name", "who"),
    [
        ("connection:alice", "alice", "Alice", "Alice (alice)"),
        ("connection:alice", "alice", "alice", "alice"),
        ("trunk:carrier-one", "+12025550100", "", "+12025550100 via carrier-one"),
        ("external:203.0.113.7", "sales", "", "sales at 203.0.113.7"),
        ("external:203.0.113.7", "", "", "Somebody at 203.0.113.7"),
    ],
)
def test_a_timeline_begins_with_who_called_in_peoples_words(
    source: str, user: str, name: str, who: str
) -> None:
    plan = replace(PLAN, source=source, from_user=user, from_name=name)
    call = open_call(plan, uuid="u", sip_call_id="i", at=0.0)
    assert call.fresh_lines[1]["text"] == f"{who} called bob and offered OPUS."
