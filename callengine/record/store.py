"""What the engine writes while calls come and go. Synchronous; its own transactions.

Text from peers is cleaned and cut to its column, so that no header can make a write fail. Only
the engine writes here, and always by conditional update: a call once closed stays closed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from callengine import models
from callengine.core.history import QualityHistory
from callengine.core.outcomes import Rejection, Termination
from callengine.core.parties import CALLER, parties
from callengine.core.reasons import Reason
from callengine.core.snapshot import (
    CallSnapshot,
    LegSnapshot,
    MessageSnapshot,
)
from callengine.core.states import CallState
from callengine.models import Call, CallEvent, CallHeader, Leg, SipMessage
from callengine.record import agents
from callengine.record.cleaning import clean_json, clean_text
from callengine.record.columns import fit, moment

_NOT_CLOSED_BY_ITS_ENGINE = Q(ended__isnull=True) | Q(reason=Reason.NODE_LOST)
_OPEN = {"ended": None, "ended_by": "", "reason": "", "code": None, "advice": "", "talk_s": None}
MAX_MESSAGE_TEXT = 12000
LEG_FIELDS = (
    "label",
    "sip_call_id",
    "offered",
    "allowed",
    "codec",
    "payload_type",
    "remote",
    "encryption",
    "user_agent",
    "state",
    "quality",
)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a call's timeline, ready to store."""

    call_id: str
    at: datetime
    leg: str
    kind: str
    text: str
    number: int | None = None
    "Its place, from 1; a line that is there already becomes this one."


@transaction.atomic(savepoint=False)  # the journal has many in one transaction
def call_started(
    *, snapshot: CallSnapshot, plan: Mapping[str, Any], node: str, identity: str = ""
) -> None:
    """Open the record of a call of a node, with its plan, JSON-ready and free of secrets."""
    call = Call(
        id=UUID(snapshot["id"]),
        node=fit(Call, "node", node),
        node_identity=fit(Call, "node_identity", identity),
        started=moment(snapshot["started"]) or timezone.now(),
        from_user=fit(Call, "from_user", snapshot["from"]),
        from_name=fit(Call, "from_name", snapshot["from_name"]),
        to_user=fit(Call, "to_user", snapshot["to"]),
        source=fit(Call, "source", snapshot["source"]),
        plan=clean_json(
            {
                **plan,
                "vn_a_source": snapshot["vn_a_source"],
                "vn_b_source": snapshot["vn_b_source"],
            }
        ),
        **_changing(snapshot),
        **_codecs(snapshot),
    )
    # It may come again, and must not take back what came after it.
    Call.objects.bulk_create([call], ignore_conflicts=True)
    Leg.objects.bulk_create(_leg_rows(call.pk, snapshot["legs"]), ignore_conflicts=True)
    recorded = plan.get("vouched", {}).get("recorded", ())
    CallHeader.objects.bulk_create(
        (
            CallHeader(
                call_id=call.pk,
                name=fit(CallHeader, "name", name),
                value=fit(CallHeader, "value", value),
            )
            for name, value in recorded
        ),
        ignore_conflicts=True,
    )


@transaction.atomic(savepoint=False)
def call_changed(*, snapshot: CallSnapshot) -> bool:
    """Bring state and legs up to date; return False if the call is closed or unknown.

    One that was closed because its engine seemed lost is open again.
    """
    call_id = UUID(snapshot["id"])
    changes = {**_changing(snapshot), **_codecs(snapshot), **_OPEN}
    if not Call.objects.filter(_NOT_CLOSED_BY_ITS_ENGINE, pk=call_id).update(**changes):
        return False
    _store_legs(call_id, snapshot["legs"])
    agents.sessions(call_id, snapshot)
    return True


@transaction.atomic(savepoint=False)
def call_ended(*, snapshot: CallSnapshot) -> bool:
    """Close the record with its one termination; return False if it was closed before."""
    call_id = UUID(snapshot["id"])
    termination = snapshot["termination"]
    end = _closing(
        termination["by"] if termination else "engine",
        termination["reason"] if termination else "unknown",
        termination["code"] if termination else 500,
        termination["advice"] if termination else "",
    )
    ended = moment(snapshot["ended"]) or timezone.now()
    talked_s = talk_s(moment(snapshot["answered"]), ended)
    changes = {
        **_changing(snapshot),
        **_codecs(snapshot),
        **end,
        "ended": ended,
        "talk_s": talked_s,
    }
    if not Call.objects.filter(_NOT_CLOSED_BY_ITS_ENGINE, pk=call_id).update(**changes):
        return False
    _store_legs(call_id, snapshot["legs"])
    agents.sessions(call_id, snapshot)
    return True


@transaction.atomic(savepoint=False)
def transferred(*, call_id: str, transfer: Mapping[str, Any]) -> bool:
    """Add a transfer to the plan of a call, and the sources of the lists that hold now.

    `transfer` is the plan's JSON-ready record with `to`, `by` and `at`. Returns False if the call
    is unknown.
    """
    row = Call.objects.filter(pk=UUID(call_id))
    for plan in row.values_list("plan", flat=True):
        added, transfers = clean_json(dict(transfer)), plan.get("transfers", ())
        if added in transfers:
            return True  # it came again
        names = ("vn_a_source", "vn_b_source", "near")
        sources = {name: added[name] for name in names if name in added}
        row.update(plan={**plan, **sources, "transfers": [*transfers, added]})
        return True
    return False


def call_event(*, call_id: str, at: datetime, leg: str, kind: str, text: str) -> None:
    """Store one line of a call's timeline."""
    call_events(entries=[TimelineEntry(call_id, at, leg, kind, text)])


