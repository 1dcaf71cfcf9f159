"""Whom to ring for one destination, wave by wave, by which lists. Pure.

Where a destination leads on (a voice agent's fallback, the agent that stands in for a connection,
a route's last resort), one planner goes all the way and takes nobody twice.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from audiocodecs.negotiation import (
    AgentLists,
    ConnectionLists,
    LegLists,
    SelfTestLists,
    TrunkLists,
    negotiate,
    plan_lists,
)
from callengine.core.capacity import full_trunks, no_trunk_left
from callengine.core.denials import (
    longest_call,
    minutes_denial,
    number_denial,
    rate_denial,
)
from callengine.core.directory import (
    AgentPlace,
    ConnectionEntry,
    Destination,
    GatewayEntry,
    Platform,
    RouteEntry,
    Source,
    TrunkEntry,
)
from callengine.core.identity import sent_identity
from callengine.core.limits import LEGS_RUNG_TOGETHER
from callengine.core.naming import Chance, by_weight
from callengine.core.numberrules import SentIdentity
from callengine.core.permissions import RETRY_AFTER_S, Holder, Usage
from callengine.core.plan import PlannedTarget, Wave
from callengine.core.reasons import Rule
from callengine.core.request import CallRequest, NotPlannedError
from callengine.core.rewriting import rewritten
from sip.selftests import SelfTest

_USER_UNESCAPED = "-_.!~*'()&=+$,?/"
"What RFC 3261 section 25.1 lets stand in a user part, but for the semicolon."


@dataclass(frozen=True, slots=True)
class PlannedWaves:
    """What is rung, by whose lists it begins, and what was left out."""

    to: str
    "Label of who is rung first: `connection:alice`, `trunk:carrier-one`, `agent:support`."
    waves: tuple[Wave, ...]
    lists: LegLists
    notes: tuple[str, ...] = ()


_Step = tuple[str, Callable[[], PlannedWaves]]
"What is said before the reason if it comes to nothing, and what to plan."


class WavePlanner:
    """Plans the waves of one call; used once.

    `usage` is what is going on, for the limits; `local_host` is the host part of To URIs that name
    our own users. `chance` draws lots among gateways of equal priority; without it the heaviest
    come first.
    """

    def __init__(
        self,
        request: CallRequest,
        platform: Platform,
        *,
        usage: Usage,
        local_host: str = "",
        chance: Chance | None = None,
    ) -> None:
        self._request = request
        self._platform = platform
        self._usage = usage
        self._local_host = local_host
        self._chance = chance
        self._taken: set[str] = set()
        "Labels of the phones and voice agents that stand in the plan."

    def plan(self, destination: Destination) -> PlannedWaves:
        """Return who is rung. Raises NotPlannedError if nobody can be."""
        return self._to(destination, self._request.to_user)

    def _to(self, destination: Destination, dialled: str) -> PlannedWaves:
        if destination.agent is not None:
            return self._to_agent(destination.agent)
        if destination.selftest is not None:
            return self._to_selftest(destination.selftest)
        if destination.connection is not None:
            return self._to_connection(destination.connection)
        if destination.trunk is None and destination.route is None:
            raise NotPlannedError(
                404,
                Rule.UNKNOWN_NUMBER,
                f"Nobody here has the number or SIP user {dialled!r}, and no route's prefix "
                "matches it. Add a number, a connection or a route.",
            )
        if not self._request.party.is_proven:
            assert self._request.party.trunk is not None
            raise NotPlannedError(
                403,
                Rule.EXTERNAL_CALLER_TO_TRUNK,
                f"The trunk {self._request.party.trunk.name} is known by its domain alone, which "
                f"anybody may dial, and {dialled} leads to a trunk. Set its addresses or its user "
                "name too.",
            )
        if self._request.party.kind == "external":
            raise NotPlannedError(
                403,
                Rule.EXTERNAL_CALLER_TO_TRUNK,
                f"{self._request.source.address} is an unauthenticated caller and {dialled} leads "
                "to a trunk. Register, or put the address on a trunk's access list.",
            )
        if destination.trunk is not None:
            return self._to_trunks((destination.trunk,), dialled, destination)
        assert destination.route is not None
        return self._to_route(destination.route, dialled, destination)

    def _in_turn(self, *steps: _Step) -> PlannedWaves:
        """Plan several things that are tried one after the other; what is refused is noted.

        Raises the first NotPlannedError if all of them are.
        """
        planned: list[PlannedWaves] = []
        refusals: list[NotPlannedError] = []
        notes: list[str] = []
        for before, step in steps:
            try:
                planned.append(step())
                notes += planned[-1].notes
            except NotPlannedError as refusal:
                refusals.append(refusal)
                notes.append(f"{before}{refusal.advice}")
        if not planned:
            raise refusals[0]
        waves = tuple(wave for one in planned for wave in one.waves)
        first = next((one for one in planned if one.waves), planned[0])
        return PlannedWaves(first.to, waves, first.lists, tuple(notes))

    def _take(self, label: str, who: str) -> None:
        """Note that somebody stands in the plan; refuses the second time."""
        if label in self._taken:
            raise NotPlannedError(
                482, Rule.LOOP_DETECTED, f"{who} is tried before already: the fallbacks go round."
            )
        self._taken.add(label)

    # Voice agents

    def _to_agent(self, agent: AgentPlace) -> PlannedWaves:
        self._take(f"agent:{agent.name}", agent.name)
        itself: _Step = ("", lambda: self._agent_itself(agent))
        fallback = agent.fallback
        if fallback is None:
            return self._in_turn(itself)
        dialled = agent.fallback_number
        before = f"The fallback of {agent.name} was left out: "
        return self._in_turn(itself, (before, lambda: self._to(fallback, dialled)))

    def _agent_itself(self, agent: AgentPlace) -> PlannedWaves:
        if not agent.enabled:
            advice = f"{agent.name} is disabled. Enable the voice agent."
            raise NotPlannedError(480, Rule.DESTINATION_DISABLED, advice)
        lists = self._lists(AgentLists(agent.name, agent.codecs, agent.untouched))
        if self._request.encrypted:
            note = f"{agent.name} was left out: voice agents hear callers in plain RTP alone."
            return PlannedWaves(f"agent:{agent.name}", (), lists, (note,))
        if not self._shares(lists.vn_a):
            note = f"{agent.name} was left out: no codec in common with the caller."
            return PlannedWaves(f"agent:{agent.name}", (), lists, (note,))
        target = PlannedTarget(uri="", to_uri="", label=agent.name, agent=agent.name)
        party = f"agent:{agent.name}"
        wave = self._bounded(Wave((target,), lists.vn_a, lists.vn_b, agent.name, party=party))
        return PlannedWaves(party, (wave,), lists)

    def _to_selftest(self, selftest: SelfTest) -> PlannedWaves:
        label = f"test:{selftest}"
        self._take(label, selftest.label)
        lists = self._lists(SelfTestLists(selftest.label))
        if not self._shares(lists.vn_a):
            return PlannedWaves(label, (), lists)
        target = PlannedTarget(uri="", to_uri="", label=selftest.label, selftest=selftest)
        wave = Wave((target,), lists.vn_a, lists.vn_b, selftest.label, party=label)
        return PlannedWaves(label, (wave,), lists)

    # Connections

    def _to_connection(self, entry: ConnectionEntry) -> PlannedWaves:
        if not entry.enabled:
            advice = f"{entry.name} is disabled. Enable the connection."
            raise NotPlannedError(480, Rule.DESTINATION_DISABLED, advice)
        phones: _Step = ("", lambda: self._to_phones(entry))
        agent, when = entry.agent, entry.agent_when
        if agent is None or f"agent:{agent.name}" in self._taken:
            return self._in_turn(phones)
        to_agent: _Step = ("", lambda: self._to_agent(agent))
        if when == "always" and agent.enabled:
            return _noted(self._in_turn(to_agent), f"Calls to {entry.name} go to {agent.name}.")
        if when == "not-registered" and not entry.address and not entry.contacts:
            why = f"{entry.name} is not registered: {agent.name} takes the call."
            return _noted(self._in_turn(to_agent), why)
        if when != "busy":
            return self._in_turn(phones)
        if self._has_room(entry):
            return self._in_turn(phones, ("", lambda: _if_busy(self._to_agent(agent))))
        why = f"{entry.name} has as many calls as it may: {agent.name} takes the call."
        return _noted(self._in_turn(to_agent), why)

    def _has_room(self, entry: ConnectionEntry) -> bool:
        limit = entry.concurrent_calls
        in_progress = self._usage.in_progress
        return limit is None or in_progress.get(f"connection:{entry.sip_user}", 0) < limit

    def _to_phones(self, entry: ConnectionEntry) -> PlannedWaves:
        label = f"connection:{entry.sip_user}"
        self._take(label, entry.name)
        check_room(entry, "called", self._usage.in_progress)
        if (denial := rate_denial(entry.holder, self._usage)) is not None:
            raise NotPlannedError.by(entry.holder, denial)
        passed = self._request.vouched.headers
        targets = [
            dataclasses.replace(target, headers=passed)
            for target in _connection_targets(entry, self._local_host)
        ]
        lists = self._lists(_connection_lists(entry))
        if not self._shares(lists.vn_a):
            return PlannedWaves(label, (), lists)
        phones = Wave(
            tuple(targets),
            lists.vn_a,
            lists.vn_b,
            entry.name,
            ring_timeout_s=float(entry.ring_timeout_s or 0),
            party=label,
        )
        phones = self._bounded(phones, entry.holder)
        return PlannedWaves(label, tuple(phones.in_groups(LEGS_RUNG_TOGETHER)), lists)

    # Trunks

    def _to_route(self, route: RouteEntry, dialled: str, destination: Destination) -> PlannedWaves:
        trunks: _Step = ("", lambda: self._to_trunks(route.trunks, dialled, destination))
        agent = route.last_resort
        if agent is None:
            return self._in_turn(trunks)
        before = f"The last resort of {route.prefix} was left out: "
        return self._in_turn(trunks, (before, lambda: self._to_agent(agent)))

    def _to_trunks(
        self, trunks: Sequence[TrunkEntry], dialled: str, destination: Destination
    ) -> PlannedWaves:
        full = full_trunks(destination, self._usage.in_progress)
        with_room, notes = _with_room(dialled, trunks, full)
        with_room = self._permitted(with_room, dialled, notes)
        planned = [(trunk, self._lists(_trunk_lists(trunk))) for trunk in with_room]
        usable: list[tuple[TrunkEntry, LegLists]] = []
        for trunk, lists in planned:
            first = usable[0][1] if usable else None
            if not self._shares(lists.vn_a):
                notes.append(left_out(trunk.name, "no codec in common with the caller."))
            elif first is not None and not self._same_for_caller(first, lists):
                why = (
                    "its TRUNK IN list would give the caller another codec than the first trunk's, "
                    "and the caller is answered once."
                )
                notes.append(left_out(trunk.name, why))
            else:
                usable.append((trunk, lists))
        sent = {trunk.name: self._sent(trunk, dialled, notes) for trunk, _ in usable}
        holders = {trunk.name: trunk.holder for trunk, _ in usable}
        waves = [
            self._bounded(wave, holders[wave.label], through_trunk=True)
            for wave in _gateway_waves(usable, sent, self._chance, dialled=dialled)
        ]
        label = waves[0].label if waves else trunks[0].name
        lists = next((one for trunk, one in usable if trunk.name == label), planned[0][1])
        return PlannedWaves(f"trunk:{label}", tuple(waves), lists, tuple(notes))

    def _permitted(
        self, trunks: Sequence[TrunkEntry], dialled: str, notes: list[str]
    ) -> list[TrunkEntry]:
        """Return those trunks this call may go through; of the others something is noted.

        Raises the first refusal if there are none.
        """
        caller, usage = self._request.party.holder, self._usage
        if (denial := minutes_denial(caller, usage)) is not None:
            raise NotPlannedError.by(caller, denial)
        permitted: list[TrunkEntry] = []
        refusals: list[NotPlannedError] = []
        for trunk in trunks:
            sent = rewritten(dialled, trunk.rules.out_called, self._platform.home_country)
            refusal = self._refusal(caller, trunk.holder, (dialled, sent.number))
            if refusal is None:
                permitted.append(trunk)
            else:
                refusals.append(refusal)
                notes.append(left_out(trunk.name, refusal.advice))
        if not permitted:
            raise refusals[0]
        return permitted

    def _sent(self, trunk: TrunkEntry, dialled: str, notes: list[str]) -> "_Sent":
        """Return what a trunk is told of a call, by its rules."""
        request, home = self._request, self._platform.home_country
        number = rewritten(dialled, trunk.rules.out_called, home)
        if number.problem:
            notes.append(f"Trunk {trunk.name} is sent what was dialled: {number.problem}.")
        elif number.number != dialled:
            text = f"Trunk {trunk.name} is sent {number.number} for {dialled} ({number.rule})."
            notes.append(text)
        vouched = request.vouched
        caller = sent_identity(request.from_user, request.from_name, vouched, trunk.rules, home)
        return _Sent(number.number, caller, vouched.headers)

    def _refusal(
        self, caller: Holder, trunk: Holder, numbers: tuple[str, ...]
    ) -> NotPlannedError | None:
        """Return why this caller does not get through this trunk, if so."""
        home, usage = self._platform.home_country, self._usage
        for holder, denial in (
            (caller, number_denial(caller, numbers, home)),
            (trunk, number_denial(trunk, numbers, home)),
            (trunk, rate_denial(trunk, usage)),
            (trunk, minutes_denial(trunk, usage)),
        ):
            if denial is not None:
                return NotPlannedError.by(holder, denial)
        return None

    def _bounded(self, wave: Wave, *callee: Holder, through_trunk: bool = False) -> Wave:
        """Say in a wave how long the call may last with whoever answers."""
        holders = (self._request.party.holder, *callee)
        longest = longest_call(holders, self._usage, through_trunk=through_trunk)
        return dataclasses.replace(wave, longest_s=longest.seconds, longest_why=longest.why)

    # Lists

    def _lists(
        self, destination: ConnectionLists | TrunkLists | AgentLists | SelfTestLists
    ) -> LegLists:
        lists = plan_lists(
            source=_source_lists(self._request.source),
            destination=destination,
            platform=self._platform.codecs,
        )
        vn_a, vn_b = self._usable(lists.vn_a), self._usable(lists.vn_b)
        if not vn_a or (lists.vn_b and not vn_b):
            missing = ", ".join(lists.vn_b if vn_a else lists.vn_a)
            raise NotPlannedError(
                503,
                Rule.NO_CODEC_AVAILABLE,
                f"This engine can do none of {missing} now; its log and the list's page say why. "
                "Add another codec to the list.",
            )
        return dataclasses.replace(lists, vn_a=vn_a, vn_b=vn_b)

    def _usable(self, codecs: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in codecs if name in self._platform.available_codecs)

    def _shares(self, vn_a: tuple[str, ...]) -> bool:
        offered = self._request.offered
        return offered is None or negotiate(vn_a, offered).codec is not None

    def _same_for_caller(self, first: LegLists, other: LegLists) -> bool:
        """Whether both lists lead the caller's leg to the same codec, whichever trunk answers."""
        offered = self._request.offered
        if offered is None:
            return first.vn_a == other.vn_a
        return negotiate(first.vn_a, offered).codec == negotiate(other.vn_a, offered).codec


