"""Giving calls to call processes: one that does not take its call is ended, and another tries."""

import asyncio
import logging
import os
import time
from typing import Protocol

from callengine.core.causes import q850_reason
from callengine.core.control.calls import EndCall, TakeCall
from callengine.core.control.levels import LISTEN_S, MeasureLevels
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.edge.interface import Accepted, Refused
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.moves.joining import Anchors, joined_waves
from callengine.engine.plans.agentorders import AgentOrders
from callengine.engine.plans.order import Legs, NoTargetError, Waves, make_order, make_waves
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess, NoProcessStartsError, ProcessState
from callengine.engine.processes.turns import FOR_EACH_PROCESSOR, CallTurns
from callengine.engine.settings import EngineSettings
from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

ATTEMPTS = 2
"Processes a call is given to before it fails: a call that breaks them must not break many."
TAKE_TIMEOUT_S = 2.5
"How long a process may take to say that it has the call. It knows within milliseconds."
RETRY_AFTER_S = 5

FAILED = Termination(
    "engine",
    Reason.SET_UP_FAILED,
    500,
    "The engine failed while it set this call up. Look into its log and report it.",
)
GAVE_UP = Termination(
    "caller", Reason.CALLER_CANCELLED, 487, "The caller gave up before anybody answered."
)


class Calls(Legs, Anchors, Protocol):
    """What is asked of the edge about a call."""

    def abandon(self, call: str, *, code: int, reason: str) -> None:
        """End a call that no process carries: BYE, CANCEL or a final code, as each leg needs."""

    def move_call(self, accepted: Accepted) -> bool:
        """Give a call to another process; False if nobody waits any more."""