def call_events(*, entries: Sequence[TimelineEntry]) -> None:
    """Store lines of any calls' timelines, in order; those of unknown calls are left out.

    No two may be in one place. Two queries however many lines.
    """
    ids = {UUID(entry.call_id) for entry in entries}
    stored = set(Call.objects.filter(pk__in=ids).values_list("pk", flat=True))
    CallEvent.objects.bulk_create(
        (_event_row(entry) for entry in entries if UUID(entry.call_id) in stored),
        update_conflicts=True,
        unique_fields=["call", "number"],
        # All of it: it may take the place of the end of a call whose engine only seemed lost.
        update_fields=["at", "leg", "kind", "text"],
    )


def sip_messages(*, messages: Mapping[str, Sequence[MessageSnapshot]]) -> None:
    """Store masked SIP messages by call; those of unknown calls are left out. Two queries."""
    stored = set(Call.objects.filter(pk__in=messages).values_list("pk", flat=True))
    SipMessage.objects.bulk_create(
        (
            _message_row(UUID(call_id), message)
            for call_id, told in messages.items()
            if UUID(call_id) in stored
            for message in told
        ),
        ignore_conflicts=True,  # a batch may come again after the database went away
    )


def quality_histories(*, call_id: str, histories: Mapping[str, QualityHistory]) -> None:
    """Store the quality of legs over a call so far, by leg name."""
    legs = Leg.objects.filter(call=UUID(call_id))
    for name, history in histories.items():
        legs.filter(name=fit(Leg, "name", name)).update(history=clean_json(history))


def rejected(*, rejection: Rejection, at: datetime) -> models.Rejection:
    """Store a request that never became a call, and return its row."""
    return models.Rejection.objects.create(
        at=at,
        code=rejection.code,
        advice=clean_text(rejection.advice, 1000),
        **{
            name: fit(models.Rejection, name, getattr(rejection, name))
            for name in ("source_address", "user", "to", "method", "call_id", "rule")
        },
    )


def _changing(snapshot: CallSnapshot) -> dict[str, Any]:
    """Return the columns of a call that change while it lives."""
    state = snapshot["state"]
    return {
        "answered": moment(snapshot["answered"]),
        "destination": fit(Call, "destination", snapshot["destination"]),
        "taken_by": fit(Call, "taken_by", snapshot.get("taken_by", "")),
        "state": fit(Call, "state", state),
        "transcoded": snapshot["transcoded"],
        **({"attempts": clean_json(snapshot["attempts"])} if "attempts" in snapshot else {}),
    }


def _codecs(snapshot: CallSnapshot) -> dict[str, str]:
    """Return the columns for the codecs of the two parties, once known."""
    codec_a, codec_b = parties(snapshot["legs"], snapshot.get("near", CALLER)).codecs
    columns = {"codec_a": codec_a, "codec_b": codec_b if snapshot["answered"] else None}
    return {name: fit(Call, name, codec) for name, codec in columns.items() if codec}


def talk_s(answered: datetime | None, ended: datetime) -> int | None:
    """Return the whole seconds between answer and end, or None if nobody answered."""
    return None if answered is None else max(round((ended - answered).total_seconds()), 0)


def closing(end: Termination) -> dict[str, Any]:
    """Return the columns of a call that tell how it ended."""
    return _closing(end.by, end.reason, end.code, end.advice)


def _closing(by: str, reason: str, code: int, advice: str) -> dict[str, Any]:
    return {
        "ended_by": fit(Call, "ended_by", by),
        "reason": fit(Call, "reason", reason),
        "code": code,
        "advice": clean_text(advice, 1000),
        "state": CallState.ENDED.value,
    }


def _store_legs(call_id: UUID, legs: Iterable[LegSnapshot]) -> None:
    Leg.objects.bulk_create(
        _leg_rows(call_id, legs),
        update_conflicts=True,
        unique_fields=["call", "name"],
        update_fields=LEG_FIELDS,
    )


def _leg_rows(call_id: UUID, legs: Iterable[LegSnapshot]) -> list[Leg]:
    return [
        Leg(
            call_id=call_id,
            name=fit(Leg, "name", leg["name"]),
            label=fit(Leg, "label", leg["label"]),
            sip_call_id=fit(Leg, "sip_call_id", leg["call_id"]),
            offered=clean_json(leg["offered"]),
            allowed=clean_json(leg["allowed"]),
            codec=fit(Leg, "codec", leg["codec"]),
            payload_type=leg["payload_type"],
            remote=fit(Leg, "remote", leg["remote"]),
            encryption=fit(Leg, "encryption", leg["encryption"]),
            user_agent=fit(Leg, "user_agent", leg["user_agent"]),
            state=fit(Leg, "state", leg["state"]),
            quality=clean_json(leg["quality"] or {}),
        )
        for leg in legs
    ]


def _event_row(entry: TimelineEntry) -> CallEvent:
    return CallEvent(
        call_id=UUID(entry.call_id),
        number=entry.number,
        at=entry.at,
        leg=fit(CallEvent, "leg", entry.leg),
        kind=fit(CallEvent, "kind", entry.kind),
        text=clean_text(entry.text, 2000),
    )


def _message_row(call_id: UUID, message: MessageSnapshot) -> SipMessage:
    return SipMessage(
        call_id=call_id,
        number=message["number"],
        at=moment(message["at"]) or timezone.now(),
        retransmission=message["retransmission"],
        codecs=clean_json(message["codecs"]),
        text=clean_text(message["text"], MAX_MESSAGE_TEXT),
        leg=fit(SipMessage, "leg", message["leg"]),
        direction=fit(SipMessage, "direction", message["direction"]),
        peer=fit(SipMessage, "peer", message["peer"]),
        summary=fit(SipMessage, "summary", message["summary"]),
        cseq=fit(SipMessage, "cseq", message["cseq"]),
    )
