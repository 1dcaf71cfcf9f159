"""What the engine writes while calls come and go, one change by itself. Synchronous.

Text from peers is cleaned and cut to its column, so that no header can make a write fail. Only
the engine writes here, and always by conditional update: a call once closed stays closed. The
journal writes many changes as one (`gathering`); what is stored is the same.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from callengine.core.history import QualityHistory
from callengine.core.outcomes import Rejection, Termination
from callengine.core.snapshot import CallSnapshot, MessageSnapshot, SpokenSnapshot
from callengine.core.states import CallState
from callengine.models import Call
from callengine.record.cleaning import clean_text
from callengine.record.columns import fit
from callengine.record.gathering import Gathering, TimelineEntry
from callengine.record.rows import MAX_ADVICE


def call_started(
    *, snapshot: CallSnapshot, plan: Mapping[str, Any], node: str, identity: str = ""
) -> None:
    """Open the record of a call of a node, with its plan, JSON-ready and free of secrets."""
    gathering = Gathering()
    gathering.call_started(snapshot=snapshot, plan=plan, node=node, identity=identity)
    gathering.write()


def call_changed(*, snapshot: CallSnapshot) -> bool:
    """Bring state and legs up to date; return False if the call is closed or unknown.

    One that was closed because its engine seemed lost is open again.
    """
    gathering = Gathering()
    gathering.call_changed(snapshot=snapshot)
    return gathering.write() > 0


def call_ended(*, snapshot: CallSnapshot) -> bool:
    """Close the record with its one termination; return False if it was closed before."""
    gathering = Gathering()
    gathering.call_ended(snapshot=snapshot)
    return gathering.write() > 0


def transferred(*, call_id: str, transfer: Mapping[str, Any]) -> None:
    """Add a transfer to the plan of a call, and the sources of the lists that hold now.

    `transfer` is the plan's JSON-ready record with `to`, `by` and `at`.
    """
    gathering = Gathering()
    gathering.transferred(call_id=call_id, transfer=transfer)
    gathering.write()


def call_event(*, call_id: str, at: datetime, leg: str, kind: str, text: str) -> None:
    """Store one line of a call's timeline."""
    call_events(entries=[TimelineEntry(call_id, at, leg, kind, text)])


def call_events(*, entries: Sequence[TimelineEntry]) -> None:
    """Store lines of any calls' timelines, in order; those of unknown calls are left out.

    No two may be in one place. One statement however many lines.
    """
    gathering = Gathering()
    gathering.call_events(entries=entries)
    gathering.write()


def spoken(*, call_id: str, lines: Sequence[SpokenSnapshot]) -> None:
    """Store lines of what was said in a call; those of an unknown call are left out."""
    gathering = Gathering()
    gathering.spoken(call_id=call_id, lines=lines)
    gathering.write()


def sip_messages(*, messages: Mapping[str, Sequence[MessageSnapshot]]) -> None:
    """Store masked SIP messages by call; those of unknown calls are left out. One statement."""
    gathering = Gathering()
    gathering.sip_messages(messages=messages)
    gathering.write()


def quality_histories(*, call_id: str, histories: Mapping[str, QualityHistory]) -> None:
    """Store the quality of legs over a call so far, by leg name."""
    gathering = Gathering()
    gathering.quality_histories(call_id=call_id, histories=histories)
    gathering.write()


def rejected(*, rejection: Rejection, at: datetime) -> None:
    """Store a request that never became a call."""
    gathering = Gathering()
    gathering.rejected(rejection=rejection, at=at)
    gathering.write()


def closing(end: Termination) -> dict[str, Any]:
    """Return the columns of a call that tell how it ended, for a model."""
    return {
        "ended_by": fit(Call, "ended_by", end.by),
        "reason": fit(Call, "reason", end.reason),
        "code": end.code,
        "advice": clean_text(end.advice, MAX_ADVICE),
        "state": CallState.ENDED.value,
    }
