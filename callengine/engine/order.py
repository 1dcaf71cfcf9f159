"""Turn a plan into what the call process and the edge are given: tokens, addresses, secrets."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from callengine.core.orders import AgentOrder, CallOrder, LegOrder, WaveOrder
from callengine.core.plan import CallPlan, PlannedTarget, Wave
from callengine.edge.flow import Flow
from callengine.edge.interface import IncomingCall, LegAnchor
from callengine.edge.messages.uris import name_addr, sip_uri
from callengine.edge.transport.addresses import host_of
from callengine.engine.processes import CallProcess

RESOLVE_TIMEOUT_S = 3.0
RESPONSE_TIMEOUT_S = 10.0
FAILOVER_TIMEOUT_S = 4.0
"How long a target may say nothing, alone and when others wait for their turn."


class NoTargetError(Exception):
    """None of a plan's targets can be reached; its text says why."""


class PeerAddresses(Protocol):
    """What is asked of the edge about addresses."""

    @property
    def internal_address(self) -> str:
        """Where call processes reach the edge, `127.0.0.1:PORT`."""

    def public_address_for(self, flow: str) -> tuple[str, int]:
        """Return the address and port shown to that peer."""

    def media_address_for(self, flow: str) -> str:
        """Return the address that descriptions show to that peer."""

    async def resolve(self, uri: str) -> str:
        """Return the flow of a SIP URI; raises OSError or ValueError saying why not."""


class Legs(PeerAddresses, Protocol):
    """What is asked of the edge for the new legs of a call that is up."""

    def open_legs(self, *anchors: LegAnchor) -> None:
        """Anchor more legs of a call; raises ValueError if a token is in use."""


AgentOrderOf = Callable[[str], Awaitable[AgentOrder]]
"Makes the order of the voice agent of this name; raises NoTargetError if there is none."


