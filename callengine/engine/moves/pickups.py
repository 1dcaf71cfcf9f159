"""Calls picked up: an INVITE with Replaces (RFC 3891) takes the place of a party.

One that talks, or one whose device rings: the caller is then answered for it, and those that ring
are told that the call was completed elsewhere.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from callengine.core.control.calls import AnswerCall
from callengine.core.outcomes import Rejection, Termination
from callengine.core.parties import CALLER
from callengine.core.reasons import Reason, Rule
from callengine.core.replaces import Replaces
from callengine.core.states import CallState
from callengine.edge.interface import IncomingCall, NamedDialog
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import Joint, LiveCall
from callengine.engine.calls.settling import is_rung, partner
from callengine.engine.moves.joining import (
    Anchors,
    may_be_taken_over,
    not_picked_up_end,
    picked_up_end,
)
from callengine.engine.moves.lateanswers import LateAnswers
from callengine.engine.processes.process import CallProcess

WITHIN_S = 15.0
"How long a caller that was answered for a pick-up waits to be taken over."
ACK_TIMEOUT_S = 4.0
"How long its ACK may take."


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
        send: Callable[[CallProcess, AnswerCall], None],
    ) -> None:
        self._book = book
        self._send = send
        self._edge = edge
        self._hang_up = hang_up
        self._late_answers = LateAnswers(edge, hang_up)

    async def find(self, call: IncomingCall) -> Joint | Rejection:
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
            return call.rejected(403, Rule.REPLACES_FORBIDDEN, advice)
        named = self._edge.dialog_named(call.replaces)
        if named is None or not (named.is_answered or named.is_ours):
            advice = "The dialog that its Replaces names is not up here: the call is another's, or "
            advice += "the names are not those that the replaced device has."
            return call.rejected(481, Rule.NO_DIALOG_TO_REPLACE, advice)
        return await self._joint(call, call.replaces, named)

    async def _joint(
        self, call: IncomingCall, replaces: Replaces, named: NamedDialog
    ) -> Joint | Rejection:
        live, leg = self._book.calls.get(named.anchor.call), named.anchor.name
        if named.is_over or live is None or live.ended:
            return _over(call)
        who = live.name_of(leg)
        if not named.is_answered:
            return await self._of_ringing(call, live, leg)
        if replaces.early_only:
            advice = f"{who} has answered meanwhile, and the pick-up was for a ringing call alone."
            return call.rejected(486, Rule.REPLACES_TOO_LATE, advice)
        whom = await partner(live, leg)
        if live.ended:
            return _over(call)
        if whom is None:
            advice = f"{who} talks to nobody just now. Try again in a moment."
            return call.rejected(491, Rule.REPLACES_TOO_EARLY, advice)
        if live.transfer is not None:
            advice = f"A transfer to {live.transfer.to} is under way. Wait for it."
            return call.rejected(491, Rule.REPLACES_TOO_EARLY, advice)
        return _taking(call, Joint(live, leg, whom))

    async def _of_ringing(self, call: IncomingCall, live: LiveCall, leg: str) -> Joint | Rejection:
        """Return whose place is taken while its device rings: that we have called it is known."""
        is_up, who = await is_rung(live, leg), live.name_of(leg)
        if is_up and CallState(live.snapshot["state"]).is_talking:
            advice = f"{who} rings for a transfer, which is not picked up. Wait until it answers."
            return call.rejected(603, Rule.REPLACES_DECLINED, advice)
        if live.ended or not is_up:
            return call.rejected(603, Rule.REPLACES_DECLINED, f"{who} is not rung any more.")
        return _taking(call, Joint(live, leg, CALLER, is_ringing=True))

    async def prepare(self, call: LiveCall) -> Termination | None:
        """Have a caller who waits answered, so that it can be taken over; or return why not."""
        joint = call.joint
        if joint is None or not joint.is_ringing:
            return None
        other = joint.call
        order = other.leg_orders.get(CALLER)
        if other.ended or other.process is None or order is None:
            return _came_too_late("It ended before that.")
        otherwise = not_picked_up_end(joint, call)
        self._send(other.process, AnswerCall(other.plan.call, WITHIN_S, otherwise))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACK_TIMEOUT_S):
                while not (other.ended or self._edge.talks(order.token)):
                    other.news.clear()
                    await other.news.wait()
        if self._edge.talks(order.token):
            return self._answered_meanwhile(call, joint)
        if other.ended:
            return _came_too_late("It ended before that.")
        self._hang_up(other, otherwise)
        who = other.name_of(CALLER)
        return _came_too_late(f"{who} was answered and sent no ACK: look at its ladder.")

    def _answered_meanwhile(self, call: LiveCall, joint: Joint) -> Termination | None:
        """Return why a pick-up of a ringing call alone comes too late, if the device answered."""
        replaces = call.incoming.replaces if call.incoming is not None else None
        if replaces is None or not replaces.early_only:
            return None
        named = self._edge.dialog_named(replaces)
        if named is None or not named.is_answered:
            return None
        who = joint.call.name_of(joint.leg)
        return _came_too_late(
            f"{who} answered just then, and it was for a ringing call alone.", 486
        )

    def answered(self, call: LiveCall) -> None:
        """End the call whose party this one has taken over."""
        joint = call.joint
        if joint is not None and not joint.call.ended:
            self._hang_up(joint.call, picked_up_end(joint, call))

    def ended(self, call: LiveCall) -> None:
        """End the other call too if its party was taken over before this one was answered."""
        joint = call.joint
        if joint is None or joint.call.ended:
            return
        before = joint.call.leg_orders.get(joint.other)
        is_lost = before is not None and self._edge.has_been_taken_over(before.token)
        if is_lost or joint.is_ringing:
            self._hang_up(joint.call, not_picked_up_end(joint, call))
        else:
            self._late_answers.watch(joint)


def _over(call: IncomingCall) -> Rejection:
    advice = "The call that was to be picked up is over. Call anew."
    return call.rejected(603, Rule.REPLACES_DECLINED, advice)


def _taking(call: IncomingCall, joint: Joint) -> Joint | Rejection:
    """Return whose place is taken, unless it talks to what has no dialog: a browser, the lab."""
    if may_be_taken_over(joint.call, joint.other):
        return joint
    advice = f"{joint.name} has no SIP dialog that another call could take over."
    return call.rejected(603, Rule.REPLACES_DECLINED, advice)


def called(joint: Joint) -> str:
    """Return the user part that stands for whom a pick-up connects with."""
    plan = joint.call.plan
    return plan.from_user if joint.other == CALLER else plan.to_user


def _came_too_late(why: str, code: int = 480) -> Termination:
    advice = f"The call that was to be picked up could not be. {why}"
    return Termination("engine", Reason.CALLEE_UNREACHABLE, code, advice)
