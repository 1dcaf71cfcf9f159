"""Transfers, as operators ask for them: planned like a call, ordered, and written down."""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from callengine.core.control.agents import TransferAsked, TransferRefused
from callengine.core.control.calls import (
    ExpectTransfer,
    ToCallProcess,
    TransferCall,
    TransferOff,
    TransferOver,
)
from callengine.core.limits import ORDER_TIMEOUT_S, TARGETS_RUNG_TOGETHER
from callengine.core.orders import TransferOrder
from callengine.core.outcomes import Rejection, Termination
from callengine.core.parties import CALLER
from callengine.core.plan import CallPlan, PlannedTarget, Wave
from callengine.core.planner import Declined
from callengine.core.reasons import Reason
from callengine.core.states import CallState
from callengine.core.terminations import inside
from callengine.edge.callers.invites import dialled_user
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import Joint, LiveCall, PendingTransfer, Referrer
from callengine.engine.moves.handover import WITHIN_S as HANDOVER_S
from callengine.engine.moves.handover import (
    HandingEdge,
    HandoverError,
    Handovers,
    handed_to,
    waiting_leg,
)
from callengine.engine.moves.joining import Anchors, joined_end, joined_plan, joined_waves, lost_end
from callengine.engine.moves.lateanswers import LateAnswers
from callengine.engine.plans.agentorders import AgentOrders
from callengine.engine.plans.order import Legs, NoTargetError, Waves, make_waves
from callengine.engine.plans.planning import Planning, Substitute
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess
from callengine.loop.tasks import BackgroundTasks
from callengine.record.cleaning import clean_text

logger = logging.getLogger(__name__)

MAX_TARGETS = 8
"Of one transfer: each takes two of pjmedia's 64 sockets, which rest for a while once closed."
MAX_LEGS = 40
"Of one call, with all its transfers."
MARGIN_S = 5.0
"How much longer a call waits than a carrier may take to connect whoever is left in it."
REST_S = 1.0
"Between two transfers of a call, so that sockets of the first are free again."


class _RefusedError(Exception):
    """A transfer that rings nobody; its text says what happened and what to do."""

    def __init__(self, advice: str, rule: str, *, code: int = 403) -> None:
        super().__init__(f"{advice} Rule: {rule}.")
        self.code = code
        "In SIP, for an agent that asked."


HangUp = Callable[[LiveCall, Termination], None]


class JoiningEdge(Legs, Anchors, HandingEdge, Protocol):
    """What is asked of the edge: new legs, those that are taken over, and REFER."""


