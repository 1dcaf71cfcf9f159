"""Where a number would go: the engine's own plan for a call that nobody makes. Synchronous."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from audiocodecs.catalogue import CATALOGUE
from callengine.core.callerid import Claim
from callengine.core.directory import ConnectionEntry, Destination, Platform, Source, TrunkEntry
from callengine.core.identity import Heard, arrival
from callengine.core.outcomes import Rejection
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan, PlannedTarget, Wave, WaveWhen
from callengine.core.planner import Declined, plan_call, why_left_out
from callengine.core.reasons import Rule
from callengine.core.request import CallRequest
from callengine.directory import lookup, nodes
from callengine.edge.callers.invites import dialled_user

NOBODY = "Somebody unknown"
Match = Literal["number", "connection", "test", "route", "nothing"]

TurnKind = Literal["connection", "trunk", "agent", "test"]


@dataclass(frozen=True, slots=True)
class TrunkStep:
    """One trunk a number leads to. Holds no credentials."""

    name: str
    enabled: bool
    tried: bool
    why_not: str
    "Why it is left out, if it is."
    gateways: tuple[str, ...]
    down: tuple[str, ...]
    "Those of them that are known to be down; they are tried after all others."
    "The Request-URIs it is called at, in order; as stored if it is left out."
    vn_a: tuple[str, ...] = ()
    vn_b: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """Whom the call is offered to, one after the other. Holds no credentials."""

    kind: TurnKind
    name: str
    "What people call it."
    when: WaveWhen
    "`busy`: only if somebody before was busy."
    vn_a: tuple[str, ...]
    vn_b: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhereTo:
    """What would become of a call. Holds no credentials, so a page may show all of it."""

    dialled: str
    "What is looked up: the number without its visual separators."
    match: Match
    key: str
    "The number, SIP user, test destination or prefix that matched."
    source: str
    "`connection:alice`, `trunk:carrier-one`, or `external:...` for somebody unknown."
    code: int
    "SIP code the caller is refused with; 0: somebody is rung."
    rule: str
    advice: str
    connection: str = ""
    "SIP user of the connection it goes to."
    agent: str = ""
    "Name of the voice agent that the number goes to."
    turns: tuple[Turn, ...] = ()
    "Everybody it is offered to, fallbacks and last resorts too."
    notes: tuple[str, ...] = ()
    "What is left out or taken instead, and why."
    rings: tuple[str, ...] = ()
    "Contacts or fixed address rung for that connection."
    trunks: tuple[TrunkStep, ...] = ()
    vn_a: tuple[str, ...] = ()
    vn_b: tuple[str, ...] = ()
    vn_a_source: str = ""
    vn_b_source: str = ""

    @property
    def rewritten(self) -> tuple[str, ...]:
        """What rules of trunks make of the number, in and out."""
        return tuple(note for note in self.notes if "rewritten" in note or " is sent " in note)

    @property
    def goes(self) -> bool:
        """Whether somebody would be rung."""
        return not self.code


def where_to(
    *,
    number: str,
    source_kind: Literal["connection", "trunk", "external"] = "external",
    source_name: str = "",
    offered: Sequence[str] = (),
) -> WhereTo:
    """Return where a call to `number` would go now; limits on concurrent calls are left aside.

    `offered` are the codecs the caller offers; none given: all that this engine knows. A dozen
    queries at most. Raises LookupError if there is no such source.
    """
    caller = lookup.source(kind=source_kind, name=source_name, address=NOBODY)
    platform = _platform()
    dialled = dialled_user(number.strip())
    claim = Claim(source_name, "")
    arrived = arrival(caller, dialled, claim, Heard(), platform.home_country)
    to_user = arrived.to_user
    destination = lookup.destination(to_user)
    request = CallRequest(
        call="",
        call_id="",
        from_user=source_name,
        from_name="",
        to_user=to_user,
        offered=tuple(offered) or tuple(CATALOGUE),
        max_forwards=70,
        source=caller,
        notes=arrived.notes if to_user != dialled else (),
    )
    decision = plan_call(request, destination=destination, platform=platform, usage=Usage())
    refused = _refused_at_the_door(caller, platform)
    if isinstance(decision, Rejection):
        code, rule, advice = refused or (decision.code, decision.rule, decision.advice)
        return _answer(caller, to_user, destination, None, (code, rule, advice))
    if isinstance(decision, Declined):
        end = decision.termination
        refused = refused or (end.code, end.reason, end.advice)
        decision = decision.plan
    return _answer(caller, to_user, destination, decision, refused or (0, "", ""))


def _platform() -> Platform:
    row = lookup.platform()
    missing = nodes.unavailable_codecs()
    able = tuple(name for name in CATALOGUE if name not in missing)
    return replace(row, available_codecs=able)


def _refused_at_the_door(source: Source, platform: Platform) -> tuple[int, str, str] | None:
    """Return code, rule and advice if such a caller gets no further than the edge."""
    party = source.connection or source.trunk
    if party is not None and not party.enabled:
        advice = f"The {source.kind} {party.name} is disabled; enable it to take its calls."
        return 403, f"{source.kind}-disabled", advice
    if party is None and not platform.external_sip:
        advice = (
            "Callers who do not authenticate are not let in. Give the caller a connection, put the "
            "address on a trunk's access list, or let unknown callers in (Settings)."
        )
        return 403, Rule.SOURCE_NOT_ON_ACCESS_LIST, advice
    return None


def _answer(
    caller: Source,
    to_user: str,
    destination: Destination,
    plan: CallPlan | None,
    refusal: tuple[int, str, str],
) -> WhereTo:
    match, key = _match(destination)
    code, rule, advice = refusal
    waves = plan.waves if plan else ()
    return WhereTo(
        dialled=to_user,
        match=match,
        key=key,
        source=caller.label,
        code=code,
        rule=rule,
        advice=advice,
        connection=destination.connection.sip_user if destination.connection else "",
        agent=destination.agent.name if destination.agent else "",
        turns=_turns(waves),
        notes=plan.notes if plan else (),
        rings=_rings(destination.connection, waves),
        trunks=tuple(_step(trunk, plan) for trunk in _trunks(destination)),
        vn_a=plan.vn_a if plan else (),
        vn_b=plan.vn_b if plan else (),
        vn_a_source=plan.vn_a_source if plan else "",
        vn_b_source=plan.vn_b_source if plan else "",
    )


def _match(destination: Destination) -> tuple[Match, str]:
    if destination.number:
        return "number", destination.number
    if destination.connection is not None:
        return "connection", destination.connection.sip_user
    if destination.selftest is not None:
        return "test", destination.selftest.dialled
    if destination.route is not None:
        return "route", destination.route.prefix
    return "nothing", ""


def _trunks(destination: Destination) -> tuple[TrunkEntry, ...]:
    if destination.trunk is not None:
        return (destination.trunk,)
    return destination.route.trunks if destination.route is not None else ()


def _turns(waves: Sequence[Wave]) -> tuple[Turn, ...]:
    """Return the waves without repetitions: a trunk has one for each gateway."""
    turns = (
        Turn(_kind(wave.targets[0]), wave.label, wave.when, wave.vn_a, wave.vn_b) for wave in waves
    )
    return tuple(dict.fromkeys(turns))


def _kind(target: PlannedTarget) -> TurnKind:
    if target.agent:
        return "agent"
    if target.selftest:
        return "test"
    return "trunk" if target.trunk else "connection"


def _rings(connection: ConnectionEntry | None, waves: Sequence[Wave]) -> tuple[str, ...]:
    if connection is None:
        return ()
    return _uris([wave for wave in waves if _is_of(wave, "connection", connection.name)])


def _is_of(wave: Wave, kind: str, name: str) -> bool:
    return wave.label == name and _kind(wave.targets[0]) == kind


def _uris(waves: Sequence[Wave]) -> tuple[str, ...]:
    return tuple(target.uri for wave in waves for target in wave.targets)


def _step(trunk: TrunkEntry, plan: CallPlan | None) -> TrunkStep:
    waves = [wave for wave in plan.waves if _is_of(wave, "trunk", trunk.name)] if plan else []
    return TrunkStep(
        name=trunk.name,
        enabled=trunk.enabled,
        tried=bool(waves),
        why_not="" if waves else _why_not(trunk, plan),
        gateways=_uris(waves) or tuple(gateway.uri for gateway in trunk.gateways),
        down=_down(trunk, waves),
        vn_a=waves[0].vn_a if waves else (),
        vn_b=waves[0].vn_b if waves else (),
    )


def _down(trunk: TrunkEntry, waves: Sequence[Wave]) -> tuple[str, ...]:
    down = {gateway.uri for gateway in trunk.gateways if gateway.is_down}
    targets = (target for wave in waves for target in wave.targets)
    return tuple(target.uri for target in targets if target.gateway in down)


def _why_not(trunk: TrunkEntry, plan: CallPlan | None) -> str:
    if not trunk.enabled:
        return "it is disabled."
    if not trunk.gateways:
        return "it has no gateway."
    return why_left_out(plan, trunk.name) if plan else ""
