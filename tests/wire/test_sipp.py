"""SIPp at both ends: calls in a row and at once, none lost, nothing sent twice."""

from itertools import accumulate
from typing import Any

import pytest

from tests.peers.descriptions import sdp
from tests.peers.engine import Engine
from tests.peers.ports import LOOPBACK, free_sip_port
from tests.peers.sipp import Sipp, Statistics
from tests.wire.directory import PASSWORD, configuration, connection

CALLEE_PORT = free_sip_port()
CONFIGURATION = configuration(
    connection("sipp-caller"),
    connection("sipp-callee", inbound=["PCMU"], address=f"sip:sipp@{LOOPBACK}:{CALLEE_PORT}"),
)


@pytest.mark.parametrize(
    ("calls", "at_once", "talk_ms"), [(10, 1, 200), (5, 5, 3000)], ids=["in-a-row", "at-once"]
)
async def test_sipp_calls_sipp(engine: Engine, calls: int, at_once: int, talk_ms: int) -> None:
    async with Sipp() as sipp:
        callees = await sipp.callees(port=CALLEE_PORT, calls=calls)
        await callees.listening()
        callers = await sipp.callers(
            engine.server,
            user="sipp-caller",
            password=PASSWORD,
            to="sipp-callee",
            sdp=sdp(["PCMU"], port=6000),
            calls=calls,
            at_once=at_once,
            talk_ms=talk_ms,
        )
        codes = await callers.finished(), await callees.finished()
        assert codes == (0, 0), callers.dump()
        assert callers.statistics == Statistics(calls, 0, 0), callers.dump()
        assert callees.statistics == Statistics(calls, 0, 0), callees.dump()
        call_ids = {_call_id(m.text) for m in callers.messages if m.first_line.startswith("BYE")}
    assert len(call_ids) == calls
    records = [await engine.record(call_id) for call_id in call_ids]
    for record in records:
        assert record["termination"]["reason"] == "caller-hung-up"
        assert record["source"] == "connection:sipp-caller"
        assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "PCMU"]
    assert _most_at_once(records) == at_once


def _call_id(message: str) -> str:
    return message.partition("Call-ID:")[2].partition("\n")[0].strip()


def _most_at_once(records: list[dict[str, Any]]) -> int:
    """Return how many calls were answered at the same time."""
    moments = [(r["answered"], 1) for r in records] + [(r["ended"], -1) for r in records]
    return max(accumulate(step for _, step in sorted(moments)))
