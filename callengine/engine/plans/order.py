"""Turn a plan into what the call process and the edge are given: tokens, addresses, secrets."""

import asyncio
import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from callengine.core.callerid import ANONYMOUS
from callengine.core.naming import NextHop
from callengine.core.numberrules import SentIdentity
from callengine.core.orders import AgentOrder, BrowserOrder, CallOrder, LegOrder, WaveOrder
from callengine.core.plan import CallPlan, PlannedTarget, Wave
from callengine.edge.flow import Flow
from callengine.edge.interface import IncomingCall, LegAnchor
from callengine.edge.messages.uris import name_addr, sip_uri
from callengine.edge.names.locator import flow_of
from callengine.edge.transport.addresses import host_of
from callengine.engine.plans.legheaders import ANONYMOUS_URI, leg_headers
from callengine.engine.processes.process import CallProcess
from sip.selftests import SelfTest

RESOLVE_TIMEOUT_S = 6.0
RESPONSE_TIMEOUT_S = 10.0
"How long a target may say nothing, alone and when others wait for their turn."
MAX_GATEWAY_LEGS = 24
"Addresses of gateways that one call is tried at, at most."


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

    async def locate(self, uri: str) -> tuple[NextHop, ...]:
        """Return where a SIP URI leads; raises OSError or ValueError saying why not."""

    def offers_ipv6(self, flow: str) -> bool:
        """Tell whether a peer there is offered audio over IPv6."""


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
    "None for a voice agent, a browser or a test destination, which is no peer of the edge's."


def make_order(
    edge: PeerAddresses,
    plan: CallPlan,
    waves: Waves,
    *,
    call: IncomingCall,
    process: CallProcess,
    media_timeout_s: float = 0.0,
    media_also_from: tuple[str, ...] = (),
) -> Orders:
    """Return the order for a plan whose waves have been made."""
    trunk = call.source.trunk
    leg_a = LegAnchor(
        *(plan.call, "A", _token(), process.sip_address, plan.srtp),
        hosts=trunk.hosts if trunk else (),
        header_rules=trunk.rules.headers if trunk else (),
    )
    order = CallOrder(
        call=plan.call,
        edge=edge.internal_address,
        leg_a=LegOrder(
            "A",
            leg_a.token,
            public_address=edge.media_address_for(call.flow),
            offers_ipv6=edge.offers_ipv6(call.flow),
            label=plan.browser or plan.from_name or plan.from_user,
            browser=BrowserOrder(plan.browser) if plan.browser else None,
            trunk=call.source.trunk.name if call.source.trunk else "",
            media_also_from=call.source.trunk.media_also_from if call.source.trunk else (),
            srtp=plan.srtp,
            keys_readable=is_readable(call.flow),
            is_proven=_is_proven(call),
        ),
        waves=waves.orders,
        offered=plan.offered,
        ring_timeout_s=plan.ring_timeout_s,
        max_duration_s=plan.max_duration_s,
        media_timeout_s=media_timeout_s,
        media_also_from=media_also_from,
    )
    return Orders(order, leg_a, waves.anchors, waves.notes)


def _is_proven(call: IncomingCall) -> bool:
    """Tell whether a caller has shown that it is where it says."""
    is_known = call.source.kind != "external" and call.source.is_proven
    return is_known or Flow.parse(call.flow).is_reliable


