"""The engine: the edge's questions answered, call processes directed, the record kept."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

from callengine.core import sdp
from callengine.core.callerid import CallerId, Claim, KnownNames, caller_id
from callengine.core.capacity import CapacityLimits
from callengine.core.causes import q850_reason
from callengine.core.control import (
    CallEnded,
    EndCall,
    Idle,
    LegFacts,
    OfCall,
    QualityMeasured,
    RedirectAsked,
    StateReached,
    Taken,
    TimelineNote,
    TransferOver,
    Unable,
)
from callengine.core.directory import Destination, Platform, Source
from callengine.core.obstacles import obstacle
from callengine.core.orders import passwords_of
from callengine.core.outcomes import Rejection, Termination
from callengine.core.plan import MAX_DURATION_S, CallPlan
from callengine.core.planner import CallRequest, Declined, plan_call
from callengine.core.reasons import Reason, Rule
from callengine.core.states import CallState
from callengine.directory import lookup
from callengine.edge.bans import Ban
from callengine.edge.frontdoor import Edge
from callengine.edge.interface import (
    Accepted,
    Binding,
    Credentials,
    IncomingCall,
    Refusal,
    Refused,
    TrunkAccess,
)
from callengine.edge.rejections import GAVE_UP_FIRST
from callengine.edge.settings import EdgeSettings
from callengine.engine.admission import Room, rejected
from callengine.engine.assignment import GAVE_UP, RETRY_AFTER_S, Handing
from callengine.engine.calls import CallBook
from callengine.engine.livecall import LiveCall, iso
from callengine.engine.pool import CallProcess, Pool, PoolSettings
from callengine.engine.publisher import Publisher
from callengine.engine.redirects import Redirects
from callengine.engine.stopping import Step, take_all
from callengine.engine.transfers import Transfers
from callengine.lab.laboratory import Laboratory
from callengine.record import changes
from callengine.record.database import keep_connected
from callengine.record.journal import Journal
from callengine.record.ladder import Trace
from callengine.record.retention import Retention, RetentionSettings
from callengine.record.writer import WriterSettings
from trunks.access import AccessLists

logger = logging.getLogger(__name__)

READERS = 4
CLEARING_S = 3.0
"How long calls hung up at a stop may take to confirm it."
LAB_STOP_S, POOL_STOP_S, JOURNAL_STOP_S = 12.0, 8.0, 15.0
"Longer than each takes at worst by its own bounds."
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of one engine process."""

    node: str
    edge: EdgeSettings
    pool: PoolSettings
    ring_timeout_s: float
    grace_s: float
    max_duration_s: float = MAX_DURATION_S
    "How long a call may last from its answer."
    media_timeout_s: float = 60.0
    "How long neither party of a call may send anything; 0: for ever."
    media_also_from: tuple[str, ...] = ()
    "Networks from which media of any leg is taken, besides what its peer names."
    capacity: CapacityLimits = field(default_factory=CapacityLimits)
    record: WriterSettings = field(default_factory=WriterSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)


