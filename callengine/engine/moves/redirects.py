"""Call forwarding by a callee's device: its 3xx followed, by the callee's own rights."""

import asyncio
import dataclasses
import logging
import time
from collections.abc import Mapping
from typing import Protocol

from callengine.core.attempts import DECISION_TIMEOUT_S
from callengine.core.control.calls import FollowRedirect, RedirectAsked
from callengine.core.directory import Source
from callengine.core.limits import LEGS_RUNG_TOGETHER
from callengine.core.orders import WaveOrder
from callengine.core.outcomes import Rejection
from callengine.core.plan import CallPlan, Wave
from callengine.core.planner import Declined
from callengine.core.redirect import Named, redirect_user
from callengine.directory import lookup
from callengine.directory.current import Ask
from callengine.edge.callers.invites import dialled_user
from callengine.edge.messages.uris import parse_uri
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.plans.agentorders import AgentOrders
from callengine.engine.plans.order import Legs, NoTargetError, Waves, make_waves
from callengine.engine.plans.planning import Planning
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import ProcessState
from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

DECIDES_WITHIN_S = DECISION_TIMEOUT_S - 1.0
"""Before the call process goes on without: else the record would tell of a number that was rung
instead, and nobody was."""


class _NotFollowedError(Exception):
    """A redirect that rings nobody; its text says why, after "not followed: "."""


class LocalLegs(Legs, Protocol):
    """What is asked of the edge besides new legs."""

    def is_local_host(self, host: str, port: int | None) -> bool:
        """Tell whether `host[:port]` means this edge."""


class Redirects:
    """Answers call processes that ask whom to ring instead."""

    def __init__(
        self,
        *,
        planning: Planning,
        agents: AgentOrders,
        ask: Ask,
        book: CallBook,
        pool: Pool,
        edge: LocalLegs,
        failover_timeout_s: float,
    ) -> None:
        self._planning = planning
        self._agents = agents
        self._ask = ask
        self._book = book
        self._pool = pool
        self._edge = edge
        self._failover_timeout_s = failover_timeout_s
        self._tasks = BackgroundTasks("redirects")

    def hear(self, call: LiveCall, asked: RedirectAsked) -> None:
        """Take a call process's word that a leg was redirected."""
        self._tasks.start(self._decide(call, asked))

    async def _decide(self, call: LiveCall, asked: RedirectAsked) -> None:
        why = ""
        waves: tuple[WaveOrder, ...] = ()
        try:
            async with asyncio.timeout(DECIDES_WITHIN_S):
                waves = await self._follow(call, asked)
        except _NotFollowedError as error:
            why = str(error)
        except TimeoutError:
            why = f"the engine did not decide within {DECIDES_WITHIN_S:g} s"
        except Exception:
            logger.exception("a redirect could not be followed")
            why = "the engine failed; its log says why"
        process = call.process
        if call.ended or process is None or process.state is ProcessState.DEAD:
            return
        self._pool.send(process, FollowRedirect(call.plan.call, asked.leg, waves, why))

    async def _follow(self, call: LiveCall, asked: RedirectAsked) -> tuple[WaveOrder, ...]:
        """Return the legs to dial, anchored. Raises _NotFollowedError."""
        been = call.dialled or [call.plan.to_user]
        named = redirect_user(asked.code, asked.contacts, names=self._names, been=been)
        if isinstance(named, str):
            raise _NotFollowedError(named)
        if call.source is None or call.process is None:
            raise _NotFollowedError("the call is not up")
        plan, passwords = await self._plan(call, named, await self._forwarder(call))
        plan = dataclasses.replace(plan, waves=_first_wave(plan))
        try:
            waves = await make_waves(
                self._edge,
                plan,
                call.process,
                passwords=passwords,
                agent_order=self._agents.of(call, plan),
                failover_timeout_s=self._failover_timeout_s,
                first=len(call.labels),
                diverted_from=call.forwarder.partition(":")[2],
            )
        except NoTargetError as error:
            raise _NotFollowedError(str(error)) from error
        if call.ended or call.process.call != call.plan.call:
            raise _NotFollowedError("the call is over")
        # Nothing is awaited from here until the call process has its answer.
        self._begin(call, named.user, plan=plan, waves=waves, leg=asked.leg, code=asked.code)
        return waves.orders

    def _names(self, contact: str) -> Named | None:
        try:
            uri = parse_uri(contact)
        except ValueError:
            return None
        user = dialled_user(uri.user or "")
        is_ours = uri.scheme == "tel" or self._edge.is_local_host(uri.host, uri.port)
        return Named(user, is_ours, is_sips=uri.scheme == "sips") if user else None

    async def _forwarder(self, call: LiveCall) -> Source:
        """Return the callee who forwards, as a caller: its rights hold, not the first caller's."""
        kind, _, name = call.forwarder.partition(":")
        if kind != "connection":
            raise _NotFollowedError("only connections may forward; this is a trunk")
        return await self._ask(lookup.source, kind=kind, name=name, address="")

    async def _plan(
        self, call: LiveCall, named: Named, forwarder: Source
    ) -> tuple[CallPlan, Mapping[str, str]]:
        decision, passwords = await self._planning.plan_again(
            call, named.user, hops_used=1, acts_for=forwarder, is_sips=named.is_sips
        )
        if isinstance(decision, Rejection):
            raise _NotFollowedError(f"{decision.advice} Rule: {decision.rule}")
        if isinstance(decision, Declined):
            raise _NotFollowedError(decision.termination.advice)
        return decision, passwords

    def _begin(
        self, call: LiveCall, user: str, *, plan: CallPlan, waves: Waves, leg: str, code: int
    ) -> None:
        self._edge.open_legs(*waves.anchors)
        who = call.labels.get(leg) or leg
        call.ordered(waves.orders, plan)
        call.dialled = [*(call.dialled or [call.plan.to_user]), user]
        call.redirected(plan)
        self._book.changed(call)
        text = f"{who} forwards the call to {user} ({code}): {plan.waves[0].label} is rung instead."
        for note in (text, *plan.notes, *waves.notes):
            self._book.note(call, kind="redirected", leg=leg, text=note, at=time.time())


def _first_wave(plan: CallPlan) -> tuple[Wave]:
    """Return the wave that is rung: a call has few legs, and a forwarded one is not begun anew."""
    wave = plan.waves[0]
    return (dataclasses.replace(wave, targets=wave.targets[:LEGS_RUNG_TOGETHER]),)