async def make_waves(
    edge: PeerAddresses,
    plan: CallPlan,
    process: CallProcess,
    *,
    passwords: Mapping[str, str],
    agent_order: AgentOrderOf,
    failover_timeout_s: float,
    first: int = 1,
    diverted_from: str = "",
) -> Waves:
    """Return the legs of a plan's waves, numbered from `first`: B, B2, B3 ...

    `passwords` holds what the gateways of each trunk are answered with, by the trunk's name.
    `diverted_from` is the SIP user of the callee who forwarded the call to them. A gateway that is
    not the last may say nothing for `failover_timeout_s`. Raises NoTargetError if no target's
    address resolves.
    """
    targets = [target for wave in plan.waves for target in wave.targets]
    options = await _all_places(edge, targets, agent_order)
    notes = tuple(str(places) for places in options if isinstance(places, NoTargetError))
    turns = _turns(plan.waves, options)
    if not turns:
        raise NoTargetError(" ".join(notes))
    numbers = itertools.count(first)
    waves, prepared = [], []
    for turn in turns:
        patience_s = failover_timeout_s
        if turn is turns[-1]:
            patience_s = max(RESPONSE_TIMEOUT_S, failover_timeout_s)
        party = turn.wave.party
        # What the codec lab predicts, and its calls show, is the plain rule.
        avoids = turn.wave.avoids_transcoding and plan.lab is None
        aim = _Aim(edge, plan, process, passwords, patience_s, diverted_from, party, avoids)
        legs = [_leg_b(aim, *aimed, number=next(numbers)) for aimed in turn.aimed]
        prepared += legs
        wave = turn.wave
        orders = tuple(leg.order for leg in legs)
        waves.append(
            WaveOrder(
                orders,
                wave.vn_a,
                wave.vn_b,
                wave.when,
                ring_timeout_s=wave.ring_timeout_s,
                longest_s=wave.longest_s,
                longest_why=wave.longest_why,
                dialled=wave.dialled,
            )
        )
    return Waves(
        orders=tuple(waves),
        anchors=tuple(leg.anchor for leg in prepared if leg.anchor is not None),
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a target is."""

    flow: str = ""
    via: str = ""
    "The name it came from."
    agent: AgentOrder | None = None
    selftest: SelfTest | None = None
    browser: BrowserOrder | None = None

    @property
    def is_inside(self) -> bool:
        """Whether it is reached without SIP."""
        return not (self.agent is None and self.selftest is None and self.browser is None)


_Found = tuple[_Place, ...] | NoTargetError
"Where a target is, the place to try first before the others; or why it is nowhere."


@dataclass(frozen=True, slots=True)
class _Turn:
    """Targets of a wave, each at one place, that are rung together."""

    wave: Wave
    aimed: tuple[tuple[PlannedTarget, _Place], ...]

    @property
    def is_down(self) -> bool:
        """Whether it is a gateway's address that is known to be down."""
        return any(place.flow in target.down for target, place in self.aimed)


def _turns(waves: Sequence[Wave], answers: Sequence[_Found]) -> list[_Turn]:
    """Return what is rung in turn: a gateway is tried at each of its addresses."""
    turns: list[_Turn] = []
    rest = iter(answers)
    for wave in waves:
        places = [(target, next(rest)) for target in wave.targets]
        reachable = [(t, at) for t, at in places if not isinstance(at, NoTargetError)]
        if len(wave.targets) == 1 and reachable:
            ((target, options),) = reachable
            turns += [_Turn(wave, ((target, place),)) for place in options]
        elif reachable:
            turns.append(_Turn(wave, tuple((target, options[0]) for target, options in reachable)))
    return _down_last(turns)


def _down_last(turns: Sequence[_Turn]) -> list[_Turn]:
    """Put addresses that are known to be down after all others for the same number."""
    ordered: list[_Turn] = []
    for dialled, group in itertools.groupby(turns, key=lambda turn: turn.wave.dialled):
        same = list(group)
        ordered += (
            sorted(same, key=lambda turn: turn.is_down)[:MAX_GATEWAY_LEGS] if dialled else same
        )
    return ordered


async def _all_places(
    edge: PeerAddresses, targets: Sequence[PlannedTarget], agent_order: AgentOrderOf
) -> list[_Found]:
    """Return where targets are, in their order; what must be looked up is, all at the same time.

    The caller hears nothing meanwhile: one alone has no task of its own, which would wait for three
    turns of the event loop.
    """
    results: list[_Found | None] = [_known_place(target) for target in targets]
    unknown = [index for index, place in enumerate(results) if place is None]
    asked = [_places(edge, targets[index], agent_order) for index in unknown]
    answers = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked) if asked else []
    for index, answer in zip(unknown, answers, strict=True):
        results[index] = answer
    return [place for place in results if place is not None]


