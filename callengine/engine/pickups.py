"""Calls picked up: an INVITE with Replaces (RFC 3891) takes the place of a party that talks."""

from collections.abc import Callable
from typing import Protocol

from callengine.core.outcomes import Rejection, Termination
from callengine.core.parties import CALLER
from callengine.core.pickup import Partner
from callengine.core.reasons import Rule
from callengine.core.replaces import Replaces
from callengine.core.states import CallState
from callengine.edge.interface import IncomingCall, NamedDialog
from callengine.engine.calls import CallBook
from callengine.engine.joining import Anchors, list_source, may_be_taken_over, picked_up_end
from callengine.engine.lateanswers import LateAnswers
from callengine.engine.livecall import Joint, LiveCall


class ReplacingEdge(Anchors, Protocol):
    """What is asked of the edge."""

    def dialog_named(self, replaces: Replaces) -> NamedDialog | None:
        """Return the dialog with this Call-ID and these tags."""


class PickUps:
    """Finds the call that an INVITE with Replaces means, and ends it once it is taken over."""

    def __init__(
        self,
        *,
        book: CallBook,
        edge: ReplacingEdge,
        hang_up: Callable[[LiveCall, Termination], None],
    ) -> None:
        self._book = book
        self._edge = edge
        self._hang_up = hang_up
        self._late_answers = LateAnswers(edge, hang_up)

    def find(self, call: IncomingCall) -> Joint | Rejection:
        """Return whose place an INVITE is to take, or why it may not (RFC 3891 section 3)."""
        assert call.replaces is not None
        trunk = call.source.trunk
        may = call.source.kind == "connection" or (trunk is not None and trunk.acts_on_refer)
        if not (may and call.source.is_proven):
            who = f"The trunk {trunk.name}" if trunk else "A caller without credentials"
            advice = f"{who} may not pick calls up. "
            advice += (
                "Let it transfer calls, in the trunk's settings." if trunk else "Have it register."
            )
            return _rejected(call, 403, Rule.REPLACES_FORBIDDEN, advice)
        named = self._edge.dialog_named(call.replaces)
        if named is None or not (named.is_answered or named.is_ours):
            advice = "The dialog that its Replaces names is not up here: the call is another's, or "
            advice += "the names are not those that the replaced device has."
            return _rejected(call, 481, Rule.NO_DIALOG_TO_REPLACE, advice)
        return self._joint(call, call.replaces, named)

    def _joint(
        self, call: IncomingCall, replaces: Replaces, named: NamedDialog
    ) -> Joint | Rejection:
        live, leg = self._book.calls.get(named.anchor.call), named.anchor.name
        if named.is_over or live is None or live.ended:
            advice = "The call that was to be picked up is over. Call anew."
            return _rejected(call, 603, Rule.REPLACES_DECLINED, advice)
        who = live.name_of(leg)
        if not named.is_answered:
            advice = f"{who} has not answered yet; a call is picked up once its parties talk."
            return _rejected(call, 603, Rule.REPLACES_DECLINED, advice)
        if replaces.early_only:
            advice = f"{who} has answered meanwhile, and the pick-up was for a ringing call alone."
            return _rejected(call, 486, Rule.REPLACES_TOO_LATE, advice)
        whom = live.facing(leg)
        if whom is None or not CallState(live.snapshot["state"]).is_talking:
            advice = f"{who} talks to nobody just now. Try again in a moment."
            return _rejected(call, 491, Rule.REPLACES_TOO_EARLY, advice)
        if live.transfer is not None:
            advice = f"A transfer to {live.transfer.to} is under way. Wait for it."
            return _rejected(call, 491, Rule.REPLACES_TOO_EARLY, advice)
        if not may_be_taken_over(live, whom):
            advice = f"{live.name_of(whom)} has no SIP dialog that another call could take over."
            return _rejected(call, 603, Rule.REPLACES_DECLINED, advice)
        return Joint(live, leg, whom)

    def answered(self, call: LiveCall) -> None:
        """End the call whose party this one has taken over."""
        joint = call.joint
        if joint is not None and not joint.call.ended:
            self._hang_up(joint.call, picked_up_end(joint, call))

    def ended(self, call: LiveCall) -> None:
        """End the other call too if its party was taken over before this one was answered."""
        joint = call.joint
        before = joint.call.leg_orders.get(joint.other) if joint is not None else None
        if before is not None and self._edge.has_been_taken_over(before.token):
            self.answered(call)
        elif joint is not None and not joint.call.ended:
            self._late_answers.watch(joint)


def partner_of(joint: Joint) -> Partner:
    """Return whom the replaced party talks to."""
    return Partner(
        joint.call.party_of(joint.other),
        codecs=joint.call.allowed_on(joint.other),
        codecs_source=list_source(joint.call, joint.other),
    )


def called(joint: Joint) -> str:
    """Return the user part that stands for whom a pick-up connects with."""
    plan = joint.call.plan
    return plan.from_user if joint.other == CALLER else plan.to_user


def _rejected(call: IncomingCall, code: int, rule: Rule, advice: str) -> Rejection:
    return Rejection(
        source_address=call.source.address,
        user=call.from_user,
        method="INVITE",
        code=code,
        rule=rule,
        advice=advice,
        call_id=call.call_id,
        to=call.to_user,
    )