class Switchboard:
    """Everything one engine process does; the `Engine` of its edge."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.edge = Edge(self, settings.edge)
        self.pool = Pool(settings.pool, on_message=self._message, on_death=self._death)
        self.codecs: tuple[str, ...] = ()
        self.unavailable: dict[str, str] = {}
        self.book = CallBook(settings.node, Trace(self.edge.leg))
        self.edge.observer = self.book.trace.observe
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="directory")
        self._access = AccessLists(lookup.access_entries)
        self._hurry = asyncio.Event()
        self._handing = Handing(self)
        self._publisher = Publisher(self)
        self.lab = Laboratory(self, self._read)
        self.transfers = Transfers(self, self._read)
        self.redirects = Redirects(self, self._read)
        self.room = Room(settings.capacity)
        self._retention = Retention(settings.retention)

    @property
    def calls(self) -> dict[str, LiveCall]:
        """Live calls by their 32-digit id."""
        return self.book.calls

    # Life

    async def start(self) -> None:
        """Start call processes, then open the front door.

        Raises OSError naming the address if a port is taken, RuntimeError if no call process
        can be started.
        """
        journal = Journal(asyncio.get_running_loop(), self.settings.record)
        self.book.open_with(journal, self._publisher)
        journal.write(changes.orphans_closed(node=self.settings.node, at=iso(time.time())))
        try:
            first = await self.pool.start()
            self.codecs, self.unavailable = first.codecs, first.unavailable
            self.edge.know_phones(await self._read(lookup.registered_flows))
            await self.edge.start()
        except (OSError, RuntimeError):
            await take_all(self._undoing())
            raise
        self._warn()
        await self._publisher.start()
        self._retention.start()

    def _undoing(self) -> Iterator[Step]:
        """End what a start that failed had begun; the edge has closed what it opened."""
        yield Step("ending call processes", self.pool.stop, POOL_STOP_S)
        yield Step("writing the record", self._journal_closed, JOURNAL_STOP_S)
        yield Step("ending the readers", partial(self._readers.shutdown, wait=False))

    def _warn(self) -> None:
        """Say in the log what is lacking, once all runs: a failed start is one sentence."""
        for name, why in self.unavailable.items():
            logger.warning("codec %s is unavailable: %s", name, why)
        if left := self.pool.unconfined:
            logger.warning("call processes are not confined in full: %s", "; ".join(left))

    async def stop(self) -> None:
        """Take no new calls, let calls end within the grace period, hang up the rest.

        Nothing is lost by a part or a peer that fails or hangs: every step is taken.
        """
        await take_all(self._ending())

    def _ending(self) -> Iterator[Step]:
        retry = partial(self.edge.refuse_new_calls, RETRY_AFTER_S)
        yield Step("refusing new calls", retry)
        yield Step("ending the calls of the codec lab", self.lab.stop, LAB_STOP_S)
        yield from self._ending_of_calls()
        yield Step("hearing no more commands", self._publisher.hear_no_more)
        yield Step("ending call processes", self.pool.stop, POOL_STOP_S)
        yield Step("ending retention", self._retention.stop)
        yield Step("closing the edge", self.edge.stop)
        yield Step("writing the ladders", self.book.trace.flush)
        yield Step("leaving the list of engines", self._publisher.gone)
        # What is published was written before: so the publisher ends after the journal.
        yield Step("writing the record", self._journal_closed, JOURNAL_STOP_S)
        yield Step("telling pages the last", self._publisher.stop)
        yield Step("ending the readers", partial(self._readers.shutdown, wait=False))

    def _ending_of_calls(self) -> Iterator[Step]:
        grace_s = self.settings.grace_s
        yield Step("letting calls end", partial(self._calls_over, grace_s), grace_s + 1)
        for call in list(self.calls.values()):
            yield Step("hanging up a call", partial(self.hang_up, call, _STOPPED))
        yield Step("waiting for calls to end", partial(self._calls_over, CLEARING_S))
        for call in list(self.calls.values()):  # its process did not confirm, and is ended next
            yield Step("closing a call's record", partial(self.book.close, call, _STOPPED))

    async def _journal_closed(self) -> None:
        await self.book.journal.close()

    def hurry(self) -> None:
        """End the grace period of a `stop` under way."""
        self._hurry.set()

    async def _calls_over(self, timeout_s: float) -> None:
        """Wait until no call is up, at most `timeout_s`, or until told to hurry."""
        if not self.calls:
            return
        over, hurried = asyncio.ensure_future(self.book.over.wait()), self._hurry.wait()
        waits = {over, asyncio.ensure_future(hurried)}
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._hurry.clear()

    # What the edge asks

    async def credentials(self, username: str) -> Credentials | None:
        """Return the digest credentials of a connection or of a trunk's IN side."""
        one_time = self.lab.credentials(username)
        return one_time or await self._read(lookup.credentials, username)

    async def trunk_access(self, address: str) -> TrunkAccess | None:
        """Return the trunk whose access list holds this IP address."""
        if self.lab.is_phone(address):
            return None
        return await self._read(lookup.trunk_access, address, self._access)

    async def external_sip(self) -> bool:
        """Return whether unauthenticated callers may reach numbers and connections."""
        return await self._read(lookup.external_sip)

    async def trunks_by_credentials(self) -> bool:
        """Return whether an enabled trunk may call from any address, by its credentials alone."""
        return await self._read(lookup.trunks_by_credentials, self._access)

    async def source(self, *, kind: str, name: str, address: str) -> Source:
        """Return the full source for a name the edge established."""
        if kind == "lab":
            return self.lab.source(name, address)
        return await self._read(partial(lookup.source, kind=kind, name=name, address=address))

    async def is_registered_at(self, flow: str) -> bool:
        """Return whether a phone of ours registered from this very flow, by no proxy."""
        return await self._read(lookup.is_registered_at, flow)

    async def bindings(self, sip_user: str) -> list[Binding]:
        """Return the unexpired bindings of a connection."""
        return await self._read(lookup.bindings, sip_user)

    async def change_bindings(
        self, sip_user: str, change: Callable[[Sequence[Binding]], list[Binding] | Refusal]
    ) -> list[Binding] | Refusal:
        """Have a pure function decide what a connection's bindings become; one transaction."""
        return await self._read(lookup.change_bindings, sip_user, change)

    async def has_registered_from(self, host: str) -> bool:
        """Return whether a phone at this IP address is registered."""
        return await self._read(lookup.has_registered_from, host)

    async def banned(self, ban: Ban) -> None:
        """Store a ban that the edge has made."""
        self.book.journal.write(changes.banned(ban=ban, node=self.settings.node))

    async def rejected(self, rejection: Rejection) -> None:
        """Store a refused request."""
        self.book.rejected(rejection)

    async def set_up(self, call: IncomingCall) -> Accepted | Refused:
        """Plan a call and find it a call process."""
        try:
            offered = None if call.sdp is None else sdp.offered_codecs(call.sdp)
            hindrance = None if call.sdp is None else obstacle(call.sdp)
        except sdp.SdpError as error:
            return self._refuse(_malformed(call, str(error)), call)
        lab = self.lab.placed(call)
        call = lab.named(call) if lab else call
        claim = Claim(call.from_user, call.from_name)
        destination, platform, known = await self._read(self._look_up_call, call)
        destination = lab.destination if lab else destination
        caller = CallerId(claim.user, claim.name)
        if not lab:
            found = caller_id(call.source, claim, known, call_id=call.call_id, to=call.to_user)
            if isinstance(found, Rejection):
                return self._refuse(found, call)
            caller = found
        request = CallRequest(
            call=uuid.uuid4().hex,
            call_id=call.call_id,
            from_user=caller.user,
            from_name=caller.name,
            to_user=call.to_user,
            offered=offered,
            max_forwards=call.max_forwards,
            source=call.source,
            obstacle=hindrance,
            claimed=str(claim) if caller.note else "",
            notes=(caller.note,) if caller.note else (),
        )
        # Nothing is awaited from here until the call is in the book, or many at once would pass.
        if (short := self.room.shortage(call.source, self.calls.values())) is not None:
            refused = self._refuse(rejected(call, short), call)
            return replace(refused, retry_after_s=short.retry_after_s)
        decision = plan_call(
            request,
            destination=destination,
            platform=platform,
            calls_in_progress=self.book.in_progress(),
            ring_timeout_s=self.settings.ring_timeout_s,
            max_duration_s=self.settings.max_duration_s,
            local_host=self.local_host(call.flow),
        )
        decision = lab.signed(decision) if lab else decision
        if isinstance(decision, Rejection):
            return self._refuse(decision, call)
        if isinstance(decision, Declined):
            live = self.book.open(decision.plan, call)
            self.book.close(live, GAVE_UP if call.given_up() else decision.termination)
            return Refused(488, reason=q850_reason(488))
        return await self._connect(decision, call, passwords_of(destination))

    def local_host(self, flow: str) -> str:
        """Return the host part of our users' URIs, as a peer there knows us."""
        host, port = self.edge.public_address_for(flow)
        shown = f"[{host}]" if ":" in host else host
        return f"{shown}:{port}" if port != 5060 else shown

    def look_up(self, to_user: str) -> tuple[Destination, Platform]:
        """Return what is known of a dialled user part, and the platform. For a reader thread."""
        platform = lookup.platform()
        known = Platform(platform.codecs, platform.external_sip, self.codecs)
        return lookup.destination(to_user), known

    def _look_up_call(self, call: IncomingCall) -> tuple[Destination, Platform, KnownNames]:
        known = lookup.known_names(call.source, call.from_user)
        return (*self.look_up(call.to_user), known)

    async def _connect(
        self, plan: CallPlan, call: IncomingCall, passwords: dict[str, str]
    ) -> Accepted | Refused:
        live = self.book.open(plan, call)
        live.passwords = passwords
        live.source, live.flow, live.incoming = call.source, call.flow, call
        return await self._handing.connect(live)

    def has_taken(self, call: str) -> bool:
        """Tell whether a call's process has taken it, and so speaks for it."""
        return self._handing.has_taken(call)

    # What operators and call processes say

    def hang_up(self, call: LiveCall, termination: Termination) -> None:
        """End a call for a reason of ours."""
        if not call.taken:
            call.ending = termination
        if call.process is None:
            return
        self.pool.send(call.process, EndCall(termination))

    def _message(self, process: CallProcess, message: Unable | Idle | OfCall) -> None:
        match message:
            case Idle(recycle):
                self._idle(process, recycle=recycle)
            case Unable(reason, why):
                self._handing.unable(process, Reason(reason), why)
            case _:
                call = self._handing.call_of(process)
                if call is not None and not call.ended:
                    self._of_call(call, message)

    def _of_call(self, call: LiveCall, message: OfCall) -> None:
        """Take what a process says of its call; raises ControlError for a leg it was not given."""
        call.check_legs(message)
        match message:
            case Taken():
                call.taken, call.incoming = True, None
            case StateReached():
                self._state(call, message)
            case LegFacts():
                call.set_leg(message)
                self.book.changed(call)
            case TimelineNote(kind, leg, text, at):
                self.book.note(call, kind=kind, leg=leg, text=text, at=at)
            case TransferOver():
                self.transfers.ended(call, message)
            case RedirectAsked():
                self.redirects.hear(call, message)
            case QualityMeasured(legs):
                self.book.quality(call, legs)
                self._publisher.quality(call, legs)
            case CallEnded(termination, at):
                self.book.close(call, termination, at)

    def _state(self, call: LiveCall, message: StateReached) -> None:
        call.set_state(message.state, message.at)
        if message.state is CallState.ENDED:
            self.edge.let_go(call.plan.call)
        self.book.changed(call)

    def _idle(self, process: CallProcess, *, recycle: bool) -> None:
        call = self._handing.forget(process)
        if call is not None and not call.ended:
            self.book.close(call, _DIED)
        if process.call is not None:
            self.edge.close_call(process.call)
        self.pool.release(process, recycle=recycle)

    def _death(self, process: CallProcess) -> None:
        call = self._handing.call_of(process)
        if call is not None and not call.taken:
            why = (
                "it said what no call process says"
                if process.is_faulty
                else "it ended unexpectedly"
            )
            self._handing.unable(process, Reason.NO_WORKING_CALL_PROCESS, why)
            return
        self._handing.forget(process)
        if process.call is None:
            return
        self.edge.abandon(process.call, code=500, reason=q850_reason(500))
        if call is not None and not call.ended:
            self.book.close(call, _FAULTY if process.is_faulty else _DIED)

    def _refuse(self, rejection: Rejection, call: IncomingCall) -> Refused:
        stored = rejection
        if call.given_up():  # 487 was the answer, and what is returned here is not sent
            stored = replace(rejection, code=487, advice=f"{GAVE_UP_FIRST} {rejection.advice}")
        self.edge.store(stored)
        return Refused(rejection.code)

    async def _read(self, function: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, _with_connection, function, arguments)