def _known_place(target: PlannedTarget) -> tuple[_Place, ...] | None:
    """Return where a target is that nobody need be asked for."""
    if target.flow:
        return (_Place(target.flow),)
    if target.selftest:
        return (_Place(selftest=SelfTest(target.selftest)),)
    if target.browser:
        return (_Place(browser=BrowserOrder(target.browser, target.page)),)
    return None


async def _places(edge: PeerAddresses, target: PlannedTarget, agent_order: AgentOrderOf) -> _Found:
    """Return where a target is, the first place to try first."""
    try:
        if target.agent:
            return (_Place(agent=await agent_order(target.agent)),)
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            hops = await edge.locate(target.uri)
    except NoTargetError as error:
        return error
    except (OSError, ValueError, TimeoutError) as error:
        why = str(error) or "the name was not resolved in time"
        return NoTargetError(f"{target.label} was left out: {why}. Check the address {target.uri}.")
    places = tuple(_Place(str(flow_of(one)), one.via) for one in hops)
    awake = tuple(place for place in places if place.flow not in target.resting)
    if not awake:
        return NoTargetError(
            f"{target.label} was left out: {target.gateway} answered 503 and asked for a while "
            "without calls (Retry-After). Wait, or add a gateway."
        )
    return awake


@dataclass(frozen=True, slots=True)
class _Aim:
    """What all legs of a wave have in common."""

    edge: PeerAddresses
    plan: CallPlan
    process: CallProcess
    passwords: Mapping[str, str]
    response_timeout_s: float
    diverted_from: str
    party: str
    avoids_transcoding: bool


def _leg_b(aim: _Aim, target: PlannedTarget, place: _Place, *, number: int) -> _Prepared:
    name = "B" if number == 1 else f"B{number}"
    if place.is_inside:
        order = LegOrder(
            name,
            "",
            label=target.label,
            party=aim.party,
            agent=place.agent,
            selftest=place.selftest,
            browser=place.browser,
        )
        return _Prepared(order, None)
    return _sip_leg(aim, target, place, name=name)


def _sip_leg(aim: _Aim, target: PlannedTarget, place: _Place, *, name: str) -> _Prepared:
    plan, flow = aim.plan, place.flow
    host, port = aim.edge.public_address_for(flow)
    token = _token()
    identity = target.caller or SentIdentity(plan.from_user, plan.from_name)
    caller = sip_uri(identity.from_user or ANONYMOUS, host, port)
    if target.trunk and plan.vouched.is_private:
        caller = ANONYMOUS_URI
    headers = leg_headers(
        target,
        plan.vouched,
        diverted_from=aim.diverted_from,
        uri_of=lambda user: sip_uri(user, host, port),
    )
    order = LegOrder(
        name=name,
        token=token,
        to_uri=target.to_uri,
        from_uri=name_addr(identity.from_name, caller),
        public_address=aim.edge.media_address_for(flow),
        offers_ipv6=aim.edge.offers_ipv6(flow),
        label=target.label,
        username=target.username,
        party=aim.party,
        trunk=target.trunk,
        srtp=target.srtp,
        keys_readable=is_readable(flow),
        media_also_from=target.media_also_from,
        holds_back_early_media=target.holds_back_early_media,
        avoids_transcoding=aim.avoids_transcoding,
        place=flow,
    )
    anchor = LegAnchor(
        call=plan.call,
        name=name,
        token=token,
        worker=aim.process.sip_address,
        srtp=target.srtp,
        request_uri=target.uri,
        flow=flow,
        headers=headers,
        routes=target.routes,
        hosts=(*target.hosts, *(() if target.flow else (host_of(target.uri), place.via))),
        header_rules=target.header_rules,
        trunk=target.trunk,
        gateway=target.gateway,
        via=place.via,
        is_configured=not target.flow,
        max_forwards=plan.max_forwards,
        response_timeout_s=aim.response_timeout_s,
        username=target.username,
        password=aim.passwords.get(target.trunk, ""),
    )
    return _Prepared(order, anchor)


def is_readable(flow: str) -> bool:
    """Tell whether whoever is on the way of a flow can read the SRTP keys in its descriptions."""
    return not flow.startswith("tls:")


def _token() -> str:
    return secrets.token_hex(12)
