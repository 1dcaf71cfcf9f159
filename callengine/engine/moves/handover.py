"""A transfer that a carrier carries out itself: it is sent the REFER (RFC 3515, RFC 5589)."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from callengine.core.outcomes import EndedBy, Termination
from callengine.core.parties import CALLER
from callengine.core.plan import PlannedTarget
from callengine.core.reasons import Reason
from callengine.engine.calls.livecall import LiveCall, PendingTransfer
from sip.phrases import phrase_of

WITHIN_S = 90.0
"How long a carrier may take to connect the two."


class HandoverError(Exception):
    """The carrier has not done it; `code` says why in SIP, the text in words."""

    def __init__(self, advice: str, *, code: int) -> None:
        super().__init__(advice)
        self.code = code


class HandingEdge(Protocol):
    """What is asked of the edge."""

    def refer(self, token: str, *, target: str, by: str, heard: Callable[[int], None]) -> bool:
        """Send a leg's peer a REFER; `heard` is told how it fares. False: it cannot be sent."""

    def forget_refer(self, token: str) -> None:
        """Hear no more of that."""


def handed_to(call: LiveCall, pending: PendingTransfer) -> PlannedTarget | None:
    """Return the target that a carrier is to call itself: it has whoever is transferred."""
    plan = pending.plan
    target = plan.waves[0].targets[0] if plan is not None and plan.waves else None
    if target is None or not target.passes_refer:
        return None
    return target if call.party_of(waiting_leg(call, pending)) == f"trunk:{target.trunk}" else None


def waiting_leg(call: LiveCall, pending: PendingTransfer) -> str:
    """Return the leg of who is to be connected with another."""
    return pending.referrer.waiting if pending.referrer else call.near


class Handovers:
    """Those under way, one a call at most."""

    def __init__(self, edge: HandingEdge) -> None:
        self._edge = edge
        self._outcomes: dict[str, asyncio.Future[int]] = {}

    async def hand_over(
        self,
        call: LiveCall,
        pending: PendingTransfer,
        target: PlannedTarget,
        *,
        told: Callable[[int], None],
    ) -> Termination:
        """Have the carrier do it; return how the call ends by that. `told` takes its progress.

        Raises HandoverError.
        """
        leg, key = waiting_leg(call, pending), call.plan.call
        order = call.leg_orders.get(leg)
        outcome = self._outcomes[key] = asyncio.get_running_loop().create_future()

        def heard(code: int) -> None:
            if code < 200:
                told(code)
            elif not outcome.done():
                outcome.set_result(code)

        by = _user_of(call, pending)
        try:
            if order is None or not self._edge.refer(
                order.token, target=target.uri, by=by, heard=heard
            ):
                text = f"{call.name_of(leg)} cannot be referred now: the call is being changed."
                raise HandoverError(text, code=491)
            async with asyncio.timeout(WITHIN_S):
                code = await outcome
        except TimeoutError as error:
            text = f"{target.trunk} was sent the REFER and has not said within {WITHIN_S:g} s "
            text += "how it went. Ask the carrier whether it carries out REFER."
            raise HandoverError(text, code=408) from error
        finally:
            del self._outcomes[key]
            if order is not None:
                self._edge.forget_refer(order.token)
        if code >= 300:
            text = f"{target.trunk} was sent the REFER and says {code} {phrase_of(code)}. Ask the "
            text += "carrier whether it carries out REFER, or have us call: see the trunk's IN tab."
            raise HandoverError(text, code=code)
        return _end(call, pending, target)

    def call_ended(self, call: LiveCall) -> None:
        """Wait no more for a call that is over."""
        outcome = self._outcomes.get(call.plan.call)
        if outcome is not None and not outcome.done():
            outcome.set_result(487)


def _user_of(call: LiveCall, pending: PendingTransfer) -> str:
    """Return the user part of who wants it; the number that was dialled, if it has none of ours."""
    leg = pending.referrer.leg if pending.referrer else CALLER
    kind, _, name = call.party_of(leg).partition(":")
    return name if kind == "connection" else call.plan.to_user


def _end(call: LiveCall, pending: PendingTransfer, target: PlannedTarget) -> Termination:
    by: EndedBy = "operator"
    if pending.referrer is not None:
        by = "caller" if pending.referrer.leg == CALLER else "callee"
    elif pending.asked is not None:
        by = "callee"
    whom = call.name_of(waiting_leg(call, pending))
    advice = f"{pending.by} transferred {whom} to {pending.to}, and {target.trunk}, which was sent "
    advice += "the REFER, has connected the two itself: the call goes on there."
    return Termination(by, Reason.HANDED_TO_CARRIER, 200, advice)