class Transfers:
    """Carries out the transfers of one engine; one at a time for each call."""

    def __init__(
        self,
        *,
        planning: Planning,
        agents: AgentOrders,
        book: CallBook,
        pool: Pool,
        edge: JoiningEdge,
        ring_timeout_s: float,
        hang_up: HangUp,
        failover_timeout_s: float,
    ) -> None:
        self._planning = planning
        self._agents = agents
        self._book = book
        self._pool = pool
        self._edge = edge
        self._ring_timeout_s = ring_timeout_s
        self._hang_up = hang_up
        self._failover_timeout_s = failover_timeout_s
        self._handovers = Handovers(edge)
        self._late_answers = LateAnswers(edge, hang_up)
        self._tasks = BackgroundTasks("transfers")

    def expect(self, call: LiveCall, referrer: Referrer, joint: Joint | None) -> None:
        """Have the call wait for a transfer that a party asks for: it may hang up at once.

        So may it in its other call, where whom it means must not be let go before it is had here.
        """
        self._send(call, ExpectTransfer(call.plan.call, referrer.leg, ORDER_TIMEOUT_S))
        if joint is not None:
            within_s = ORDER_TIMEOUT_S + self._ring_timeout_s
            self._send(joint.call, ExpectTransfer(joint.call.plan.call, joint.leg, within_s))

    def begin(
        self,
        call: LiveCall,
        *,
        to: str,
        by: str,
        asked: TransferAsked | None = None,
        referrer: Referrer | None = None,
        joint: Joint | None = None,
    ) -> None:
        """Connect a call's caller with somebody else; `to` and `by` are texts of a page.

        Or of a voice agent, which is told if nobody is rung: `asked` is its request then. Or a
        party asks for whoever talks to it: `referrer`, which is told all that comes of it; and if
        it has another call with whom it means, `joint`, that one is taken over instead of rung.
        """
        to = dialled_user(clean_text(to, 255).strip())
        by = clean_text(by, 150) or "An operator"
        if call.transfer is not None:
            why = f"A transfer to {call.transfer.to} is under way. Wait for it."
            late = PendingTransfer(to, by, asked=asked, referrer=referrer, joint=joint)
            self._failed(call, late, why, code=491)
            return
        call.transfer = pending = PendingTransfer(
            to, by, asked=asked, referrer=referrer, joint=joint
        )
        what = call.name_of(referrer.waiting) if referrer else "the call"
        how = f", whom it has in another call ({joint.call.id})" if joint else ""
        self._note(call, "transfer", f"{by} transfers {what} to {to}{how}.")
        self._tasks.start(self._transfer(call, pending))

    def progress(self, call: LiveCall, code: int) -> None:
        """Take how far a transfer has come that a party of the call asked for."""
        if call.transfer is not None and call.transfer.referrer is not None:
            call.transfer.referrer.tell(code)

    def call_ended(self, call: LiveCall) -> None:
        """Tell who asked for a transfer under way that it comes to nothing."""
        self.progress(call, 487)
        self._come_to_nothing(call, call.transfer, is_over=True)
        self._handovers.call_ended(call)

    def ended(self, call: LiveCall, message: TransferOver) -> None:
        """Take a call process's word that a transfer is over; the timeline has it already."""
        call.transfer_ended_at = time.monotonic()
        if message.is_fallback:
            return  # one that was asked for meanwhile is still being planned, or on its way
        pending, call.transfer = call.transfer, None
        if pending is not None and message.leg is not None:
            if pending.referrer is not None:
                call.near = pending.referrer.waiting
            if pending.joint is not None and pending.referrer is not None:
                whom = call.name_of(pending.referrer.waiting)
                self._hang_up(pending.joint.call, joined_end(pending.joint, whom))
            self._book.transferred(call, pending)
        else:
            self._come_to_nothing(call, pending)

    def _come_to_nothing(
        self, call: LiveCall, pending: PendingTransfer | None, *, is_over: bool = False
    ) -> None:
        """Release the other call that was to be joined; `is_over`: this one has ended."""
        if pending is None or pending.joint is None:
            return
        waiting = call.leg_orders.get(pending.referrer.waiting) if pending.referrer else None
        if waiting is None:
            has_left = False
        elif waiting.is_sip:
            has_left = not self._edge.talks(waiting.token)
        else:
            has_left = is_over
        self.not_joined(call, pending.joint, is_late=has_left)

    def not_joined(self, call: LiveCall, joint: Joint, *, is_late: bool = False) -> None:
        """End the other call if the try has cost it whom it had; else it waits no longer.

        `is_late`: whom it was to be joined with has hung up meanwhile.
        """
        if (end := lost_end(self._edge, joint, is_late=is_late)) is not None:
            self._hang_up(joint.call, end)
        elif not joint.call.ended:
            why = f"It was not joined with call {call.id}, whose record says why."
            self._send(joint.call, TransferOff(joint.call.plan.call, 480, why))
            self._late_answers.watch(joint)

    async def _transfer(self, call: LiveCall, pending: PendingTransfer) -> None:
        try:
            await self._start(call, pending)
        except _RefusedError as refused:
            call.transfer = None
            text = f"{refused} The call goes on as it was."
            self._failed(call, pending, text, code=refused.code)
        except Exception:
            call.transfer = None
            logger.exception("a transfer failed")
            text = "The engine failed; its log says why. The call goes on as it was."
            self._failed(call, pending, text, code=500)

    async def _start(self, call: LiveCall, pending: PendingTransfer) -> None:
        """Plan, and hand the targets to the call's process. Raises _RefusedError."""
        _check(call)
        if pending.joint is not None:
            self._take_over(call, pending, pending.joint)
            return
        pending.plan, left_out, passwords = await self._plan(call, pending)
        if (target := handed_to(call, pending)) is not None:
            await self._have_connected(call, pending, target)
            return
        process = call.process
        assert process is not None
        try:
            waves = await make_waves(
                self._edge,
                pending.plan,
                process,
                passwords=passwords,
                agent_order=self._agents.of(call, pending.plan),
                first=_legs_used(call),
                failover_timeout_s=self._failover_timeout_s,
            )
        except NoTargetError as error:
            raise _RefusedError(str(error), Reason.CALLEE_UNREACHABLE, code=503) from error
        if call.ended:
            return
        # Nothing is awaited from here until the call process has the order.
        for text in (*pending.plan.notes, *left_out, *waves.notes):
            self._note(call, "plan", text)
        self._hand_over(call, pending, process=process, waves=waves)

    async def _have_connected(
        self, call: LiveCall, pending: PendingTransfer, target: PlannedTarget
    ) -> None:
        """Have a carrier connect the two itself; that ends the call. Raises _RefusedError."""
        whom = inside(call.name_of(waiting_leg(call, pending)))
        text = f"{target.trunk} is sent the REFER, to connect {whom} with {pending.to} itself."
        self._note(call, "transfer", text)
        if pending.referrer is not None:
            wait = ExpectTransfer(call.plan.call, pending.referrer.leg, HANDOVER_S + MARGIN_S)
            self._send(call, wait)
        told = partial(self.progress, call)
        try:
            end = await self._handovers.hand_over(call, pending, target, told=told)
        except HandoverError as error:
            raise _RefusedError(str(error), Reason.TRANSFER_FAILED, code=error.code) from error
        call.transfer = None
        if pending.referrer is not None:
            pending.referrer.tell(200)
        self._hang_up(call, end)

    def _take_over(self, call: LiveCall, pending: PendingTransfer, joint: Joint) -> None:
        """Have the call's process take over whom the other call has. Raises _RefusedError."""
        process, referrer = call.process, pending.referrer
        assert process is not None
        assert referrer is not None
        pending.plan = plan = joined_plan(call, joint, referrer.waiting)
        waves = joined_waves(self._edge, call, joint, plan=plan, process=process)
        if waves is None or joint.call.ended:
            text = f"{joint.name} has left the other call. Call again."
            raise _RefusedError(text, Reason.CALL_NOT_ANSWERED, code=481)
        self._hand_over(call, pending, process=process, waves=waves)

    async def _plan(
        self, call: LiveCall, pending: PendingTransfer
    ) -> tuple[CallPlan, list[str], Mapping[str, str]]:
        """Return the plan by which the caller would reach it, what is left out, the passwords.

        The caller, or whoever is referred: then by the rights of who refers.
        """
        decision, passwords = await self._planning.plan_again(
            call,
            pending.to,
            hops_used=0,
            acts_for=pending.referrer.source if pending.referrer else None,
            caller=_substitute(call, pending),
            is_sips=bool(pending.referrer and pending.referrer.is_sips),
            passed=pending.referrer.passed if pending.referrer else (),
        )
        if isinstance(decision, Rejection):
            raise _RefusedError(decision.advice, decision.rule, code=decision.code)
        if isinstance(decision, Declined):
            end = decision.termination
            raise _RefusedError(end.advice, end.reason, code=end.code)
        return (*_in_small_waves(decision), passwords)

    def _hand_over(
        self, call: LiveCall, pending: PendingTransfer, *, process: CallProcess, waves: Waves
    ) -> None:
        if not process.has(call.plan.call):
            return  # the call ends with it
        self._edge.open_legs(*waves.anchors)
        assert pending.plan is not None
        call.ordered(waves.orders, pending.plan)
        order = TransferOrder(
            call=call.plan.call,
            to=pending.to,
            by=pending.by,
            waves=waves.orders,
            ring_timeout_s=self._ring_timeout_s,
            key=pending.asked.key if pending.asked else "",
            referrer=pending.referrer.leg if pending.referrer else "",
        )
        self._pool.send(process, TransferCall(order))

    def _failed(self, call: LiveCall, pending: PendingTransfer, why: str, *, code: int) -> None:
        self._note(call, "transfer-failed", f"Not transferred to {pending.to or 'nobody'}: {why}")
        if pending.referrer is not None:
            pending.referrer.tell(code)
            self._send(call, TransferOff(call.plan.call, code, why[:4000]))
        self._come_to_nothing(call, pending)
        if (asked := pending.asked) is not None:
            leg, key = asked.leg, asked.key
            self._send(call, TransferRefused(call.plan.call, leg, key, code, why[:4000]))

    def _send(self, call: LiveCall, message: ToCallProcess) -> None:
        process = call.process
        if process is not None and process.call == call.plan.call:
            self._pool.send(process, message)

    def _note(self, call: LiveCall, kind: str, text: str) -> None:
        if not call.ended:
            self._book.note(call, kind=kind, leg="", text=text, at=time.time())