def check_room(
    entry: ConnectionEntry, part: Literal["calling", "called"], in_progress: Mapping[str, int]
) -> None:
    """Refuse a call that would take a connection over its concurrent call limit.

    Whoever is called so is busy; whoever calls may try again.
    """
    limit = entry.concurrent_calls
    if limit is None or in_progress.get(f"connection:{entry.sip_user}", 0) < limit:
        return
    is_caller = part == "calling"
    raise NotPlannedError(
        503 if is_caller else 486,
        Rule.CALLER_AT_ITS_LIMIT if is_caller else Rule.CONCURRENT_CALLS_REACHED,
        f"{entry.name}, {part} here, already has {limit} calls, its limit. "
        "Raise its concurrent calls or wait for one to end.",
        retry_after_s=RETRY_AFTER_S if is_caller else None,
    )


def left_out(trunk: str, why: str) -> str:
    """Return the note on a trunk that is not tried; `why` is a clause with its full stop."""
    return f"Trunk {trunk} was left out: {why}"


def _noted(planned: PlannedWaves, note: str) -> PlannedWaves:
    return dataclasses.replace(planned, notes=(note, *planned.notes))


def _if_busy(planned: PlannedWaves) -> PlannedWaves:
    waves = tuple(dataclasses.replace(wave, when="busy") for wave in planned.waves)
    return dataclasses.replace(planned, waves=waves)


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


