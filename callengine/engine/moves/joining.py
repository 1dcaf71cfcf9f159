"""One call takes whom another has: by an attended transfer (RFC 5589 section 7), or by a pick-up.

A party that joins two calls of its own asks for the one by REFER, a device that takes the place of
a party for the other by an INVITE with Replaces (RFC 3891).
"""

import dataclasses
import secrets
from typing import Protocol

from callengine.core.obstacles import without_media
from callengine.core.orders import LegOrder, WaveOrder
from callengine.core.outcomes import EndedBy, Termination
from callengine.core.parties import CALLER
from callengine.core.plan import CallPlan
from callengine.core.reasons import Reason
from callengine.edge.interface import LegAnchor
from callengine.engine.calls.livecall import Joint, LiveCall
from callengine.engine.plans.order import Waves
from callengine.engine.processes.process import CallProcess


class Anchors(Protocol):
    """What is asked of the edge about legs."""

    def leg(self, token: str) -> LegAnchor | None:
        """Return the leg a token names, if it is (still) anchored."""

    def talks(self, token: str) -> bool:
        """Tell whether the dialog of a leg is one that another leg can take over."""

    def has_been_taken_over(self, token: str) -> bool:
        """Tell whether another leg has the dialog of this one."""


def may_be_taken_over(call: LiveCall, leg: str) -> bool:
    """Tell whether another call can take over the dialog of a leg now."""
    is_browser = leg in call.browsers or (leg == CALLER and bool(call.plan.browser))
    is_ours = is_browser or leg in call.agents.orders or leg in call.selftests
    return not is_ours and call.plan.lab is None and call.transfer is None


def joined_plan(call: LiveCall, joint: Joint, waiting: str) -> CallPlan:
    """Return the call's plan once it leads to whom the other call has; nobody is rung for it.

    On both legs the lists hold that held before.
    """
    its_list = joint.call.allowed_on(joint.other)
    return dataclasses.replace(
        call.plan,
        destination=joint.call.party_of(joint.other),
        vn_a=call.allowed_on(waiting),
        vn_b=its_list,
        vn_a_source=call.snapshot["vn_a_source"],
        vn_b_source=joint.call.list_source_on(joint.other),
        waves=(),
        notes=(),
    )


def joined_waves(
    edge: Anchors, call: LiveCall, joint: Joint, *, plan: CallPlan, process: CallProcess
) -> Waves | None:
    """Return the leg that takes the other call's over, with its anchor; None: it has gone."""
    before = joint.call.leg_orders.get(joint.other)
    anchor = edge.leg(before.token) if before is not None else None
    if before is None or anchor is None:
        return None
    number, token = len(call.labels), secrets.token_hex(12)
    name = "B" if number == 1 else f"B{number}"
    order = LegOrder(
        name=name,
        token=token,
        # Loopback alone sees these: the dialog that is taken over has its own.
        to_uri="sip:peer@127.0.0.1",
        from_uri="<sip:edge@127.0.0.1>",
        public_address=before.public_address,
        offers_ipv6=before.offers_ipv6,
        label=joint.name,
        username=before.username,
        trunk=before.trunk,
        srtp=before.srtp,
        keys_readable=before.keys_readable,
        media_also_from=before.media_also_from,
        is_taken_over=True,
    )
    taken = dataclasses.replace(
        anchor,
        call=plan.call,
        name=name,
        token=token,
        worker=process.sip_address,
        takes_over=before.token,
        headers=(),
    )
    wave = WaveOrder((order,), plan.vn_a, plan.vn_b)
    return Waves(orders=(wave,), anchors=(taken,), notes=())


def lost_end(edge: Anchors, joint: Joint, *, is_late: bool = False) -> Termination | None:
    """Return how the other call ends although nothing came of the joining; None: it goes on.

    Whom it had has left with the call that took it over. `is_late`: that had ended meanwhile.
    """
    before = joint.call.leg_orders.get(joint.other)
    if joint.call.ended or before is None or not edge.has_been_taken_over(before.token):
        return None
    if is_late:
        advice = f"{joint.name} agreed to be joined with another call just as that ended, and went "
        return Termination("engine", Reason.TRANSFER_FAILED, 487, f"{advice}with it. Call anew.")
    by: EndedBy = "caller" if joint.other == CALLER else "callee"
    why = "agreed to be joined with another call, but on no audio there: that call says why."
    return without_media(by, joint.name, why)


def joined_end(joint: Joint, whom: str) -> Termination:
    """Return how the other call ends: whoever it had talks to another from now on."""
    by: EndedBy = "caller" if joint.leg == CALLER else "callee"
    who = joint.call.name_of(joint.leg)
    advice = f"{who} joined this call with another of its own: {joint.name} talks to {whom} there."
    return Termination(by, Reason.JOINED_WITH_ANOTHER, 200, advice)


def not_picked_up_end(joint: Joint, by: LiveCall) -> Termination:
    """Return how a call ends whose party was let go for a pick-up, and nothing came of that."""
    who, whom = by.name_of(CALLER), joint.call.name_of(joint.leg)
    advice = f"{who} was about to pick this call up in the place of {whom}, and did not: "
    advice += f"call {by.id} says why. Call again."
    return Termination("engine", Reason.TRANSFER_FAILED, 480, advice)


def picked_up_end(joint: Joint, by: LiveCall) -> Termination:
    """Return how a call ends that another takes over, in the place of one of its parties."""
    who, whom = by.name_of(CALLER), joint.call.name_of(joint.leg)
    advice = f"{who} picked this call up in the place of {whom} (call {by.id})."
    return Termination("engine", Reason.PICKED_UP, 200, advice)
