"""Calls whose engine is gone: closed by its next life, or by the engines that are still there.

Synchronous. Each call is closed by a conditional update, so of several engines one closes it. An
engine that was only cut off from the database opens its calls again as soon as it tells of them.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.models import AgentSession, Call, CallEvent, EngineNode, Leg
from callengine.record.gathering import TimelineEntry
from callengine.record.rows import talk_s
from callengine.record.store import call_events, closing

ENGINE_RESTARTED = Termination(
    by="engine",
    reason=Reason.ENGINE_RESTARTED,
    code=500,
    advice="The engine stopped while this call was up; see its log for why, and call again.",
)
BATCH = 200
NO_SIGN = ""
"In place of a time: there is a call of the engine, and no row."


@transaction.atomic(savepoint=False)
def close_orphans(*, node: str, identity: str = "", at: datetime | None = None) -> int:
    """Close what an earlier life of this engine left open, and return how many calls that were.

    They ended when that life gave its last sign, before `at`: it may have ended days ago.
    """
    before = Q(node_identity="", node=node)  # of a version without identities
    own = before | Q(node_identity=identity) if identity else before
    ended = at or timezone.now()
    rows = EngineNode.objects.filter(Q(identity=identity) if identity else Q(name=node))
    if last := rows.aggregate(last=Max("seen"))["last"]:
        ended = min(ended, last)
    if identity:  # the row of an older name, as each container has one
        rows.exclude(name=node).delete()
    keys = Call.objects.filter(own, ended__isnull=True).values_list("pk", flat=True)
    return len(_close(list(keys), ENGINE_RESTARTED, ended))


def signs(*, but: str) -> dict[str, str]:
    """Return the last sign of life of every other engine that has a row or open calls.

    By identity; two queries.
    """
    # An engine that came back under another name may have left a row of its old one.
    nodes = EngineNode.objects.exclude(identity="").order_by("seen")
    rows = dict(nodes.values_list("identity", "seen"))
    owners = Call.objects.filter(ended__isnull=True).exclude(node_identity="")
    signs = dict.fromkeys(owners.order_by().values_list("node_identity", flat=True), NO_SIGN)
    signs |= {identity: seen.isoformat() for identity, seen in rows.items()}
    signs.pop(but, None)
    return signs


@transaction.atomic
def close_lost(*, identity: str, sign: str) -> list[UUID]:
    """Close open calls of an engine that gave this last sign of life; return their keys.

    BATCH at most, none if it has given another sign meanwhile.
    """
    nodes = EngineNode.objects.select_for_update().filter(identity=identity)
    row = nodes.order_by("-seen").first()
    if (row.seen.isoformat() if row else NO_SIGN) != sign:
        return []
    calls = Call.objects.filter(node_identity=identity, ended__isnull=True)
    keys = list(calls.values_list("pk", flat=True)[:BATCH])
    name = row.name if row else calls.values_list("node", flat=True).first() or identity
    # Its call processes end with it; nobody knows better when.
    return _close(keys, _lost(name), row.seen if row else timezone.now())


def _lost(name: str) -> Termination:
    return Termination(
        by="engine",
        reason=Reason.NODE_LOST,
        code=500,
        advice=f"The engine {name}, which held this call, was not heard of for a minute. See "
        "whether its machine and its network are up, and call again.",
    )


def _close(keys: Sequence[UUID], end: Termination, at: datetime) -> list[UUID]:
    """Close those of these calls that are open: at this time, or when last anything happened."""
    happened = CallEvent.objects.filter(call__in=keys).order_by().values_list("call")
    last = {key: (number or 0, when) for key, number, when in happened.annotate(*_LAST)}
    columns = Call.objects.filter(pk__in=keys).values_list("pk", "started", "answered")
    lines = []
    for key, started, answered in columns:
        number, when = last.get(key, (0, started))
        ended = max(at, when, answered or started)
        changes = {**closing(end), "ended": ended, "talk_s": talk_s(answered, ended)}
        if Call.objects.filter(pk=key, ended__isnull=True).update(**changes):
            lines.append(TimelineEntry(str(key), ended, "", "ended", end.advice, number + 1))
    closed = [UUID(line.call_id) for line in lines]
    Leg.objects.filter(call__in=closed).update(state="ended")
    AgentSession.objects.filter(call__in=closed).update(state="ended")
    call_events(entries=lines)
    return closed


_LAST = (Max("number"), Max("at"))
