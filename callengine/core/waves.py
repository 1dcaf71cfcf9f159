"""Whom to ring for one destination, wave by wave, by which lists. Pure.

Where a destination leads on (a voice agent's fallback, the agent that stands in for a connection,
a route's last resort), one planner goes all the way and takes nobody twice.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

from audiocodecs.negotiation import AgentLists, SelfTestLists
from callengine.core.denials import bounded, rate_denial
from callengine.core.directory import (
    AgentPlace,
    ConnectionEntry,
    Destination,
    Platform,
    RouteEntry,
)
from callengine.core.leglists import CallLists, connection_lists
from callengine.core.limits import LEGS_RUNG_TOGETHER
from callengine.core.naming import Chance
from callengine.core.permissions import RETRY_AFTER_S, Usage
from callengine.core.plan import PlannedTarget, PlannedWaves, Wave
from callengine.core.reasons import Rule
from callengine.core.request import CallRequest, NotPlannedError
from callengine.core.trunkwaves import TrunkPlanner
from sip.selftests import SelfTest

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
        self._usage = usage
        self._local_host = local_host
        self._lists = CallLists(request, platform)
        self._trunks = TrunkPlanner(request, platform, self._lists, usage=usage, chance=chance)
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
        if self._request.party.is_inside_only:
            who = self._request.party.holder.name
            raise NotPlannedError(
                403,
                Rule.OUTSIDE_FORBIDDEN,
                f"{who} calls inside only, and {dialled} leads outside, through a trunk. Such a "
                "call is made by a connection, as its rights and its lists hold: choose one under "
                "Call as.",
            )
        if destination.trunk is not None:
            return self._trunks.plan((destination.trunk,), dialled, destination)
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
        lists = self._lists.of(AgentLists(agent.name, agent.codecs, agent.untouched))
        if self._request.encrypted:
            note = f"{agent.name} was left out: voice agents hear SIP callers in plain RTP alone."
            return PlannedWaves(f"agent:{agent.name}", (), lists, (note,))
        if not self._lists.shares(lists.vn_a):
            note = f"{agent.name} was left out: no codec in common with the caller."
            return PlannedWaves(f"agent:{agent.name}", (), lists, (note,))
        target = PlannedTarget(uri="", to_uri="", label=agent.name, agent=agent.name)
        party = f"agent:{agent.name}"
        wave = Wave((target,), lists.vn_a, lists.vn_b, agent.name, party=party)
        wave = bounded(wave, (self._request.party.holder,), self._usage)
        return PlannedWaves(party, (wave,), lists)

    def _to_selftest(self, selftest: SelfTest) -> PlannedWaves:
        label = f"test:{selftest}"
        self._take(label, selftest.label)
        lists = self._lists.of(SelfTestLists(selftest.label))
        if not self._lists.shares(lists.vn_a):
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
        is_reached = entry.address or entry.contacts or entry.browsers
        if when == "not-registered" and not is_reached:
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
            dataclasses.replace(
                target, headers=passed, holds_back_early_media=entry.holds_back_early_media
            )
            for target in _connection_targets(entry, self._local_host)
        ]
        lists = self._lists.of(connection_lists(entry))
        if not self._lists.shares(lists.vn_a):
            return PlannedWaves(label, (), lists)
        phones = Wave(
            tuple(targets),
            lists.vn_a,
            lists.vn_b,
            entry.name,
            ring_timeout_s=float(entry.ring_timeout_s or 0),
            party=label,
            avoids_transcoding=lists.avoids_transcoding,
        )
        phones = bounded(phones, (self._request.party.holder, entry.holder), self._usage)
        return PlannedWaves(label, tuple(phones.in_groups(LEGS_RUNG_TOGETHER)), lists)

    # Trunks

    def _to_route(self, route: RouteEntry, dialled: str, destination: Destination) -> PlannedWaves:
        trunks: _Step = ("", lambda: self._trunks.plan(route.trunks, dialled, destination))
        agent = route.last_resort
        if agent is None:
            return self._in_turn(trunks)
        before = f"The last resort of {route.prefix} was left out: "
        return self._in_turn(trunks, (before, lambda: self._to_agent(agent)))


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


def _noted(planned: PlannedWaves, note: str) -> PlannedWaves:
    return dataclasses.replace(planned, notes=(note, *planned.notes))


def _if_busy(planned: PlannedWaves) -> PlannedWaves:
    waves = tuple(dataclasses.replace(wave, when="busy") for wave in planned.waves)
    return dataclasses.replace(planned, waves=waves)


def _connection_targets(entry: ConnectionEntry, local_host: str) -> list[PlannedTarget]:
    browsers = [
        PlannedTarget("", "", label=one.name, browser=one.name, page=one.page)
        for one in entry.browsers
    ]
    if entry.address:
        address = entry.address
        fixed = PlannedTarget(address, address, label=entry.name, srtp=entry.srtp)
        return [fixed, *browsers]
    if not entry.contacts and browsers:
        return browsers
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
    ] + browsers