class Assignment:
    """Finds each call of an engine a process that takes it."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        pool: Pool,
        book: CallBook,
        edge: Calls,
        agents: AgentOrders,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._book = book
        self._edge = edge
        self._agents = agents
        self._turns = CallTurns(FOR_EACH_PROCESSOR * len(os.sched_getaffinity(0)))
        self._calls: dict[int, LiveCall] = {}
        "By the number of their process."
        self._tasks = BackgroundTasks("assignment")

    def call_of(self, process: CallProcess) -> LiveCall | None:
        """Return the call a process was given."""
        return self._calls.get(process.number)

    def forget(self, process: CallProcess) -> LiveCall | None:
        """Return the call a process was given, for the last time."""
        live = self._calls.pop(process.number, None)
        if live is not None:
            self._turns.end(live.plan.call)
        return live

    async def connect(self, live: LiveCall) -> Accepted | Refused:
        """Order a process to carry a call; what it has by then is the edge's to forward."""
        process = None
        try:
            await self._turns.begin(live.plan.call)
            if (over := self._over(live)) is not None:
                return over
            while True:
                try:
                    process = await self._pool.acquire(live.plan.bridge_rate_hz)
                except NoProcessStartsError:
                    return self._over(live) or self._none_starts(live)
                if process is None:
                    return self._over(live) or self._none_free(live)
                outcome = await self._order(live, process)
                if outcome is not None:
                    return outcome
        finally:
            if live.process is None:  # whatever happened, nothing of the call stays behind
                self._turns.end(live.plan.call)
                self._book.close(live, FAILED)
                if process is not None:
                    self._pool.release(process, recycle=False)

    async def _order(self, live: LiveCall, process: CallProcess) -> Accepted | Refused | None:
        """Give a call to a process; None if the process has died meanwhile."""
        plan, call = live.plan, live.incoming
        assert call is not None
        try:
            orders = make_order(
                self._edge,
                plan,
                await self._waves(live, process),
                call=call,
                process=process,
                media_timeout_s=self._settings.media_timeout_s,
                media_also_from=self._settings.media_also_from,
            )
        except NoTargetError as error:
            return self._over(live) or self._unreachable(live, str(error))
        if process.state is ProcessState.DEAD:
            return None
        # Nothing is awaited from here until the edge has the outcome.
        if (over := self._over(live)) is not None:
            return over
        live.process, live.order, live.taken = process, orders.order, False
        live.attempts += 1
        live.ordered(orders.order.waves, live.plan)
        live.leg_orders["A"] = orders.order.leg_a
        process.call = plan.call
        self._calls[process.number] = live
        if live.attempts == 1:
            for note in orders.notes:
                self._book.note(live, kind="plan", leg="", text=note, at=time.time())
        # A browser sends no INVITE that would wake it.
        self._pool.send(process, TakeCall(orders.order), wake=bool(plan.browser))
        asyncio.get_running_loop().call_later(TAKE_TIMEOUT_S, self._overdue, live, process)
        return Accepted(leg_a=orders.leg_a, legs_b=orders.legs_b)

    async def _waves(self, live: LiveCall, process: CallProcess) -> Waves:
        """Return whom a process is to ring, or to take over. Raises NoTargetError."""
        if live.joint is None:
            return await make_waves(
                self._edge,
                live.plan,
                process,
                passwords=live.passwords,
                agent_order=self._agents.of(live, live.plan),
                failover_timeout_s=self._settings.failover_timeout_s,
            )
        waves = joined_waves(self._edge, live, live.joint, plan=live.plan, process=process)
        if waves is None:
            raise NoTargetError(f"{live.joint.name} has left the call that was to be picked up.")
        return waves

    def _over(self, live: LiveCall) -> Refused | None:
        """End a call that was given up, or ended by us, before it had a process; None: it was not.

        Its caller has been answered then, whatever else the call would have come to.
        """
        ending = live.ending or (GAVE_UP if live.given_up else None)
        if ending is None:
            return None
        self._book.close(live, ending)
        return Refused(_final(ending))

    def _unreachable(self, live: LiveCall, why: str) -> Refused:
        self._book.close(live, Termination("engine", Reason.CALLEE_UNREACHABLE, 503, why))
        return Refused(503, reason=q850_reason(503))

    def _none_free(self, live: LiveCall) -> Refused:
        advice = (
            f"All {self._settings.pool.max_calls} calls this engine may hold are taken. "
            "Raise VOIPNUMBER_MAX_CALLS or add an engine."
        )
        self._book.close(live, Termination("engine", Reason.NO_CALL_PROCESS, 503, advice))
        return Refused(503, retry_after_s=RETRY_AFTER_S)

    def _none_starts(self, live: LiveCall) -> Refused:
        advice = "No call process could be started for it. Look into the engine's log."
        self._book.close(live, Termination("engine", Reason.NO_WORKING_CALL_PROCESS, 500, advice))
        return Refused(500, reason=q850_reason(500))

    def hang_up(self, call: LiveCall, termination: Termination) -> None:
        """End a call for a reason of ours; one that is over stays as it ended."""
        if not call.taken:
            call.ending = termination
        process = call.process
        # The process of a call that is over may have another by now.
        if process is not None and not call.ended and process.call == call.plan.call:
            self._pool.send(process, EndCall(termination))

    def listen(self, call: LiveCall) -> None:
        """Have pages told for a while how loud the parties are: somebody looks."""
        if call.process is not None and call.taken and not call.ended:
            self._pool.send(call.process, MeasureLevels(call.plan.call, LISTEN_S))

    # Whether it takes the call

    def taken(self, live: LiveCall) -> None:
        """Note that a call's process has taken it."""
        live.taken, live.incoming = True, None
        self._turns.end(live.plan.call)

    def longest_s(self) -> float:
        """Return for how many seconds calls have waited to be taken."""
        return self._turns.longest_s(time.monotonic())

    def has_taken(self, call: str) -> bool:
        """Tell whether a call's process has taken it; one that answers without is unable to."""
        live = self._book.calls.get(call)
        if live is None or live.taken:
            return True
        process = live.process
        if process is None:
            return False
        self._pool.hear(process)  # its word was sent before its answer
        if self._calls.get(process.number) is live and not self._is_taken(live):
            self.unable(process, Reason.NO_WORKING_CALL_PROCESS, "it answered without taking it")
        return self._is_taken(live)

    def _is_taken(self, live: LiveCall) -> bool:
        return live.taken

    def _overdue(self, live: LiveCall, process: CallProcess) -> None:
        if self._calls.get(process.number) is live and not live.taken:
            self.unable(
                process, Reason.NO_WORKING_CALL_PROCESS, f"no word for {TAKE_TIMEOUT_S:g} s"
            )

    def unable(self, process: CallProcess, reason: Reason, why: str) -> None:
        """End a process that did not take its call, and have another try."""
        live = self.forget(process)
        logger.error("call process %s did not take its call: %s; ending it", process.pid, why)
        self._pool.release(process, recycle=True)
        if live is None or live.ended:
            return
        live.process = None
        self._tasks.start(self._again(live, reason, why))

    async def _again(self, live: LiveCall, reason: Reason, why: str) -> None:
        if live.given_up or live.ending is not None:
            self._fail(live, live.ending or GAVE_UP)
            return
        if live.attempts >= ATTEMPTS:
            self._fail(live, _not_taken(live.attempts, reason, why))
            return
        text = f"A call process did not take the call: {why}. It was ended and another one tries."
        self._book.note(live, kind="retried", leg="", text=text, at=time.time())
        try:
            outcome = await self.connect(live)
        except Exception:
            logger.exception("a call could not be given to another process")
            outcome = Refused(500)
        if isinstance(outcome, Refused):
            self._edge.abandon(live.plan.call, code=outcome.code, reason=outcome.reason)
        elif live.plan.browser:
            self._edge.open_legs(*outcome.legs_b)
        elif not self._edge.move_call(outcome):
            self._fail(live, GAVE_UP)

    def _fail(self, live: LiveCall, ending: Termination) -> None:
        if live.process is not None:
            self.forget(live.process)
            self._pool.release(live.process, recycle=True)
        self._book.close(live, ending)
        code = _final(ending)
        self._edge.abandon(live.plan.call, code=code, reason=q850_reason(code))


def _final(ending: Termination) -> int:
    """Return the code that ends an INVITE."""
    return ending.code if ending.code >= 400 else 480


def _not_taken(attempts: int, reason: Reason, why: str) -> Termination:
    advice = (
        f"{attempts} call processes, one after the other, did not take the call: {why}. "
        "Look into the engine's log and at the INVITE in the ladder, and report both."
    )
    return Termination("engine", reason, 500, advice)
