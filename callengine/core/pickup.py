"""The plan of a call that takes the place of a party in another (RFC 3891). Pure."""

import dataclasses
from dataclasses import dataclass

from audiocodecs.negotiation import ConnectionLists, TrunkLists
from callengine.core.directory import Platform, Source
from callengine.core.leglists import CallLists, connection_lists, trunk_lists
from callengine.core.obstacles import declined
from callengine.core.outcomes import Rejection
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan, bridge_rate_hz
from callengine.core.planner import Declined, check_caller, rejection
from callengine.core.request import CallRequest, NotPlannedError
from callengine.core.terminations import no_common_codec_with_caller


@dataclass(frozen=True, slots=True)
class Partner:
    """Whom the replaced party talks to: its leg is taken over, and nobody is rung."""

    party: str
    "As `connection:bob`."
    codecs: tuple[str, ...]
    "Our list on its leg."
    codecs_source: str


def plan_pick_up(
    request: CallRequest,
    *,
    partner: Partner,
    platform: Platform,
    usage: Usage,
    max_duration_s: float,
) -> CallPlan | Declined | Rejection:
    """Return the plan of whoever picks up, by the list it is called with: it is as if it had been.

    `usage` is what is going on beside the call that it takes over.
    """
    try:
        check_caller(request, usage)
        lists = CallLists(request, platform).of(_called_lists(request.source))
    except NotPlannedError as refusal:
        return rejection(request, refusal)
    lists = dataclasses.replace(
        lists,
        vn_a=lists.vn_b,
        vn_b=partner.codecs,
        vn_a_source=lists.vn_b_source,
        vn_b_source=partner.codecs_source,
        forced_by="",
    )
    plan = CallPlan(
        call=request.call,
        source=request.source.label,
        destination=partner.party,
        from_user=request.from_user,
        from_name=request.from_name,
        to_user=request.to_user,
        offered=request.offered,
        vn_a=lists.vn_a,
        vn_b=lists.vn_b,
        vn_a_source=lists.vn_a_source,
        vn_b_source=lists.vn_b_source,
        waves=(),
        bridge_rate_hz=bridge_rate_hz(request.offered, lists.vn_a, lists.vn_b),
        max_duration_s=max_duration_s,
        max_forwards=request.max_forwards - 1,
        notes=request.notes,
        srtp=request.source.srtp,
        claimed=request.claimed,
        is_sips=request.is_sips,
    )
    if request.obstacle is not None:
        return Declined(plan, declined(*request.obstacle))
    if not CallLists(request, platform).shares(lists.vn_a):
        return Declined(plan, no_common_codec_with_caller(request.offered, lists))
    return plan


def _called_lists(source: Source) -> ConnectionLists | TrunkLists:
    """Return the lists by which whoever picks up would be called."""
    if source.connection is not None:
        return connection_lists(source.connection)
    assert source.trunk is not None, "a caller nobody knows picks up nothing"
    return trunk_lists(source.trunk)
