"""Sessions of voice agents and what was said in them: written and read. Synchronous."""

from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from django.utils import timezone

from callengine.core.snapshot import AgentSnapshot, CallSnapshot, SpokenSnapshot
from callengine.models import AgentSession, AgentSessionLine, Call
from callengine.record.cleaning import clean_json, clean_text
from callengine.record.columns import fit, moment

MAX_SPOKEN = 4000
"Characters of one line."
_TEXTS = (
    "leg",
    "name",
    "dialect",
    "session_id",
    "state",
    "close_reason",
    "input",
    "output",
    "how_in",
    "how_out",
)
_REST = ("moments", "queue_ms", "barge_ins", "close_code", "keeps_transcript")


def sessions(call_id: UUID, snapshot: CallSnapshot) -> None:
    """Store the sessions of a call that is stored, as they now are."""
    rows = [_session_row(call_id, session) for session in snapshot.get("agents", ())]
    AgentSession.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["call", "leg"],
        update_fields=[name for name in (*_TEXTS, *_REST) if name != "leg"],
    )


def lines(*, call_id: str, lines: Sequence[SpokenSnapshot]) -> None:
    """Store lines of a call, each in its place; those of an unknown call are left out."""
    if not Call.objects.filter(pk=UUID(call_id)).exists():
        return
    AgentSessionLine.objects.bulk_create(
        (_line_row(UUID(call_id), line) for line in lines),
        update_conflicts=True,
        unique_fields=["call", "number"],
        update_fields=["at", "leg", "who", "text", "is_interrupted"],
    )


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


def _session_row(call_id: UUID, session: AgentSnapshot) -> AgentSession:
    texts = {name: fit(AgentSession, name, session[name]) for name in _TEXTS}  # type: ignore[literal-required]
    return AgentSession(
        call_id=call_id,
        moments=clean_json(session["moments"]),
        queue_ms=session["queue_ms"],
        barge_ins=session["barge_ins"],
        close_code=session["close_code"],
        keeps_transcript=session["keeps_transcript"],
        **texts,
    )


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


def _line_row(call_id: UUID, line: SpokenSnapshot) -> AgentSessionLine:
    return AgentSessionLine(
        call_id=call_id,
        number=line["number"],
        at=moment(line["at"]) or timezone.now(),
        leg=fit(AgentSessionLine, "leg", line["leg"]),
        who=fit(AgentSessionLine, "who", line["who"]),
        text=clean_text(line["text"], MAX_SPOKEN),
        is_interrupted=line["is_interrupted"],
    )
