"""A new call from the edge: judged, planned, and given a call process."""

from dataclasses import replace
from typing import Protocol

from callengine.core.causes import q850_reason
from callengine.core.orders import passwords_of
from callengine.core.outcomes import Rejection
from callengine.core.plan import CallPlan
from callengine.core.planner import Declined
from callengine.edge.interface import Accepted, IncomingCall, Refused
from callengine.edge.transactions.rejections import GAVE_UP_FIRST
from callengine.engine.arrivals.admission import Room
from callengine.engine.arrivals.assignment import GAVE_UP, Assignment
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import Joint
from callengine.engine.moves.pickups import PickUps, called
from callengine.engine.plans.planning import Planning


class StoresRejections(Protocol):
    """What is asked of the edge: to keep what is refused before there is a call."""

    def store(self, rejection: Rejection) -> None:
        """Put a refused request on record."""


class NewCalls:
    """Takes calls."""

    def __init__(
        self,
        *,
        planning: Planning,
        pickups: PickUps,
        assignment: Assignment,
        room: Room,
        book: CallBook,
        edge: StoresRejections,
    ) -> None:
        self._planning = planning
        self._pickups = pickups
        self._assignment = assignment
        self._room = room
        self._book = book
        self._edge = edge

    async def set_up(self, call: IncomingCall) -> Accepted | Refused:
        """Plan a call and find it a call process."""
        joint = await self._pickups.find(call) if call.replaces is not None else None
        if isinstance(joint, Rejection):
            return self._refuse(joint, call)
        call = replace(call, to_user=called(joint)) if joint is not None else call
        asked = await self._planning.asked(call)
        if isinstance(asked, Rejection):
            return self._refuse(asked, call)
        call = asked.call
        # Nothing is awaited from here until the call is in the book, or many at once would pass.
        if (short := self._room.shortage(call.source, self._book.calls.values())) is not None:
            after_s = short.retry_after_s
            lacking = call.rejected(short.code, short.rule, short.advice, retry_after_s=after_s)
            return self._refuse(lacking, call)
        decision = (
            self._planning.decide_pick_up(asked, joint) if joint else self._planning.decide(asked)
        )
        if isinstance(decision, Rejection):
            return self._refuse(decision, call)
        if isinstance(decision, Declined):
            live = self._book.open(decision.plan, call)
            self._book.close(live, GAVE_UP if call.given_up() else decision.termination)
            return Refused(488, reason=q850_reason(488))
        return await self._connect(decision, call, passwords_of(asked.destination), joint)

    async def _connect(
        self, plan: CallPlan, call: IncomingCall, passwords: dict[str, str], joint: Joint | None
    ) -> Accepted | Refused:
        live = self._book.open(plan, call)
        live.passwords, live.joint = passwords, joint
        live.source, live.flow, live.incoming = call.source, call.flow, call
        live.headers = call.headers
        if (missed := await self._pickups.prepare(live)) is not None:
            self._book.close(live, GAVE_UP if call.given_up() else missed)
            return Refused(missed.code)
        outcome = await self._assignment.connect(live)
        if isinstance(outcome, Refused):
            self._pickups.ended(live)
        return outcome

    def _refuse(self, rejection: Rejection, call: IncomingCall) -> Refused:
        stored = rejection
        if call.given_up():  # 487 was the answer, and what is returned here is not sent
            stored = replace(rejection, code=487, advice=f"{GAVE_UP_FIRST} {rejection.advice}")
        self._edge.store(stored)
        return Refused(rejection.code, retry_after_s=rejection.retry_after_s)