def _substitute(call: LiveCall, pending: PendingTransfer) -> Substitute | None:
    """Return who is connected with the target, if that is not the call's own caller."""
    waiting = waiting_leg(call, pending)
    if waiting == CALLER:
        return None
    partner = pending.referrer.partner if pending.referrer else None
    kind, _, name = call.party_of(waiting).partition(":")
    user = name if kind == "connection" else call.plan.to_user
    return Substitute(waiting, user, call.name_of(waiting), partner)


def _check(call: LiveCall) -> None:
    """Refuse what cannot be transferred now."""
    if call.process is None or not CallState(call.snapshot["state"]).is_talking:
        text = "Nobody has answered the call yet. Transfer it once they talk."
        raise _RefusedError(text, Reason.CALL_NOT_ANSWERED, code=491)
    if call.plan.lab is not None:
        text = "Calls of the codec lab stay between its two phones. Transfer a real call."
        raise _RefusedError(text, Reason.LAB_CALL)
    if time.monotonic() - call.transfer_ended_at < REST_S:
        text = "The last transfer has only just ended. Try again in a second."
        raise _RefusedError(text, Reason.TRANSFERS_TOO_FAST, code=503)
    if _legs_used(call) + MAX_TARGETS > MAX_LEGS:
        text = "The call has been transferred too many times. Hang up and call anew."
        raise _RefusedError(text, Reason.TOO_MANY_TRANSFERS)


def _legs_used(call: LiveCall) -> int:
    # A, B, B2 ... Bn are n + 1 labels and the next is B(n + 1).
    return len(call.labels)


def _in_small_waves(plan: CallPlan) -> tuple[CallPlan, list[str]]:
    """Return the plan with waves that fit beside the present legs, and what was left out."""
    waves: list[Wave] = []
    room = MAX_TARGETS
    for wave in plan.waves:
        targets = wave.targets[:room]
        room -= len(targets)
        waves += dataclasses.replace(wave, targets=targets).in_groups(TARGETS_RUNG_TOGETHER)
    count = sum(len(wave.targets) for wave in plan.waves) - (MAX_TARGETS - room)
    text = f"{count} more were left out: a transfer rings {MAX_TARGETS} at most."
    return dataclasses.replace(plan, waves=tuple(waves)), [text] if count else []
