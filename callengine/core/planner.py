"""Decide what will be tried for one call: a pure function over plain data."""

import dataclasses
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from audiocodecs.negotiation import (
    ConnectionLists,
    LegLists,
    TrunkLists,
    negotiate,
    plan_lists,
)
from callengine.core.capacity import full_trunks, is_full, no_trunk_left
from callengine.core.directory import (
    ConnectionEntry,
    Destination,
    Platform,
    Source,
    TrunkEntry,
)
from callengine.core.limits import LEGS_RUNG_TOGETHER
from callengine.core.obstacles import Obstacle, declined
from callengine.core.outcomes import Rejection, Termination
from callengine.core.plan import MAX_DURATION_S, CallPlan, PlannedTarget, Wave, bridge_rate_hz
from callengine.core.reasons import Rule
from callengine.core.terminations import no_common_codec_with_caller

_USER_UNESCAPED = "-_.!~*'()&=+$,?/"
"What RFC 3261 section 25.1 lets stand in a user part, but for the semicolon."


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One INVITE that passed authentication."""

    call: str
    call_id: str
    from_user: str
    from_name: str
    to_user: str
    offered: tuple[str, ...] | None
    max_forwards: int
    source: Source
    obstacle: tuple[Obstacle, str] | None = None
    "Why nothing can be made of the offer, whatever its codecs."
    acts_for: Source | None = None
    "Whose rights and limits hold instead of the source's: a callee that forwards."
    claimed: str = ""
    "What the caller's device wrote into From, where `from_user` and `from_name` differ."
    notes: tuple[str, ...] = ()
    "For the timeline, before anything the planner has to say."


@dataclass(frozen=True, slots=True)
class Declined:
    """A call that is on the record but for which nobody is rung."""

    plan: CallPlan
    termination: Termination


class _NotPlannedError(Exception):
    def __init__(self, code: int, rule: Rule, advice: str) -> None:
        super().__init__(advice)
        self.code, self.rule, self.advice = code, rule, advice


def plan_call(
    request: CallRequest,
    *,
    destination: Destination,
    platform: Platform,
    calls_in_progress: Mapping[str, int],
    ring_timeout_s: float = 60.0,
    max_duration_s: float = MAX_DURATION_S,
    local_host: str = "",
) -> CallPlan | Declined | Rejection:
    """Return the plan, the decline (no codec in common with the caller) or the rejection.

    `calls_in_progress` counts live calls by `connection:USER` label, for the limits.
    `local_host` is the host part of To URIs that name our own users.
    """
    try:
        check_limits(request, destination, calls_in_progress)
        full = full_trunks(destination, calls_in_progress)
        waves, lists, notes = _waves(request, destination, platform, local_host, full=full)
    except _NotPlannedError as refusal:
        return Rejection(
            source_address=request.source.address,
            user=request.from_user,
            method="INVITE",
            code=refusal.code,
            rule=refusal.rule,
            advice=refusal.advice,
            call_id=request.call_id,
            to=request.to_user,
        )
    plan = _plan(request, destination, waves, lists, notes, ring_timeout_s)
    plan = dataclasses.replace(plan, max_duration_s=max_duration_s)
    if plan.waves:
        return plan
    if request.obstacle is not None:
        return Declined(plan, declined(*request.obstacle))
    return Declined(plan, no_common_codec_with_caller(request.offered, lists))


def check_limits(
    request: CallRequest, destination: Destination, calls_in_progress: Mapping[str, int]
) -> None:
    """Refuse a call that would take a connection or its trunk over its concurrent call limit."""
    caller = request.acts_for or request.source
    if caller.trunk is not None and is_full(caller.trunk, calls_in_progress):
        raise _NotPlannedError(503, *no_trunk_left(caller.trunk.name))
    ends = ((caller.connection, "calling"), (destination.connection, "called"))
    for connection, part in ends:
        limit = connection.concurrent_calls if connection else None
        if connection is None or limit is None:
            continue
        if calls_in_progress.get(f"connection:{connection.sip_user}", 0) >= limit:
            raise _NotPlannedError(
                486,
                Rule.CONCURRENT_CALLS_REACHED,
                f"{connection.name}, {part} here, already has {limit} calls, its limit. "
                "Raise its concurrent calls or wait for one to end.",
            )


_Waves = tuple[list[Wave], LegLists, list[str]]


def _waves(
    request: CallRequest,
    destination: Destination,
    platform: Platform,
    local_host: str,
    *,
    full: Container[str],
) -> _Waves:
    if destination.connection is not None:
        return _to_connection(request, destination.connection, platform, local_host)
    trunks = _trunks(request, destination)
    if not trunks:
        raise _NotPlannedError(
            404,
            Rule.UNKNOWN_NUMBER,
            f"Nobody here has the number or SIP user {request.to_user!r}, and no route's prefix "
            "matches it. Add a number, a connection or a route.",
        )
    return _to_trunks(request, trunks, platform, full=full)


def _trunks(request: CallRequest, destination: Destination) -> Sequence[TrunkEntry]:
    if destination.trunk is not None:
        trunks: Sequence[TrunkEntry] = (destination.trunk,)
    elif destination.route is not None:
        trunks = destination.route.trunks
    else:
        return ()
    if (request.acts_for or request.source).kind == "external":
        raise _NotPlannedError(
            403,
            Rule.EXTERNAL_CALLER_TO_TRUNK,
            f"{request.source.address} is an unauthenticated caller and {request.to_user} leads "
            "to a trunk. Register, or put the address on a trunk's access list.",
        )
    return trunks


def _usable(codecs: Sequence[str], platform: Platform) -> tuple[str, ...]:
    return tuple(name for name in codecs if name in platform.available_codecs)


def _lists_for(
    request: CallRequest, destination: ConnectionLists | TrunkLists, platform: Platform
) -> LegLists:
    lists = plan_lists(
        source=_source_lists(request.source), destination=destination, platform=platform.codecs
    )
    vn_a, vn_b = _usable(lists.vn_a, platform), _usable(lists.vn_b, platform)
    if not vn_a or not vn_b:
        missing = ", ".join(lists.vn_b if vn_a else lists.vn_a)
        raise _NotPlannedError(
            503,
            Rule.NO_CODEC_AVAILABLE,
            f"This engine can do none of {missing} now; its log and the list's page say why. "
            "Add another codec to the list.",
        )
    return dataclasses.replace(lists, vn_a=vn_a, vn_b=vn_b)


def _source_lists(source: Source) -> ConnectionLists | TrunkLists | None:
    if source.connection is not None:
        return _connection_lists(source.connection)
    return _trunk_lists(source.trunk) if source.trunk is not None else None


def _connection_lists(entry: ConnectionEntry) -> ConnectionLists:
    return ConnectionLists(
        name=entry.name,
        inbound=entry.inbound_codecs,
        outbound=entry.outbound_codecs,
        force_on_caller=entry.force_on_caller,
    )


def _trunk_lists(entry: TrunkEntry) -> TrunkLists:
    return TrunkLists(name=entry.name, inward=entry.in_codecs, outward=entry.out_codecs)


def _shares(offered: tuple[str, ...] | None, vn_a: tuple[str, ...]) -> bool:
    return offered is None or negotiate(vn_a, offered).codec is not None


def _to_connection(
    request: CallRequest, entry: ConnectionEntry, platform: Platform, local_host: str
) -> _Waves:
    if not entry.enabled:
        raise _NotPlannedError(
            480, Rule.DESTINATION_DISABLED, f"{entry.name} is disabled. Enable the connection."
        )
    targets = _connection_targets(entry, local_host)
    lists = _lists_for(request, _connection_lists(entry), platform)
    if not _shares(request.offered, lists.vn_a):
        return [], lists, []
    phones = Wave(tuple(targets), lists.vn_a, lists.vn_b, entry.name)
    return phones.in_groups(LEGS_RUNG_TOGETHER), lists, []


def _connection_targets(entry: ConnectionEntry, local_host: str) -> list[PlannedTarget]:
    if entry.address:
        return [PlannedTarget(uri=entry.address, to_uri=entry.address, label=entry.name)]
    if not entry.contacts:
        raise _NotPlannedError(
            480,
            Rule.NOT_REGISTERED,
            f"{entry.name} is not registered. Check that its phone is on and that its SIP user "
            f"{entry.sip_user} and password are right.",
        )
    # To says whom it is for, the Request-URI where that phone is (RFC 3261 section 8.1.1).
    to_uri = f"sip:{entry.sip_user}@{local_host}"
    return [
        PlannedTarget(
            uri=contact.uri,
            to_uri=to_uri,
            flow=contact.flow,
            routes=contact.path,
            label=entry.name,
        )
        for contact in entry.contacts
    ]


def _to_trunks(
    request: CallRequest,
    trunks: Sequence[TrunkEntry],
    platform: Platform,
    *,
    full: Container[str],
) -> _Waves:
    with_room, notes = _with_room(request, trunks, full)
    planned = [(trunk, _lists_for(request, _trunk_lists(trunk), platform)) for trunk in with_room]
    waves: list[Wave] = []
    first: LegLists | None = None
    for trunk, lists in planned:
        if not _shares(request.offered, lists.vn_a):
            notes.append(_left_out(trunk.name, "no codec in common with the caller."))
        elif first is not None and not _same_for_caller(request.offered, first, lists):
            why = (
                "its TRUNK IN list would give the caller another codec than the first trunk's, and "
                "the caller is answered once."
            )
            notes.append(_left_out(trunk.name, why))
        else:
            first = first or lists
            waves += _trunk_waves(request, trunk, lists)
    return waves, first or planned[0][1], notes


def _with_room(
    request: CallRequest, trunks: Sequence[TrunkEntry], full: Container[str]
) -> tuple[list[TrunkEntry], list[str]]:
    """Return the trunks that can be tried, and notes about the others."""
    enabled = [trunk for trunk in trunks if trunk.enabled and trunk.gateways]
    if not enabled:
        names = ", ".join(trunk.name for trunk in trunks)
        raise _NotPlannedError(
            503,
            Rule.NO_USABLE_TRUNK,
            f"{request.to_user} leads to {names}, which is disabled or has no gateway. "
            "Enable it or add a gateway.",
        )
    with_room = [trunk for trunk in enabled if trunk.name not in full]
    if not with_room:
        raise _NotPlannedError(503, *no_trunk_left(*(trunk.name for trunk in enabled)))
    useless = [trunk for trunk in trunks if trunk not in enabled]
    taken = [trunk for trunk in enabled if trunk.name in full]
    return with_room, [
        *(_left_out(trunk.name, "it is disabled or has no gateway.") for trunk in useless),
        *(_left_out(trunk.name, "it has as many calls as it may.") for trunk in taken),
    ]


def _left_out(trunk: str, why: str) -> str:
    return f"Trunk {trunk} was left out: {why}"


def why_left_out(plan: CallPlan, trunk: str) -> str:
    """Return why a plan does not try this trunk; nothing if it says nothing about it."""
    start = _left_out(trunk, "")
    return next((note.removeprefix(start) for note in plan.notes if note.startswith(start)), "")


def _same_for_caller(offered: tuple[str, ...] | None, first: LegLists, other: LegLists) -> bool:
    """Whether both lists lead the caller's leg to the same codec, whichever trunk answers."""
    if offered is None:
        return first.vn_a == other.vn_a
    return negotiate(first.vn_a, offered).codec == negotiate(other.vn_a, offered).codec


