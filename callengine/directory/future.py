"""The list that knows its future: what the last calls would have become by another codec list.

Whose list holds in a call, the rule itself is asked (`audiocodecs.negotiation.plan_lists`), with
everybody's lists as they are now.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from django.db.models import Q

from agents.formats import Encoding
from agents.models import VoiceAgent
from audiocodecs.arranging import StoredList
from audiocodecs.availability import unavailable_codecs
from audiocodecs.models import PlatformSettings
from audiocodecs.negotiation import (
    AgentLists,
    ConnectionLists,
    LegLists,
    SelfTestLists,
    TrunkLists,
    plan_lists,
)
from callengine.core.directory import UNTOUCHED
from callengine.core.hindsight import Future, NewLists, PastCall, retell
from callengine.record.past import past_calls
from connections.models import Connection
from trunks.models import Trunk

Party = ConnectionLists | TrunkLists | AgentLists | SelfTestLists
Which = Literal["inbound", "outbound", "in", "out", "codecs", "platform"]
_PROBE = ("?",)


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Which list of whom."""

    which: Which
    labels: tuple[str, ...] = ()
    """`connection:alice`, `trunk:carrier-one`, `agent:support`; several of those who follow one
    template; none for the platform list."""

    @property
    def calls(self) -> tuple[Q, ...]:
        """Where calls are to be looked for in which it may hold."""
        goes, comes = Q(destination__in=self.labels), Q(source__in=self.labels)
        within = Q(destination__startswith="connection:") | Q(destination__startswith="test:")
        return {
            "inbound": (goes,),
            "outbound": (comes & within,),
            "in": (goes, comes & within),
            "out": (goes,),
            "codecs": (goes,),
            "platform": (Q(),),
        }[self.which]


@dataclass(frozen=True, slots=True)
class PartyLists:
    """Everybody's lists."""

    parties: Mapping[str, Party]
    platform: tuple[str, ...]

    def with_list(self, place: ListPlace, wanted: StoredList) -> "PartyLists":
        """Return them with one list in place of what is stored, of those who are still here."""
        if place.which == "platform":
            return replace(self, platform=wanted.codecs or self.platform)
        new = {
            label: _with_list(self.parties[label], place.which, wanted)
            for label in place.labels
            if label in self.parties
        }
        return replace(self, parties={**self.parties, **new})

    def of(self, call: PastCall) -> LegLists | None:
        """Return the lists of a call; None if nobody has them any more."""
        source, destination = self.parties.get(call.source), self.parties.get(call.destination)
        is_gone = source is None and call.source.startswith(("connection:", "trunk:"))
        if destination is None or is_gone:
            return None
        caller = source if isinstance(source, ConnectionLists | TrunkLists) else None
        return plan_lists(source=caller, destination=destination, platform=self.platform)


def _with_list(party: Party, which: Which, wanted: StoredList) -> Party:
    codecs = wanted.codecs
    if isinstance(party, ConnectionLists):
        if which == "inbound":
            return replace(party, inbound=codecs, force_on_caller=wanted.force)
        return replace(party, outbound=codecs)
    if isinstance(party, TrunkLists):
        return replace(party, inward=codecs) if which == "in" else replace(party, outward=codecs)
    return replace(party, codecs=codecs) if isinstance(party, AgentLists) else party


def future_of(place: ListPlace, *, stored: StoredList, wanted: StoredList) -> Future:
    """Return what the last 100 calls by a list would have become by another. Eight queries."""
    calls = past_calls(*place.calls)
    labels = {label for call in calls for label in (call.source, call.destination)}
    lists = PartyLists(_parties(labels), PlatformSettings.load().codec_names)
    variants = [lists.with_list(place, one) for one in (stored, wanted)]
    probes = [lists.with_list(place, StoredList(_PROBE, one.force)) for one in (stored, wanted)]
    missing = unavailable_codecs()
    retold = []
    for call in calls:
        before, after, *asked = (one.of(call) for one in (*variants, *probes))
        if before is None or after is None:
            continue
        holds_a = any(one is not None and one.vn_a == _PROBE for one in asked)
        holds_b = any(one is not None and one.vn_b == _PROBE for one in asked)
        if holds_a or holds_b:
            new = [_new(one, holds_a, holds_b, missing) for one in (before, after)]
            retold.append((call, new[0], new[1]))
    return retell(retold)


def _new(lists: LegLists, holds_a: bool, holds_b: bool, missing: Container[str]) -> NewLists:
    vn_a, vn_b = (
        tuple(name for name in codecs if name not in missing) for codecs in (lists.vn_a, lists.vn_b)
    )
    return NewLists(vn_a if holds_a else None, vn_b if holds_b else None)


def _parties(labels: Iterable[str]) -> dict[str, Party]:
    """Return the lists of those who are still here, by label. Three queries."""
    names: dict[str, list[str]] = {"connection": [], "trunk": [], "agent": [], "test": []}
    for label in labels:
        kind, _, name = label.partition(":")
        names.get(kind, []).append(name)
    parties: dict[str, Party] = {f"test:{name}": SelfTestLists(name) for name in names["test"]}
    for row in Connection.objects.filter(sip_user__in=names["connection"]):
        parties[f"connection:{row.sip_user}"] = ConnectionLists(
            row.name, tuple(row.inbound_codecs), tuple(row.outbound_codecs), row.force_on_caller
        )
    for trunk in Trunk.objects.filter(name__in=names["trunk"]):
        lists = TrunkLists(trunk.name, tuple(trunk.in_codecs), tuple(trunk.out_codecs))
        parties[f"trunk:{trunk.name}"] = lists
    for agent in VoiceAgent.objects.filter(name__in=names["agent"]):
        untouched = UNTOUCHED.get(Encoding(agent.input_encoding), "")
        parties[f"agent:{agent.name}"] = AgentLists(agent.name, tuple(agent.codecs), untouched)
    return parties
