"""Rows of the record made of snapshots: which columns there are, and what stands in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from callengine.core.outcomes import Rejection
from callengine.core.parties import CALLER, parties
from callengine.core.reasons import Reason
from callengine.core.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    LegSnapshot,
    MessageSnapshot,
    SpokenSnapshot,
)
from callengine.core.states import CallState
from callengine.models import (
    AgentSession,
    AgentSessionLine,
    Call,
    CallEvent,
    CallHeader,
    Leg,
    SipMessage,
)
from callengine.models import Rejection as RejectionRow
from callengine.record.columns import moment
from callengine.record.tables import Table

MAX_ADVICE = 1000
MAX_MESSAGE_TEXT = 12000
MAX_SPOKEN = 4000
"Characters of one line."
Row = tuple[Any, ...]

_FIRST = (
    "id", "node", "node_identity", "started", "from_user", "from_name", "to_user", "source", "plan",
)  # fmt: skip
_CHANGING = (
    "answered", "destination", "taken_by", "state", "transcoded", "attempts", "codec_a", "codec_b",
    "ended", "ended_by", "reason", "code", "advice", "talk_s",
    "worst_mos_a", "worst_mos_b", "post_dial_s", "was_silent",
)  # fmt: skip
_FIGURES = ("worst_mos_a", "worst_mos_b", "post_dial_s", "was_silent")
_KEPT_IF_NONE = ("attempts", "codec_a", "codec_b", *_FIGURES)
"Columns that stay as they are where nothing is known of them."
_NEW = dict.fromkeys(_CHANGING) | {"attempts": [], "codec_a": "", "codec_b": ""}
_NEW["was_silent"] = False
OPEN: Mapping[str, Any] = {
    "ended": None, "ended_by": "", "reason": "", "code": None, "advice": "", "talk_s": None,
}  # fmt: skip
LEG_FIELDS = (
    "label", "sip_call_id", "offered", "allowed", "codec", "payload_type", "remote", "encryption",
    "user_agent", "state", "quality",
)  # fmt: skip
_SESSION_TEXTS = (
    "name", "dialect", "session_id", "state", "close_reason", "input", "output", "how_in",
    "how_out",
)  # fmt: skip
SESSION_FIELDS = (
    *_SESSION_TEXTS, "moments", "queue_ms", "barge_ins", "close_code", "keeps_transcript",
)  # fmt: skip
EVENT_FIELDS = ("at", "leg", "kind", "text")
LINE_FIELDS = ("at", "leg", "who", "text", "is_interrupted")
_MESSAGE_FIELDS = (
    "leg", "at", "direction", "peer", "summary", "cseq", "retransmission", "codecs", "text",
)  # fmt: skip
_REJECTION_FIELDS = ("source_address", "user", "to", "method", "call_id", "code", "rule", "advice")

CALLS = Table(Call, *_FIRST, *_CHANGING, limits={"advice": MAX_ADVICE})
CHANGES = Table(Call, *_CHANGING, "id", limits={"advice": MAX_ADVICE})
LEGS = Table(Leg, "call_id", "name", *LEG_FIELDS, "history", key=("call_id", "name"))
HISTORIES = Table(Leg, "history", "call_id", "name")
HEADERS = Table(CallHeader, "call_id", "name", "value")
EVENTS = Table(CallEvent, "call_id", "number", *EVENT_FIELDS, key=("call_id", "number"))
MESSAGES = Table(
    SipMessage, "call_id", "number", *_MESSAGE_FIELDS, limits={"text": MAX_MESSAGE_TEXT}
)
SESSIONS = Table(AgentSession, "call_id", "leg", *SESSION_FIELDS, key=("call_id", "leg"))
LINES = Table(
    AgentSessionLine, "call_id", "number", *LINE_FIELDS,
    key=("call_id", "number"), limits={"text": MAX_SPOKEN},
)  # fmt: skip
REJECTIONS = Table(RejectionRow, "at", *_REJECTION_FIELDS, limits={"advice": MAX_ADVICE})

SETTING = ", ".join(
    f'"{name}" = COALESCE(%s, "{name}")' if name in _KEPT_IF_NONE else f'"{name}" = %s'
    for name in _CHANGING
)
NOT_CLOSED = f"(ended IS NULL OR reason = '{Reason.NODE_LOST.value}')"
"A call that its own engine has not closed; one that was closed as its engine's is open again."
IS_AS_TOLD = "(ended IS NULL OR ended = %s)"


def first_columns(snapshot: CallSnapshot, plan: Mapping[str, Any], node: str, identity: str) -> Row:
    """Return the columns that a call keeps from its beginning."""
    sources = {name: snapshot[name] for name in ("vn_a_source", "vn_b_source")}
    return (
        UUID(snapshot["id"]),
        node,
        identity,
        moment(snapshot["started"]) or timezone.now(),
        snapshot["from"],
        snapshot["from_name"],
        snapshot["to"],
        snapshot["source"],
        {**plan, **sources},
    )


def changing(snapshot: CallSnapshot) -> dict[str, Any]:
    """Return the columns of a call that change while it lives, those that are known."""
    columns: dict[str, Any] = {
        "answered": moment(snapshot["answered"]),
        "destination": snapshot["destination"],
        "taken_by": snapshot.get("taken_by", ""),
        "state": snapshot["state"],
        "transcoded": snapshot["transcoded"],
    }
    if "attempts" in snapshot:
        columns["attempts"] = snapshot["attempts"]
    columns |= snapshot.get("figures", {})
    codec_a, codec_b = parties(snapshot["legs"], snapshot.get("near", CALLER)).codecs
    if codec_a:
        columns["codec_a"] = codec_a
    if codec_b and snapshot["answered"]:
        columns["codec_b"] = codec_b
    return columns


def ending(snapshot: CallSnapshot) -> dict[str, Any]:
    """Return the columns that close a call."""
    ended = moment(snapshot["ended"]) or timezone.now()
    end = snapshot["termination"]
    return {
        "state": CallState.ENDED.value,
        "ended": ended,
        "ended_by": end["by"] if end else "engine",
        "reason": end["reason"] if end else "unknown",
        "code": end["code"] if end else 500,
        "advice": end["advice"] if end else "",
        "talk_s": talk_s(moment(snapshot["answered"]), ended),
    }


def talk_s(answered: datetime | None, ended: datetime) -> int | None:
    """Return the whole seconds between answer and end, or None if nobody answered."""
    return None if answered is None else max(round((ended - answered).total_seconds()), 0)


def new_call(first: Row, columns: Mapping[str, Any]) -> Row:
    """Return a row of `CALLS`."""
    whole = {**_NEW, **OPEN, **columns}
    return (*first, *(whole[name] for name in _CHANGING))


def changed_call(call: UUID, columns: Mapping[str, Any]) -> Row:
    """Return a row of `CHANGES`."""
    return (*(columns.get(name) for name in _CHANGING), call)


def leg(call: UUID, told: LegSnapshot) -> Row:
    """Return a row of `LEGS`."""
    return (
        call,
        told["name"],
        told["label"],
        told["call_id"],
        told["offered"],
        told["allowed"],
        told["codec"] or "",
        told["payload_type"],
        told["remote"],
        told["encryption"],
        told["user_agent"],
        told["state"],
        told["quality"] or {},
        {},
    )


def session(call: UUID, told: AgentSnapshot) -> Row:
    """Return a row of `SESSIONS`."""
    return (call, told["leg"], *(told[name] for name in SESSION_FIELDS))  # type: ignore[literal-required]


def message(call: UUID, told: MessageSnapshot) -> Row:
    """Return a row of `MESSAGES`."""
    at = moment(told["at"]) or timezone.now()
    rest = (told[name] for name in _MESSAGE_FIELDS[2:])  # type: ignore[literal-required]
    return (call, told["number"], told["leg"], at, *rest)


def line(call: UUID, told: SpokenSnapshot) -> Row:
    """Return a row of `LINES`."""
    at = moment(told["at"]) or timezone.now()
    rest = (told[name] for name in LINE_FIELDS[1:])  # type: ignore[literal-required]
    return (call, told["number"], at, *rest)


def rejection(told: Rejection, at: datetime) -> Row:
    """Return a row of `REJECTIONS`."""
    return (at, *(getattr(told, name) for name in _REJECTION_FIELDS))


def headers(call: UUID, plan: Mapping[str, Any]) -> Sequence[Row]:
    """Return rows of `HEADERS`."""
    return [(call, name, value) for name, value in plan.get("vouched", {}).get("recorded", ())]
