"""The live calls of one engine, and their record: what is written and shown as they change."""

import asyncio
import time
import uuid
from collections import Counter
from functools import partial
from typing import Protocol

from callengine.core.capacity import RecentCalls
from callengine.core.control.agents import AgentFacts, AgentLine, AgentTool
from callengine.core.outcomes import Rejection, Termination
from callengine.core.permissions import MAX_PER_SECOND, SECOND_S
from callengine.core.plan import CallPlan
from callengine.core.snapshot import (
    AgentSnapshot,
    CallSnapshot,
    EventSnapshot,
    QualitySnapshot,
    SpokenSnapshot,
    iso,
)
from callengine.edge.interface import IncomingCall
from callengine.engine.calls.livecall import LiveCall, PendingTransfer
from callengine.engine.calls.opencall import open_call
from callengine.record import changes
from callengine.record.journal import Journal
from callengine.record.ladder import Audience, Listener, Trace

GATHERING_S = 0.05
"How long changes of a call are gathered before they are written and shown as one."
GROWING_S = 0.25
"How long a line of a timeline that grows is gathered: a party may press ten keys a second."
HISTORY_INTERVAL_S = 10.0


class CallAudience(Audience, Protocol):
    """Whoever is told of calls once they are written."""

    def call(self, snapshot: CallSnapshot) -> None:
        """Show a call as it now is."""

    def event(self, call_uuid: str, event: EventSnapshot) -> None:
        """Show a new line of a timeline."""

    def agents(self, call_uuid: str, sessions: list[AgentSnapshot]) -> None:
        """Show sessions of a call's voice agents as they now are."""

    def spoken(self, call_uuid: str, lines: list[SpokenSnapshot]) -> None:
        """Show lines of what was said that are new or have changed."""

    def trunk(self, name: str) -> None:
        """Show how a trunk stands now."""


class Witness(Protocol):
    """Whoever records packets of calls."""

    def opening(self, call: LiveCall) -> Listener | None:
        """Return who takes the messages of a call that begins, if somebody does."""

    def closing(self, call: LiveCall) -> None:
        """Take that a call has ended; its record is about to be closed."""


