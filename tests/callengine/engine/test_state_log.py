"""Every change of a call's state stands in the engine's log, once."""

import logging

import pytest

from callengine.core.outcomes import Termination
from callengine.core.plan import CallPlan
from callengine.engine.livecall import open_call


def test_each_change_of_state_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    plan = CallPlan(
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
    call = open_call(plan, uuid="u", sip_call_id="i", at=0.0)
    with caplog.at_level(logging.INFO, logger="callengine"):
        for state in ("ringing", "ringing", "answered", "ended"):
            call.set_state(state, 1.0)
        call.close(Termination("caller", "caller-hung-up", 200, "A normal end."), 2.0)
    assert [record.getMessage() for record in caplog.records] == [
        "call=c0ffee trying -> ringing",
        "call=c0ffee ringing -> answered",
        "call=c0ffee answered -> ended",
    ]