_DIED = Termination(
    "engine",
    Reason.CALL_PROCESS_DIED,
    500,
    "The process that carried this call ended unexpectedly; no other call was touched. "
    "Look into the engine's log and report it.",
)

_FAULTY = Termination(
    "engine",
    Reason.CALL_PROCESS_DIED,
    500,
    "The process that carried this call said what no call process says, and was ended; no other "
    "call was touched. Look into the engine's log and report it.",
)

_STOPPED = Termination(
    "engine",
    Reason.SHUTTING_DOWN,
    503,
    "The engine was stopped and the grace period is over. Call again.",
)


def _malformed(call: IncomingCall, why: str) -> Rejection:
    return Rejection(
        source_address=call.source.address,
        user=call.from_user,
        method="INVITE",
        code=400,
        rule=Rule.MALFORMED_SDP,
        advice=f"The offer could not be read: {why} Look at what the caller's device sends.",
        call_id=call.call_id,
        to=call.to_user,
    )


def _with_connection(function: Callable[..., T], arguments: Sequence[Any]) -> T:
    """Call in a reader thread, with a database connection that has not gone stale."""
    try:
        keep_connected()
        return function(*arguments)
    except (InterfaceError, OperationalError):
        # A kept connection may have been cut (PostgreSQL restarted, say); reads bear repeating.
        connection.close()
        keep_connected()
        return function(*arguments)
