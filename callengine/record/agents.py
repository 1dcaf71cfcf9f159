"""Sessions of voice agents and what was said in them, as they are shown. Synchronous."""

from datetime import UTC

from callengine.core.snapshot import AgentSnapshot, SpokenSnapshot
from callengine.models import AgentSession, Call


def session_snapshots(call: Call) -> list[AgentSnapshot]:
    """Return a call's sessions in the shape in which they are shown."""
    return [_session_snapshot(row) for row in call.agent_sessions.all()]


def spoken(call: Call) -> list[SpokenSnapshot]:
    """Return what was said in a call, in order. One query."""
    return [
        {
            "number": row.number,
            "at": row.at.astimezone(UTC).isoformat(),
            "leg": row.leg,
            "who": row.who,
            "text": row.text,
            "is_final": True,
            "is_interrupted": row.is_interrupted,
        }
        for row in call.agent_lines.all()
    ]


def _session_snapshot(row: AgentSession) -> AgentSnapshot:
    return {
        "leg": row.leg,
        "name": row.name,
        "dialect": row.dialect,
        "session_id": row.session_id,
        "state": row.state,
        "moments": dict(row.moments),
        "queue_ms": row.queue_ms,
        "barge_ins": row.barge_ins,
        "close_code": row.close_code,
        "close_reason": row.close_reason,
        "input": row.input,
        "output": row.output,
        "how_in": row.how_in,
        "how_out": row.how_out,
        "keeps_transcript": row.keeps_transcript,
    }