class CallBook:
    """Holds the live calls and has every change written, in order, then shown."""

    def __init__(self, node: str, trace: Trace) -> None:
        self._node = node
        self.identity = ""
        "The id of this engine, once it has started."
        self.trace = trace
        self.calls: dict[str, LiveCall] = {}
        "Live calls by their 32-digit id."
        self.over = asyncio.Event()
        "Set while no call is up."
        self.witness: Witness | None = None
        self._begun = RecentCalls(MAX_PER_SECOND, window_s=SECOND_S)
        self._journal: Journal | None = None
        self._audience: CallAudience | None = None

    def open_with(self, journal: Journal, audience: CallAudience) -> None:
        """Begin to write and to show."""
        self._journal, self._audience = journal, audience
        self.trace.open_with(journal, audience)

    @property
    def journal(self) -> Journal:
        """The writer of the record, once begun."""
        assert self._journal is not None
        return self._journal

    @property
    def audience(self) -> CallAudience:
        """Who is told, once begun."""
        assert self._audience is not None
        return self._audience

    def open(self, plan: CallPlan, call: IncomingCall) -> LiveCall:
        """Open the record of a call and show it."""
        live = open_call(
            plan, uuid=str(uuid.UUID(plan.call)), sip_call_id=call.call_id, at=time.time()
        )
        live.snapshot["legs"][0]["user_agent"] = call.user_agent
        self.calls[plan.call] = live
        for label in live.ends:
            self._begun.note(label, time.monotonic())
        self.over.clear()
        snapshot = live.frozen()
        self.journal.write(
            changes.call_started(
                snapshot=snapshot, plan=plan.record(), node=self._node, identity=self.identity
            ),
            partial(self.audience.call, snapshot),
        )
        self._write_lines(live)
        self.trace.opened(
            plan.call,
            uuid=live.id,
            sip_call_id=call.call_id,
            flow=call.flow,
            listener=self.witness.opening(live) if self.witness is not None else None,
        )
        return live

    def changed(self, call: LiveCall) -> None:
        """Have the call as it is in a moment written and shown: changes come in bursts."""
        if not call.change_waits:
            call.change_waits = True
            asyncio.get_running_loop().call_later(GATHERING_S, self._write_change, call)

    def _write_change(self, call: LiveCall) -> None:
        call.change_waits = False
        if call.ended:
            return  # its end was written with everything in it
        snapshot = call.frozen()
        self.journal.write(
            changes.call_changed(snapshot=snapshot),
            partial(self.audience.call, snapshot),
        )

    def note(self, call: LiveCall, *, kind: str, leg: str, text: str, at: float) -> None:
        """Write and show a line of a call's timeline; `at` is Unix time in seconds."""
        count = call.timeline.count
        call.add_event(at=at, leg=leg, kind=kind, text=text)
        if call.timeline.count > count:
            self._write_lines(call)
        elif not call.lines_wait:
            call.lines_wait = True
            asyncio.get_running_loop().call_later(GROWING_S, self._write_lines, call)

    def _write_lines(self, call: LiveCall) -> None:
        """Have the lines that are new or have grown written and shown."""
        call.lines_wait = False
        lines = list(call.fresh_lines.values())
        call.fresh_lines.clear()
        if lines:
            self.journal.write(
                changes.call_events(call_id=call.id, events=lines),
                partial(self._show_lines, call.id, lines),
            )

    def _show_lines(self, call_uuid: str, lines: list[EventSnapshot]) -> None:
        for line in lines:
            self.audience.event(call_uuid, line)

    def quality(self, call: LiveCall, samples: dict[str, QualitySnapshot]) -> None:
        """Take one second's statistics; the history of each leg is written now and then."""
        now = time.time()
        if call.set_quality(samples, now):
            self.changed(call)
        if now - call.history_written_at >= HISTORY_INTERVAL_S:
            self._write_histories(call, now)

    def _write_histories(self, call: LiveCall, now: float) -> None:
        call.history_written_at = now
        histories = {name: recorder.history() for name, recorder in call.recorders.items()}
        if histories:
            self.journal.write(changes.quality(call_id=call.id, histories=histories))

    def agent_session(self, call: LiveCall, facts: AgentFacts) -> None:
        """Take what is known of an agent's session; figures alone are shown and not written."""
        if call.agents.set_session(facts):
            self.changed(call)
        else:
            self.audience.agents(call.id, [call.agents.sessions[facts.leg]])

    def agent_said(self, call: LiveCall, said: AgentLine | AgentTool) -> None:
        """Take what caller and agent said, or that a tool was called."""
        if not call.agents.take(said) or call.agents.lines_wait:
            return
        call.agents.lines_wait = True
        asyncio.get_running_loop().call_later(GROWING_S, self._write_spoken, call)

    def _write_spoken(self, call: LiveCall, *, is_over: bool = False) -> None:
        """Have finished lines written, then all that changed shown; what grows is not written."""
        call.agents.lines_wait = False
        lines = call.agents.take_fresh_lines(is_over=is_over)
        finished = [line for line in lines if line["is_final"]]
        if finished:
            change = changes.call_spoken(call_id=call.id, lines=finished)
            self.journal.write(change, partial(self.audience.spoken, call.id, lines))
        elif lines:
            self.audience.spoken(call.id, lines)

    def close(self, call: LiveCall, termination: Termination, at: float | None = None) -> None:
        """Close the record of a call with its one reason; a second one changes nothing."""
        if call.ended:
            return
        if self.witness is not None:
            self.witness.closing(call)
        call.close(termination, at or time.time())
        self.calls.pop(call.plan.call, None)
        if not self.calls:
            self.over.set()
        snapshot = call.frozen()
        self._write_histories(call, time.time())
        self.trace.closed(call.plan.call)
        self._write_lines(call)
        self._write_spoken(call, is_over=True)
        self.journal.write(
            changes.call_ended(snapshot=snapshot), partial(self.audience.call, snapshot)
        )

    def transferred(self, call: LiveCall, pending: PendingTransfer) -> None:
        """Write that somebody else is the callee now, and by which plan."""
        plan = pending.plan
        if plan is None:
            return
        call.transferred(plan)
        entry = {"to": pending.to, "by": pending.by, "at": iso(time.time()), **plan.record()}
        if (referrer := pending.referrer) is not None:
            entry |= {"whom": call.name_of(referrer.waiting), "near": call.near}
        self.journal.write(changes.transferred(call_id=call.id, transfer=entry))
        self.changed(call)

    def rejected(self, rejection: Rejection) -> None:
        """Write a request that never became a call."""
        self.journal.write(changes.rejected(rejection=rejection, at=iso(time.time())))

    def in_progress(self) -> Counter[str]:
        """Count the live calls of each source and destination label."""
        return Counter(label for call in self.calls.values() for label in call.ends)

    def begun_lately(self) -> dict[str, int]:
        """Count the calls of each label that were begun in the last second."""
        return self._begun.counts(time.monotonic())
