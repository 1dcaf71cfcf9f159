"""Decide what will be tried for one call: a pure function over plain data.

Whom to ring is found by `waves`; here it becomes a plan, a decline or a rejection.
"""

import dataclasses
from dataclasses import dataclass

from callengine.core.capacity import is_full, no_trunk_left
from callengine.core.denials import rate_denial
from callengine.core.directory import Destination, Platform
from callengine.core.naming import Chance
from callengine.core.obstacles import declined, declined_by_agent
from callengine.core.outcomes import Rejection, Termination
from callengine.core.permissions import RETRY_AFTER_S, Usage
from callengine.core.plan import MAX_DURATION_S, CallPlan, PlannedWaves, Wave, bridge_rate_hz
from callengine.core.request import CallRequest, NotPlannedError
from callengine.core.sips import over_tls
from callengine.core.terminations import no_common_codec_with_caller
from callengine.core.trunkwaves import left_out
from callengine.core.waves import WavePlanner, check_room
from sip.srtp import Srtp

PLAIN_FOR_AGENT = (
    "The caller's audio is not encrypted: {agent} may take the call, and voice agents hear SIP "
    "callers in plain RTP alone."
)


@dataclass(frozen=True, slots=True)
class Declined:
    """A call that is on the record but for which nobody is rung."""

    plan: CallPlan
    termination: Termination


def plan_call(
    request: CallRequest,
    *,
    destination: Destination,
    platform: Platform,
    usage: Usage,
    ring_timeout_s: float = 60.0,
    max_duration_s: float = MAX_DURATION_S,
    local_host: str = "",
    chance: Chance | None = None,
) -> CallPlan | Declined | Rejection:
    """Return the plan, the decline (no codec in common with the caller) or the rejection.

    `usage` is what is going on, for the limits; `local_host` is the host part of To URIs that name
    our own users; `chance` draws lots among gateways of equal priority, the heaviest come first
    without it.
    """
    try:
        check_caller(request, usage)
        planner = WavePlanner(request, platform, usage=usage, local_host=local_host, chance=chance)
        planned = planner.plan(destination)
        if request.is_sips:
            waves, notes = over_tls(planned.waves)
            planned = dataclasses.replace(planned, waves=waves, notes=(*planned.notes, *notes))
    except NotPlannedError as refusal:
        return rejection(request, refusal)
    plan = _plan(request, planned, ring_timeout_s)
    plan = dataclasses.replace(plan, max_duration_s=max_duration_s)
    if plan.waves:
        return plan
    if request.obstacle is not None:
        return Declined(plan, declined(*request.obstacle))
    if request.encrypted and planned.to.startswith("agent:"):
        return Declined(plan, declined_by_agent(request.who, request.encrypted))
    return Declined(plan, no_common_codec_with_caller(request.offered, planned.lists))


def rejection(request: CallRequest, refusal: NotPlannedError) -> Rejection:
    """Return what stands on record about a call that nobody is rung for."""
    return Rejection(
        source_address=request.source.address,
        user=request.from_user,
        method="INVITE",
        code=refusal.code,
        rule=refusal.rule,
        advice=refusal.advice,
        call_id=request.call_id,
        to=request.to_user,
        retry_after_s=refusal.retry_after_s,
    )


def check_caller(request: CallRequest, usage: Usage) -> None:
    """Refuse a call that would take the caller over its own limit."""
    caller = request.party
    if caller.trunk is not None and is_full(caller.trunk, usage.in_progress):
        full = no_trunk_left(caller.trunk.name)
        raise NotPlannedError(503, *full, retry_after_s=RETRY_AFTER_S)
    if caller.connection is not None:
        check_room(caller.connection, "calling", usage.in_progress)
    if (denial := rate_denial(caller.holder, usage)) is not None:
        raise NotPlannedError.by(caller.holder, denial)


def why_left_out(plan: CallPlan, trunk: str) -> str:
    """Return why a plan does not try this trunk; nothing if it says nothing about it."""
    start = left_out(trunk, "")
    return next((note.removeprefix(start) for note in plan.notes if note.startswith(start)), "")


def _plan(request: CallRequest, planned: PlannedWaves, ring_timeout_s: float) -> CallPlan:
    waves, lists = planned.waves, planned.lists
    first = waves[0] if waves else Wave((), lists.vn_a, lists.vn_b, "")
    # Phones are mixed; an agent's audio is not.
    agent = next((t.agent for wave in waves for t in wave.targets if t.agent), "")
    srtp = request.source.srtp
    plain: tuple[str, ...] = ()
    if agent and srtp is Srtp.ALLOWED:
        srtp, plain = Srtp.OFF, (PLAIN_FOR_AGENT.format(agent=agent),)
    mixed = next((wave for wave in waves if wave.vn_b), first)
    return CallPlan(
        call=request.call,
        source=request.source.label,
        destination=planned.to,
        from_user=request.from_user,
        from_name=request.from_name,
        to_user=request.to_user,
        offered=request.offered,
        vn_a=first.vn_a,
        vn_b=first.vn_b,
        vn_a_source=lists.vn_a_source,
        vn_b_source=lists.vn_b_source,
        waves=waves,
        bridge_rate_hz=bridge_rate_hz(request.offered, mixed.vn_a, mixed.vn_b),
        ring_timeout_s=ring_timeout_s,
        max_forwards=request.max_forwards - 1,  # RFC 3261 section 16.6 step 3
        notes=(*request.notes, *planned.notes, *plain),
        srtp=srtp,
        claimed=request.claimed,
        vouched=request.vouched,
        is_sips=request.is_sips,
    )
