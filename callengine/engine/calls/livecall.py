"""One call in progress as the engine knows it: its snapshot, kept up by what its process says."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from callengine.core.control.agents import (
    TransferAsked,
)
from callengine.core.control.calls import (
    LegFacts,
)
from callengine.core.directory import Source
from callengine.core.history import Recorder
from callengine.core.orders import CallOrder, LegOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.parties import CALLER, CallLegs, parties, who
from callengine.core.plan import CallPlan
from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    FiguresSnapshot,
    QualitySnapshot,
    iso,
)
from callengine.core.states import CallState
from callengine.core.timeline import Timeline
from callengine.edge.interface import Attempt, IncomingCall, LegAnchor
from callengine.engine.calls.liveagents import LiveAgents
from callengine.engine.calls.opencapture import OpenCapture
from callengine.engine.calls.snapshots import copied, leg_snapshot, take_attempt
from callengine.engine.processes.process import CallProcess

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Referrer:
    """A party that asked by REFER for whoever talks to it to be connected with another."""

    leg: str
    waiting: str
    "The leg of whom it talks to."
    source: Source
    "Itself as a caller: its rights hold."
    partner: Source
    "Whom it talks to, as a caller: it is shown to who is rung, and its lists hold."
    tell: Callable[[int], None]
    "Tells it how far that has come, as a SIP status code."
    is_sips: bool = False
    "It named a sips: address: TLS alone leads there (RFC 5630)."
    passed: tuple[tuple[str, str], ...] = ()
    "Headers of its REFER that whoever is rung gets."


@dataclass(frozen=True, slots=True)
class Joint:
    """The other call of a party that joins two, and whom it has there."""

    call: "LiveCall"
    leg: str
    "The party's own leg in it."
    other: str
    "The leg of whom it talks to there."
    is_ringing: bool = False
    "The party's device rings, and whom it is to have waits for an answer."

    @property
    def name(self) -> str:
        """What a person calls whoever is taken over."""
        return self.call.name_of(self.other)


@dataclass(slots=True)
class PendingTransfer:
    """A transfer that has been asked for and is not over."""

    to: str
    by: str
    plan: CallPlan | None = None
    "None until it has been planned."
    asked: TransferAsked | None = None
    "The request of the voice agent that wants it, if one does."
    referrer: Referrer | None = None
    "The party that wants it by REFER, if one does."
    joint: Joint | None = None
    "That party's other call, if it joins two."


@dataclass(slots=True)
class LiveCall:
    """A call between its plan and its termination."""

    plan: CallPlan
    snapshot: CallSnapshot
    sip_call_id: str
    "Call-ID of the caller's INVITE."
    process: CallProcess | None = None
    order: CallOrder | None = field(default=None, repr=False)
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    "What the gateways of each of its trunks are answered with, by the trunk's name."
    ending: Termination | None = None
    "Why it is to end, if that was decided before a call process took it."
    taken: bool = False
    "Whether its process has taken it, and so speaks for it."
    attempts: int = 0
    "How many call processes it was given to."
    ended: bool = False
    change_waits: bool = False
    "Whether a change is about to be written."
    labels: dict[str, str] = field(default_factory=dict)
    leg_orders: dict[str, LegOrder] = field(default_factory=dict, repr=False)
    "As its process has them."
    party_labels: dict[str, str] = field(default_factory=dict)
    "Whose each leg is, as `connection:alice`."
    near: str = CALLER
    "The caller's leg, or that of the callee whom a transfer connected with another."
    started_at: float = 0.0
    recorders: dict[str, Recorder] = field(default_factory=dict)
    "The quality of each leg since the call began."
    history_written_at: float = 0.0
    rang_at: float | None = None
    "Unix time of the first ringing, early media or answer."
    was_silent: bool = False
    source: Source | None = None
    "Who called, as it was then."
    flow: str = ""
    "Where the caller's INVITE came from."
    incoming: IncomingCall | None = None
    "The INVITE, until a call process has taken the call."
    dialled: list[str] = field(default_factory=list)
    "User parts it was sent to, once a callee forwarded it: what was dialled first, and since."
    forwarders: set[str] = field(default_factory=set)
    "Labels of the callees who forwarded it."
    joint: Joint | None = None
    "The call that it picks up, in the place of one of its parties."
    transfer: PendingTransfer | None = None
    timeline: Timeline = field(default_factory=Timeline)
    "Its lines are written and shown one by one: the snapshot has none of them."
    fresh_lines: dict[int, EventSnapshot] = field(default_factory=dict)
    "Lines that are to be written, by their number."
    lines_wait: bool = False
    "Whether they are about to be."
    transfer_ended_at: float = float("-inf")
    "Monotonic time in seconds."
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    "Of the caller's INVITE, by their name in small letters: what agents may be told."
    selftests: set[str] = field(default_factory=set)
    "Names of the legs that are test destinations."
    browsers: set[str] = field(default_factory=set)
    "Names of the legs that are browsers and are called."
    browsers_rung: set[str] = field(default_factory=set)
    "Those whose pages were had to ring."
    speeches: int = 0
    "How often one of them has had a codec's name said."
    has_asked_for_music: bool = False
    "Whether its process has been given what parties on hold hear."
    news: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    "Set by whatever its process says of it, by an ACK, and by its end; who waits clears it first."
    agents: LiveAgents = field(default_factory=LiveAgents)
    capture: OpenCapture | None = None
    "What records its packets, or did last."

    @property
    def given_up(self) -> bool:
        """Whether the caller has cancelled before a call process took the call."""
        return self.incoming is not None and self.incoming.given_up()

    @property
    def id(self) -> str:
        """The call's UUID with hyphens, as it is shown and published."""
        return self.snapshot["id"]

    def ordered(self, waves: Sequence[WaveOrder], plan: CallPlan) -> None:
        """Take over which legs its process may ring."""
        legs = [leg for wave in waves for leg in wave.legs]
        self.labels |= {leg.name: leg.label for leg in legs}
        for leg in legs:
            self.leg_orders[leg.name] = leg
            self.party_labels[leg.name] = leg.party or plan.destination
        self.selftests |= {leg.name for leg in legs if leg.selftest is not None}
        self.browsers |= {leg.name for leg in legs if leg.browser is not None}
        self.agents.ordered(waves)

    @property
    def _own_call_id(self) -> str:
        return "" if self.plan.browser else self.sip_call_id

    def facing(self, leg: str) -> str | None:
        """Return whom the party of a leg talks to."""
        callee = parties(self.snapshot["legs"], self.near).callee
        far = callee["name"] if callee else None
        if leg == self.near:
            return far
        return self.near if leg == far else None

    def allowed_on(self, name: str) -> tuple[str, ...]:
        """Return our list on a leg."""
        legs = (leg for leg in self.snapshot["legs"] if leg["name"] == name)
        return tuple(next(legs)["allowed"])

    def list_source_on(self, leg: str) -> str:
        """Return where our list on a leg comes from."""
        return self.snapshot["vn_a_source" if leg == CALLER else "vn_b_source"]

    def party_of(self, leg: str) -> str:
        """Return whose a leg is, as `connection:alice`."""
        return self.snapshot["source"] if leg == CALLER else self.party_labels.get(leg, "")

    def name_of(self, leg: str) -> str:
        """Return what a person calls the party of a leg."""
        return self.labels.get(leg) or who(leg, "", at_start=True)

    def set_state(self, state: str, at: float) -> None:
        """Take the call's state over."""
        self._become(state)
        if self.rang_at is None and state not in (CallState.TRYING, CallState.ENDED):
            self.rang_at = at
            self.snapshot["figures"] = self._figures()
        if CallState(state).is_talking and self.snapshot["answered"] is None:
            self.snapshot["answered"] = iso(at)
            self._see_who_took_it(self._legs)

    def _become(self, state: str) -> None:
        before, self.snapshot["state"] = self.snapshot["state"], state
        if state != before:
            logger.info("call=%s %s -> %s", self.plan.call, before, state)

    def add_event(self, *, at: float, leg: str, kind: str, text: str) -> EventSnapshot:
        """Add a line to the timeline; return it, or the one that has grown instead."""
        event = self.timeline.add(at=iso(at), leg=leg, kind=kind, text=text)
        self.fresh_lines[event["number"]] = event
        return event

    def set_leg(self, facts: LegFacts) -> bool:
        """Take over what a call process says of a leg; return whether it is a new leg."""
        name = facts.name
        before = next((leg for leg in self.snapshot["legs"] if leg["name"] == name), None)
        leg = leg_snapshot(
            facts,
            label=self.labels.get(name, ""),
            # The caller's own, which its call process never sees.
            call_id=self._own_call_id if name == "A" else facts.call_id,
            quality=before["quality"] if before else None,
        )
        if before is None:
            self.snapshot["legs"].append(leg)
        else:
            before.update(leg)
        legs = self._legs
        self._judge_transcoding(legs)
        self._see_who_took_it(legs)
        return before is None

    def set_attempt(self, anchor: LegAnchor, attempt: Attempt) -> None:
        """Take over that a gateway was sent the INVITE, or what came of it."""
        take_attempt(self.snapshot, anchor, attempt)

    def set_quality(self, samples: dict[str, QualitySnapshot], at: float) -> bool:
        """Take over one second's statistics; return whether the call is to be shown anew for it.

        A party fell silent or came back, or its figures were taken back: no more may come.
        """
        has_news = False
        for leg in self.snapshot["legs"]:
            if (sample := samples.get(leg["name"])) is not None:
                before, leg["quality"] = leg["quality"], sample
                self.was_silent |= sample["silence"] is not None
                has_news |= sample["silence"] != (before and before["silence"])
                is_over = sample["audio"] == "not-expected" and sample["mos"] is None
                has_news |= is_over and before is not None and before["mos"] is not None
                self._record(leg["name"], sample, at - self.started_at)
        return has_news

    def _record(self, leg: str, sample: QualitySnapshot, t: float) -> None:
        recorder = self.recorders.setdefault(leg, Recorder())
        mos, loss, jitter = sample["mos"], sample["loss_percent"], sample["jitter_ms"]
        if mos is None or loss is None or jitter is None:
            recorder.add_gap(t)
        else:
            recorder.add(t, mos, loss, jitter, packets=max(sample["packets_due"], 1))

    @property
    def ends(self) -> set[str]:
        """Labels of source and destination, of whose legs there are, and of whom it goes on to."""
        plan = self.transfer.plan if self.transfer else None
        up = {
            self.party_of(leg["name"]) for leg in self.snapshot["legs"] if leg["state"] != "ended"
        }
        labels = {self.snapshot["source"], self.snapshot["destination"], *up} - {""}
        return labels | self.forwarders | ({plan.destination} if plan else set())

    @property
    def forwarder(self) -> str:
        """Return the label of the callee that is rung now."""
        return self.snapshot["destination"]

    def redirected(self, plan: CallPlan) -> None:
        """Take over whom it is forwarded to; who forwarded it still takes part."""
        self.forwarders.add(self.forwarder)
        self.transferred(plan)

    def transferred(self, plan: CallPlan) -> None:
        """Take over where the call leads now, and where its lists come from."""
        if self.near != CALLER:
            self.snapshot["near"] = self.near
            self._judge_transcoding(self._legs)
        self.snapshot["destination"] = plan.destination
        self._see_who_took_it(self._legs)
        self.snapshot["vn_a_source"] = plan.vn_a_source
        self.snapshot["vn_b_source"] = plan.vn_b_source

    def close(self, termination: Termination, at: float) -> None:
        """Close the snapshot with the one reason the call ended."""
        self.ended = True
        self._become(CallState.ENDED.value)
        self.snapshot["figures"] = self._figures()
        self.snapshot["ended"] = iso(at)
        self.snapshot["termination"] = {
            "by": termination.by,
            "reason": termination.reason,
            "code": termination.code,
            "advice": termination.advice,
        }
        for leg in self.snapshot["legs"]:
            leg["state"] = "ended"
        self.agents.close()
        self.add_event(at=at, leg="", kind="ended", text=termination.advice)
        self.news.set()

    def _figures(self) -> FiguresSnapshot:
        legs = parties(self.snapshot["legs"], self.near)
        worst_a, worst_b = (
            self.recorders[leg["name"]].worst_mos if leg and leg["name"] in self.recorders else None
            for leg in (legs.caller, legs.callee)
        )
        rang_after_s = None if self.rang_at is None else max(self.rang_at - self.started_at, 0.0)
        return {
            "worst_mos_a": worst_a,
            "worst_mos_b": worst_b,
            "post_dial_s": None if rang_after_s is None else round(rang_after_s, 3),
            "was_silent": self.was_silent,
        }

    def frozen(self) -> CallSnapshot:
        """Return a copy that later changes do not touch, to hand to other threads."""
        if self.agents.sessions:
            self.snapshot["agents"] = list(self.agents.sessions.values())
        snapshot: CallSnapshot = copied(self.snapshot)
        return snapshot

    @property
    def _legs(self) -> CallLegs:
        return parties(self.snapshot["legs"], self.near)

    def _see_who_took_it(self, legs: CallLegs) -> None:
        """Tell who talks to the caller, if that is another than whom the call was for."""
        callee = legs.callee
        is_heard = callee is not None and (callee["codec"] or callee["remote"])
        if callee is None or not is_heard or self.snapshot["answered"] is None:
            return
        party = self.party_of(callee["name"])
        self.snapshot["taken_by"] = party if party != self.snapshot["destination"] else ""

    def _judge_transcoding(self, legs: CallLegs) -> None:
        codec_a, codec_b = legs.codecs
        if codec_a and codec_b:
            self.snapshot["transcoded"] = codec_a != codec_b