def _connection_targets(entry: ConnectionEntry, local_host: str) -> list[PlannedTarget]:
    if entry.address:
        address = entry.address
        return [PlannedTarget(address, address, label=entry.name, srtp=entry.srtp)]
    if not entry.contacts:
        raise NotPlannedError(
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
            srtp=entry.srtp,
        )
        for contact in entry.contacts
    ]


def _with_room(
    dialled: str, trunks: Sequence[TrunkEntry], full: set[str]
) -> tuple[list[TrunkEntry], list[str]]:
    """Return the trunks that can be tried, and notes about the others."""
    enabled = [trunk for trunk in trunks if trunk.enabled and trunk.gateways]
    if not enabled:
        names = ", ".join(trunk.name for trunk in trunks)
        raise NotPlannedError(
            503,
            Rule.NO_USABLE_TRUNK,
            f"{dialled} leads to {names}, which is disabled or has no gateway. "
            "Enable it or add a gateway.",
        )
    with_room = [trunk for trunk in enabled if trunk.name not in full]
    if not with_room:
        none_left = no_trunk_left(*(trunk.name for trunk in enabled))
        raise NotPlannedError(503, *none_left, retry_after_s=RETRY_AFTER_S)
    useless = [trunk for trunk in trunks if trunk not in enabled]
    taken = [trunk for trunk in enabled if trunk.name in full]
    return with_room, [
        *(left_out(trunk.name, "it is disabled or has no gateway.") for trunk in useless),
        *(left_out(trunk.name, "it has as many calls as it may.") for trunk in taken),
    ]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a trunk is told of a call."""

    number: str
    caller: SentIdentity
    headers: tuple[tuple[str, str], ...]


def _gateway_waves(
    trunks: Sequence[tuple[TrunkEntry, LegLists]],
    sent: Mapping[str, _Sent],
    chance: Chance | None,
    *,
    dialled: str,
) -> list[Wave]:
    """Return a wave for each gateway: trunk by trunk, those that are down after all others."""
    waves: list[tuple[bool, Wave]] = []
    for trunk, lists in trunks:
        rows = ((gateway.priority, gateway.weight, gateway) for gateway in trunk.gateways)
        for gateway in by_weight(rows, chance):
            target = _gateway_target(trunk, gateway, sent[trunk.name])
            lists_of = (lists.vn_a, lists.vn_b)
            party = f"trunk:{trunk.name}"
            wave = Wave((target,), *lists_of, trunk.name, party=party, dialled=dialled)
            waves.append((gateway.is_down, wave))
    return [wave for is_down, wave in sorted(waves, key=lambda item: item[0])]


def _gateway_target(trunk: TrunkEntry, gateway: GatewayEntry, sent: _Sent) -> PlannedTarget:
    scheme, _, rest = gateway.uri.partition(":")
    host = rest.rpartition("@")[2]
    uri = f"{scheme}:{quote(sent.number, safe=_USER_UNESCAPED)}@{host}"
    return PlannedTarget(
        uri=uri,
        to_uri=uri.partition(";")[0],
        hosts=trunk.hosts,
        label=trunk.name,
        username=trunk.out_username,
        trunk=trunk.name,
        gateway=gateway.uri,
        down=gateway.down,
        resting=gateway.resting,
        media_also_from=trunk.media_also_from,
        caller=sent.caller,
        identity=trunk.rules.out_identity,
        diverting=trunk.rules.diverting,
        headers=sent.headers,
        srtp=trunk.srtp,
    )
