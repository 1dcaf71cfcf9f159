"""The record as it is shown: snapshots of calls, ladders, quality, from their rows. Synchronous."""

from datetime import UTC, datetime
from typing import Any, cast

from django.db.models import Prefetch, QuerySet

from callengine.core.history import QualityHistory
from callengine.core.parties import leg_order
from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    FiguresSnapshot,
    LegSnapshot,
    MessageSnapshot,
    TerminationSnapshot,
)
from callengine.core.states import LegState
from callengine.models import Call, CallEvent, Leg
from callengine.record import agents, captures


def with_details(calls: QuerySet[Call]) -> QuerySet[Call]:
    """Fetch legs and timeline with the calls, so that `snapshot` asks nothing more."""
    return calls.prefetch_related(brief_legs(), "events")


def brief_legs() -> Prefetch[Any]:
    """Fetch legs without their quality over time, which is long: `histories` reads it."""
    return Prefetch("legs", Leg.objects.defer("history"))


def snapshot(call: Call) -> CallSnapshot:
    """Return the shape in which a call is shown, from its rows."""
    shape = _snapshot(call)
    if call.taken_by:
        shape["taken_by"] = call.taken_by
    if near := call.plan.get("near"):
        shape["near"] = str(near)
    return shape


def _snapshot(call: Call) -> CallSnapshot:
    legs = sorted(call.legs.all(), key=lambda leg: leg_order(leg.name))
    shape: CallSnapshot = {
        "id": str(call.pk),
        "started": _iso(call.started) or "",
        "answered": _iso(call.answered),
        "ended": _iso(call.ended),
        "from": call.from_user,
        "from_name": call.from_name,
        "to": call.to_user,
        "source": call.source,
        "destination": call.destination,
        "state": call.state,
        "transcoded": call.transcoded,
        "legs": [_leg_snapshot(leg) for leg in legs],
        "termination": _termination_snapshot(call),
        "events": [_event_snapshot(event, n) for n, event in enumerate(call.events.all(), 1)],
        "vn_a_source": call.plan.get("vn_a_source", ""),
        "vn_b_source": call.plan.get("vn_b_source", ""),
    }
    figures: FiguresSnapshot = {
        "worst_mos_a": call.worst_mos_a,
        "worst_mos_b": call.worst_mos_b,
        "post_dial_s": call.post_dial_s,
        "was_silent": call.was_silent,
    }
    if any(value not in (None, False) for value in figures.values()):
        shape["figures"] = figures
    if call.attempts:
        shape["attempts"] = list(call.attempts)
    return shape


def whole_snapshot(call: Call) -> CallSnapshot:
    """Return a call with its voice agents' sessions and what records it. Two queries more."""
    told = snapshot(call)
    if sessions := agents.session_snapshots(call):
        told["agents"] = sessions
    if (capture := captures.running(call)) is not None:
        told["capture"] = capture
    return told


def ladder(call: Call) -> list[MessageSnapshot]:
    """Return a call's SIP messages in order. One query."""
    messages = list(call.messages.all())
    began = messages[0].at if messages else call.started
    return [
        {
            "number": message.number,
            "leg": message.leg,
            "at": _iso(message.at) or "",
            "offset_s": (message.at - began).total_seconds(),
            "direction": message.direction,
            "peer": message.peer,
            "summary": message.summary,
            "cseq": message.cseq,
            "retransmission": message.retransmission,
            "codecs": list(message.codecs),
            "text": message.text,
        }
        for message in messages
    ]


def first_messages(call_uuid: str, count: int) -> list[MessageSnapshot]:
    """Return so many messages of a call's ladder, without notes; none of an unknown call."""
    call = Call.objects.filter(pk=call_uuid).first()
    messages = ladder(call) if call is not None else []
    return [one for one in messages if one["number"] <= count and one["direction"] != "note"]


def histories(call: Call) -> dict[str, QualityHistory]:
    """Return the quality over the whole call of each leg that has any, by leg name."""
    columns = Leg.objects.filter(call=call).values_list("name", "history").order_by("pk")
    return {name: cast("QualityHistory", history) for name, history in columns if history}


def _leg_snapshot(leg: Leg) -> LegSnapshot:
    return {
        "name": leg.name,
        "label": leg.label,
        "call_id": leg.sip_call_id,
        "user_agent": leg.user_agent,
        "offered": list(leg.offered),
        "allowed": list(leg.allowed),
        "codec": leg.codec or None,
        "payload_type": leg.payload_type,
        "remote": leg.remote,
        "encryption": leg.encryption,
        "state": cast("LegState", leg.state),
        "quality": leg.quality or None,
    }


def _termination_snapshot(call: Call) -> TerminationSnapshot | None:
    if call.ended is None:
        return None
    return {
        "by": call.ended_by,
        "reason": call.reason,
        "code": call.code or 0,
        "advice": call.advice,
    }


def _event_snapshot(event: CallEvent, place: int) -> EventSnapshot:
    return {
        "number": event.number or place,
        "at": _iso(event.at) or "",
        "leg": event.leg,
        "kind": event.kind,
        "text": event.text,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
