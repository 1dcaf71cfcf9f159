"""Past calls as `core.hindsight` asks for them: what was offered, and what came of it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from callengine.core.hindsight import PastCall
from callengine.core.parties import CALLER, leg_order
from callengine.core.reasons import Reason
from callengine.models import Call, Leg

MOST = 100
"Calls that are looked at."
MOST_OWN = 20
"Calls of a callee that are looked at for what its devices have."
_COLUMNS = (
    *("pk", "started", "answered", "from_user", "from_name", "to_user", "source", "destination"),
    *("codec_a", "codec_b", "reason", "plan__offered", "plan__vn_a", "plan__vn_b"),
    "plan__transfers",
)
Device = tuple[str, str]
"Label and User-Agent."


def past_calls(*conditions: Q) -> list[PastCall]:
    """Return the newest calls that meet one of the conditions, each read by an index.

    Calls that are up still and those of the codec lab are left out.
    """
    rows: dict[UUID, dict[str, Any]] = {}
    for condition in conditions:
        newest = _over().filter(condition).order_by("-started", "-id")
        rows |= {row["pk"]: row for row in newest.values(*_COLUMNS)[:MOST]}
    chosen = sorted(rows.values(), key=lambda row: row["started"], reverse=True)[:MOST]
    legs = _legs(row["pk"] for row in chosen)
    offers = _own_offers({row["destination"] for row in chosen if row["destination"]}, chosen, legs)
    return [_past_call(row, legs[row["pk"]], offers) for row in chosen]


def _over() -> QuerySet[Call]:
    return Call.objects.filter(ended__isnull=False).exclude(source__startswith="lab:")


class PastLeg(NamedTuple):
    """What is read of a leg."""

    call_id: UUID
    name: str
    offered: list[str]
    codec: str
    remote: str
    user_agent: str


def _legs(calls: Iterable[UUID]) -> dict[UUID, list[PastLeg]]:
    rows = Leg.objects.filter(call__in=list(calls)).order_by().values_list(*PastLeg._fields)
    legs = defaultdict[UUID, list[PastLeg]](list)
    for leg in sorted(map(PastLeg._make, rows), key=lambda leg: leg_order(leg.name)):
        legs[leg.call_id].append(leg)
    return legs


def _own_offers(
    callees: Collection[str], calls: Sequence[dict[str, Any]], legs: dict[UUID, list[PastLeg]]
) -> dict[Device, frozenset[str]]:
    """Return what devices of the callees offered when they called: that is all they have.

    Of one callee its own calls are looked for; of many, those at hand are taken.
    """
    offers: dict[Device, frozenset[str]] = {}
    for call in calls:
        device = next((leg.user_agent for leg in legs[call["pk"]] if leg.name == CALLER), "")
        if call["source"] in callees and device and call["plan__offered"]:
            offers.setdefault((call["source"], device), frozenset(call["plan__offered"]))
    if len(callees) != 1:
        return offers
    (label,) = callees
    newest = _over().filter(source=label).order_by("-started", "-id")
    own = dict(newest.values_list("pk", "plan__offered")[:MOST_OWN])
    devices = Leg.objects.filter(call__in=list(own), name=CALLER).exclude(user_agent="")
    for pk, device in devices.values_list("call_id", "user_agent"):
        if own[pk]:
            offers.setdefault((label, device), frozenset(own[pk]))
    return offers


def _past_call(
    row: dict[str, Any], legs: list[PastLeg], offers: dict[Device, frozenset[str]]
) -> PastCall:
    rung = [leg for leg in legs if leg.name != CALLER]
    heard = (leg for leg in reversed(rung) if leg.codec or leg.remote)
    callee = next(heard, rung[0] if rung else None)
    answer = tuple(callee.offered) if callee is not None else ()
    own = offers.get((row["destination"], callee.user_agent)) if callee is not None else None
    vn_b = tuple(row["plan__vn_b"] or ())
    had_none = row["reason"] == Reason.NO_COMMON_CODEC_CALLEE
    offered = row["plan__offered"]
    return PastCall(
        id=str(row["pk"]),
        started=row["started"],
        caller=row["from_name"] or row["from_user"],
        callee=row["to_user"],
        source=row["source"],
        destination=row["destination"],
        offered=None if offered is None else tuple(offered),
        vn_a=tuple(row["plan__vn_a"] or ()),
        codec_a=row["codec_a"],
        codec_b=row["codec_b"],
        was_answered=row["answered"] is not None,
        had_no_common_codec=had_none,
        callee_has=frozenset(answer) | (own or frozenset()),
        # An answer of several names all of the offer that it takes (RFC 3264 section 6.1); one
        # codec alone may be no more than the first of them.
        callee_lacks=frozenset(vn_b) - frozenset(answer)
        if had_none or len(answer) > 1
        else frozenset(),
        callee_is_known=own is not None,
        was_transferred=bool(row["plan__transfers"]),
    )