@dataclass(frozen=True, slots=True)
class Orders:
    """One call's order, its anchors, and what was left out."""

    order: CallOrder
    leg_a: LegAnchor
    legs_b: tuple[LegAnchor, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waves:
    """Whom a call process is to ring, their anchors, and what was left out."""

    orders: tuple[WaveOrder, ...]
    anchors: tuple[LegAnchor, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Prepared:
    order: LegOrder
    anchor: LegAnchor | None
    "None for a voice agent, which is no peer of the edge's."


async def make_order(
    edge: PeerAddresses,
    plan: CallPlan,
    *,
    call: IncomingCall,
    process: CallProcess,
    passwords: Mapping[str, str],
    agent_order: AgentOrderOf,
    media_timeout_s: float = 0.0,
    media_also_from: tuple[str, ...] = (),
) -> Orders:
    """Return the order for a plan; raises NoTargetError if no target's address resolves."""
    waves = await make_waves(edge, plan, process, passwords=passwords, agent_order=agent_order)
    trunk = call.source.trunk
    leg_a = LegAnchor(
        plan.call, "A", _token(), process.sip_address, hosts=trunk.hosts if trunk else ()
    )
    order = CallOrder(
        call=plan.call,
        edge=edge.internal_address,
        leg_a=LegOrder(
            "A",
            leg_a.token,
            public_address=edge.media_address_for(call.flow),
            label=plan.from_name or plan.from_user,
            trunk=call.source.trunk.name if call.source.trunk else "",
            media_also_from=call.source.trunk.media_also_from if call.source.trunk else (),
            is_proven=call.source.kind != "external" or Flow.parse(call.flow).is_reliable,
        ),
        waves=waves.orders,
        offered=plan.offered,
        ring_timeout_s=plan.ring_timeout_s,
        max_duration_s=plan.max_duration_s,
        media_timeout_s=media_timeout_s,
        media_also_from=media_also_from,
    )
    return Orders(order, leg_a, waves.anchors, waves.notes)


async def make_waves(
    edge: PeerAddresses,
    plan: CallPlan,
    process: CallProcess,
    *,
    passwords: Mapping[str, str],
    agent_order: AgentOrderOf,
    first: int = 1,
    diverted_from: str = "",
) -> Waves:
    """Return the legs of a plan's waves, numbered from `first`: B, B2, B3 ...

    `passwords` holds what the gateways of each trunk are answered with, by the trunk's name.
    `diverted_from` is the SIP user of the callee who forwarded the call to them. Raises
    NoTargetError if no target's address resolves.
    """
    targets = [target for wave in plan.waves for target in wave.targets]
    places = await asyncio.gather(*(_place(edge, target, agent_order) for target in targets))
    found = zip(targets, places, strict=True)
    reachable = {id(t): at for t, at in found if not isinstance(at, NoTargetError)}
    notes = tuple(str(at) for at in places if isinstance(at, NoTargetError))
    if not reachable:
        raise NoTargetError(" ".join(notes))
    numbers = itertools.count(first)
    waves, prepared = [], []
    for wave in plan.waves:
        patience_s = RESPONSE_TIMEOUT_S if wave is plan.waves[-1] else FAILOVER_TIMEOUT_S
        aim = _Aim(edge, plan, process, passwords, patience_s, diverted_from)
        legs = [
            _leg_b(aim, target, place=reachable[id(target)], number=next(numbers))
            for target in wave.targets
            if id(target) in reachable
        ]
        if legs:
            prepared += legs
            waves.append(_wave(wave, legs))
    return Waves(
        orders=tuple(waves),
        anchors=tuple(leg.anchor for leg in prepared if leg.anchor is not None),
        notes=notes,
    )


async def _place(
    edge: PeerAddresses, target: PlannedTarget, agent_order: AgentOrderOf
) -> str | AgentOrder | NoTargetError:
    """Return where a target is: its flow, or its agent."""
    if target.flow:
        return target.flow
    try:
        if target.agent:
            return await agent_order(target.agent)
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            return await edge.resolve(target.uri)
    except NoTargetError as error:
        return error
    except (OSError, ValueError, TimeoutError) as error:
        why = str(error) or "the name was not resolved in time"
        return NoTargetError(f"{target.label} was left out: {why}. Check the address {target.uri}.")


def _wave(wave: Wave, legs: list[_Prepared]) -> WaveOrder:
    return WaveOrder(
        tuple(leg.order for leg in legs),
        wave.vn_a,
        wave.vn_b,
        wave.when,
        ring_timeout_s=wave.ring_timeout_s,
        longest_s=wave.longest_s,
        longest_why=wave.longest_why,
    )


@dataclass(frozen=True, slots=True)
class _Aim:
    """What all legs of a wave have in common."""

    edge: PeerAddresses
    plan: CallPlan
    process: CallProcess
    passwords: Mapping[str, str]
    response_timeout_s: float
    diverted_from: str


def _leg_b(aim: _Aim, target: PlannedTarget, *, place: str | AgentOrder, number: int) -> _Prepared:
    name = "B" if number == 1 else f"B{number}"
    if isinstance(place, AgentOrder):
        return _Prepared(LegOrder(name, "", label=target.label, agent=place), None)
    return _sip_leg(aim, target, flow=place, name=name)


def _sip_leg(aim: _Aim, target: PlannedTarget, *, flow: str, name: str) -> _Prepared:
    plan = aim.plan
    host, port = aim.edge.public_address_for(flow)
    token = _token()
    caller = sip_uri(plan.from_user or "anonymous", host, port)
    order = LegOrder(
        name=name,
        token=token,
        to_uri=target.to_uri,
        from_uri=name_addr(plan.from_name, caller),
        public_address=aim.edge.media_address_for(flow),
        label=target.label,
        username=target.username,
        password=aim.passwords.get(target.trunk, ""),
        trunk=target.trunk,
        media_also_from=target.media_also_from,
    )
    anchor = LegAnchor(
        call=plan.call,
        name=name,
        token=token,
        worker=aim.process.sip_address,
        request_uri=target.uri,
        flow=flow,
        diversion=_diversion(aim.diverted_from, host, port),
        routes=target.routes,
        hosts=(*target.hosts, *(() if target.flow else (host_of(target.uri),))),
        is_configured=not target.flow,
        max_forwards=plan.max_forwards,
        response_timeout_s=aim.response_timeout_s,
        username=target.username,
        password=aim.passwords.get(target.trunk, ""),
    )
    return _Prepared(order, anchor)


def _diversion(user: str, host: str, port: int) -> str:
    if not user:
        return ""
    return f"<{sip_uri(user, host, port)}>;reason=unknown"


def _token() -> str:
    return secrets.token_hex(12)
