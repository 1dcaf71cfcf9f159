"""A small record, written quickly: calls of every outcome, and rejections."""

import datetime as dt
import uuid
from typing import Any

from django.utils import timezone

from callengine.models import Call, Leg, Rejection

ENDS: dict[str, dict[str, Any]] = {
    "completed": {"talked": True, "code": 200, "reason": "hangup"},
    "cut-off": {"talked": True, "code": 500, "reason": "call-process-died"},
    "busy": {"code": 486, "reason": "callee-busy"},
    "no-answer": {"code": 480, "reason": "no-answer"},
    "unavailable": {"code": 480, "reason": "callee-unavailable"},
    "cancelled": {"code": 487, "reason": "caller-cancelled"},
    "callee-declined": {"code": 603, "reason": "callee-declined"},
    "no-codec": {"code": 488, "reason": "no-common-codec-caller"},
    "unreachable": {"code": 503, "reason": "callee-unreachable"},
    "failed": {"code": 403, "reason": "callee-forbade"},
}


def call(outcome: str = "completed", *, ago_s: float = 60, talk_s: int = 30, **more: Any) -> Call:
    """Store a call that began `ago_s` seconds ago, with the two legs it would have."""
    started = timezone.now() - dt.timedelta(seconds=ago_s)
    values: dict[str, Any] = {
        "id": uuid.uuid4(),
        "started": started,
        "from_user": "+12025550100",
        "to_user": "alice",
        "source": "trunk:carrier-one",
        "destination": "connection:alice",
        "plan": {},
    }
    if outcome == "in-progress":
        values |= {"state": "ringing"}
    else:
        end = ENDS[outcome]
        values |= {"state": "ended", "code": end["code"], "reason": end["reason"]}
        values |= {"ended": started + dt.timedelta(seconds=talk_s), "ended_by": "caller"}
        values |= {"advice": "What to do."}
        if end.get("talked"):
            values |= {"answered": started, "talk_s": talk_s, "codec_a": "OPUS", "codec_b": "G722"}
    made = Call.objects.create(**{**values, **more})
    for name in ("A", "B"):
        Leg.objects.create(call=made, name=name, sip_call_id=f"{name}-{made.pk.hex}@127.0.0.1")
    return made


def rejection(source: str = "203.0.113.7", *, ago_s: float = 60, **more: Any) -> Rejection:
    """Store a call that was refused `ago_s` seconds ago."""
    values: dict[str, Any] = {
        "at": timezone.now() - dt.timedelta(seconds=ago_s),
        "source_address": source,
        "user": "mallory",
        "to": "+442079460018",
        "method": "INVITE",
        "call_id": f"refused-{uuid.uuid4().hex}",
        "code": 403,
        "rule": "source-not-on-access-list",
        "advice": f"{source} is not on the access list of any trunk. Add it there.",
    }
    return Rejection.objects.create(**{**values, **more})