def _trunk_waves(request: CallRequest, trunk: TrunkEntry, lists: LegLists) -> list[Wave]:
    return [
        Wave((_gateway_target(request, trunk, gateway.uri),), lists.vn_a, lists.vn_b, trunk.name)
        for gateway in sorted(trunk.gateways, key=lambda gateway: gateway.priority)
    ]


def _gateway_target(request: CallRequest, trunk: TrunkEntry, gateway: str) -> PlannedTarget:
    scheme, _, rest = gateway.partition(":")
    host = rest.rpartition("@")[2]
    uri = f"{scheme}:{quote(request.to_user, safe=_USER_UNESCAPED)}@{host}"
    return PlannedTarget(
        uri=uri,
        to_uri=uri.partition(";")[0],
        hosts=trunk.hosts,
        label=trunk.name,
        username=trunk.out_username,
        trunk=trunk.name,
        media_also_from=trunk.media_also_from,
    )


def _plan(
    request: CallRequest,
    destination: Destination,
    waves: list[Wave],
    lists: LegLists,
    notes: list[str],
    ring_timeout_s: float,
) -> CallPlan:
    first = waves[0] if waves else Wave((), lists.vn_a, lists.vn_b, "")
    return CallPlan(
        call=request.call,
        source=request.source.label,
        destination=_destination_label(destination, first.label),
        from_user=request.from_user,
        from_name=request.from_name,
        to_user=request.to_user,
        offered=request.offered,
        vn_a=first.vn_a,
        vn_b=first.vn_b,
        vn_a_source=lists.vn_a_source,
        vn_b_source=lists.vn_b_source,
        waves=tuple(waves),
        bridge_rate_hz=bridge_rate_hz(request.offered, first.vn_a, first.vn_b),
        ring_timeout_s=ring_timeout_s,
        max_forwards=request.max_forwards - 1,  # RFC 3261 section 16.6 step 3
        notes=(*request.notes, *notes),
        claimed=request.claimed,
    )


def _destination_label(destination: Destination, trunk: str) -> str:
    if destination.connection is not None:
        return f"connection:{destination.connection.sip_user}"
    if destination.trunk is not None:
        return f"trunk:{destination.trunk.name}"
    if trunk or destination.route is None:
        return f"trunk:{trunk}"
    return f"trunk:{destination.route.trunks[0].name}"
