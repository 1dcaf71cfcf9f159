"""The engine: the edge's questions answered, call processes directed, the record kept."""

import asyncio
import logging
import time
from collections.abc import Iterator
from functools import partial

from callengine.core.control.calls import Idle, OfCall, Unable
from callengine.core.outcomes import Rejection, Termination
from callengine.core.snapshot import iso
from callengine.directory import lookup, nodes
from callengine.directory.minutes import Minutes
from callengine.edge.bans import HeldBan
from callengine.edge.frontdoor import Edge
from callengine.edge.interface import (
    Accepted,
    Attempt,
    IncomingCall,
    LegAnchor,
    Referral,
    Refused,
)
from callengine.engine.arrivals.admission import Room
from callengine.engine.arrivals.answers import DirectoryAnswers
from callengine.engine.arrivals.assignment import RETRY_AFTER_S, Assignment
from callengine.engine.arrivals.newcalls import NewCalls
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.captures.recording import Captures
from callengine.engine.messages.commands import Commands
from callengine.engine.messages.hearing import Hearing
from callengine.engine.messages.publisher import Publisher
from callengine.engine.moves.pickups import PickUps
from callengine.engine.moves.redirects import Redirects
from callengine.engine.moves.referrals import Referrals
from callengine.engine.moves.transfers import Transfers
from callengine.engine.node.heartbeat import Heartbeat
from callengine.engine.node.identity import Identity, insist_on_no_rival
from callengine.engine.node.labhost import EngineOfLab
from callengine.engine.node.lastcalls import LastCalls
from callengine.engine.node.stopping import Step, take_all
from callengine.engine.parties.agents import Agents
from callengine.engine.parties.browserpages import BrowserPages
from callengine.engine.parties.browsers import Browsers
from callengine.engine.parties.browsersockets import BrowserSockets
from callengine.engine.parties.holdmusic import HoldPlayer
from callengine.engine.parties.speech import CodecSpeaker
from callengine.engine.plans.agentorders import AgentOrders
from callengine.engine.plans.planning import Planning
from callengine.engine.plans.sources import OneTimeSources
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess
from callengine.engine.settings import EngineSettings
from callengine.engine.trunks.carriers import Carriers
from callengine.engine.trunks.gateways import Gateways
from callengine.lab.auditions import Auditions
from callengine.lab.ends import find_ends
from callengine.lab.laboratory import Laboratory
from callengine.lab.trunktrial import TrunkTrials
from callengine.record import changes
from callengine.record.journal import Journal
from callengine.record.ladder import Trace
from callengine.record.retention import Retention

logger = logging.getLogger(__name__)

LAB_STOP_S, POOL_STOP_S, JOURNAL_STOP_S, UNREGISTER_STOP_S = 12.0, 8.0, 30.0, 5.0
DIRECTORY_STOP_S = 25.0
"Longer than each takes at worst by its own bounds."


class Switchboard(DirectoryAnswers):
    """Everything one engine process does; the `Engine` of its edge."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(
            OneTimeSources(settings.edge.realm),
            node=settings.node,
            dns_servers=settings.edge.dns_servers,
        )
        self.settings = settings
        self.edge = Edge(self, settings.edge)
        self.pool = Pool(settings.pool, on_message=self._heard, on_death=self._lost)
        self.book = CallBook(settings.node, Trace(self.edge.leg))
        self.edge.observer = self.book.trace.observe
        self._last_calls = LastCalls(self.book, grace_s=settings.grace_s, hang_up=self.hang_up)
        self._retention = Retention(settings.retention)
        self._identity = Identity(settings.data)
        self._publisher = Publisher()
        self.gateways = Gateways(self.book, self.directory.memory)
        self.carriers = Carriers(
            self.edge,
            node=settings.node,
            read=self._read,
            book=self.book,
            gateways=self.gateways,
        )
        orders = AgentOrders(self._ask)
        self._connect_callers(orders)
        self._connect_moves(orders)
        self._connect_tests()
        self._connect_messages()

    # The parts that use others: each is told what it needs, none the whole.

    def _connect_callers(self, orders: AgentOrders) -> None:
        """Make what decides about a new call and gives it a call process."""
        pages = BrowserPages()
        self._assignment = Assignment(
            self.settings, pool=self.pool, book=self.book, edge=self.edge, agents=orders
        )
        self._planning = Planning(
            self.settings,
            ask=self._ask,
            minutes=Minutes(self._read),
            edge=self.edge,
            book=self.book,
            sources=self.sources,
            codecs=lambda: self.pool.codecs,
            browsers_of=pages.of,
        )
        self.browsers = Browsers(
            self.settings.node,
            ask=self._ask,
            planning=self._planning,
            assignment=self._assignment,
            book=self.book,
            edge=self.edge,
            pages=pages,
            sockets=BrowserSockets(self.settings.sound_listen, book=self.book, pool=self.pool),
        )

    def _connect_moves(self, orders: AgentOrders) -> None:
        """Make what leads a call that there is elsewhere."""
        self.transfers = Transfers(
            planning=self._planning,
            agents=orders,
            book=self.book,
            pool=self.pool,
            edge=self.edge,
            ring_timeout_s=self.settings.ring_timeout_s,
            hang_up=self._assignment.hang_up,
            failover_timeout_s=self.settings.failover_timeout_s,
        )
        self._referrals = Referrals(
            book=self.book, transfers=self.transfers, edge=self.edge, ask=self._ask
        )
        self.redirects = Redirects(
            planning=self._planning,
            agents=orders,
            ask=self._ask,
            book=self.book,
            pool=self.pool,
            edge=self.edge,
            failover_timeout_s=self.settings.failover_timeout_s,
        )
        self._pickups = PickUps(
            book=self.book, edge=self.edge, hang_up=self._assignment.hang_up, send=self.pool.send
        )
        self.agents = Agents(book=self.book, pool=self.pool, transfers=self.transfers)
        self._new_calls = NewCalls(
            planning=self._planning,
            pickups=self._pickups,
            assignment=self._assignment,
            room=Room(self.settings.capacity),
            book=self.book,
            edge=self.edge,
        )

    def _connect_tests(self) -> None:
        """Make what lets people hear and see for themselves."""
        self.speech = CodecSpeaker(self.pool)
        self.music = HoldPlayer(self.pool, self._read)
        self.captures = Captures(
            self.settings, book=self.book, pool=self.pool, edge=self.edge, read=self._read
        )
        self.book.witness = self.captures
        host = EngineOfLab(
            self.settings.node, edge=self.edge, pool=self.pool, book=self.book, hang_up=self.hang_up
        )
        self.lab = Laboratory(host, self.sources, partial(self._ask, find_ends))
        self.trials = TrunkTrials(host, self.sources, partial(self._ask, lookup.trunk))
        self.auditions = Auditions(
            node=self.settings.node,
            data=self.settings.data,
            codecs=lambda: self.pool.codecs,
            unavailable=lambda: self.pool.unavailable,
        )

    def _connect_messages(self) -> None:
        """Make what hears call processes and pages, and says that this engine is alive."""
        self._hearing = Hearing(
            assignment=self._assignment,
            book=self.book,
            pool=self.pool,
            edge=self.edge,
            transfers=self.transfers,
            pickups=self._pickups,
            redirects=self.redirects,
            agents=self.agents,
            speech=self.speech,
            music=self.music,
            captures=self.captures,
            browsers=self.browsers,
            publisher=self._publisher,
        )
        self._commands = Commands(
            book=self.book,
            assignment=self._assignment,
            transfers=self.transfers,
            agents=self.agents,
            edge=self.edge,
            lab=self.lab,
            trials=self.trials,
            auditions=self.auditions,
            captures=self.captures,
            browsers=self.browsers,
        )
        self._heartbeat = Heartbeat(
            self.settings, pool=self.pool, book=self.book, edge=self.edge, audience=self._publisher
        )

    @property
    def calls(self) -> dict[str, LiveCall]:
        """Live calls by their 32-digit key."""
        return self.book.calls

    # Life

    async def start(self) -> None:
        """Start call processes, then open the front door.

        Raises OSError naming the address if a port is taken, RuntimeError if no call process
        can be started, or if another engine has this one's name or data folder.
        """
        self.book.identity = identity = self._identity.take()
        rivals = partial(nodes.rivals, name=self.settings.node, identity=identity)
        await insist_on_no_rival(partial(self._read, rivals), self._identity)
        journal = Journal(asyncio.get_running_loop(), self.settings.record)
        self.book.open_with(journal, self._publisher)
        journal.write(
            changes.orphans_closed(node=self.settings.node, identity=identity, at=iso(time.time()))
        )
        try:
            await self.pool.start()
            await self.directory.start()
            self.edge.know_phones(self.directory.registered_flows())
            await self.browsers.sockets.start()
            await self.edge.start()
        except (OSError, RuntimeError):
            await take_all(self._undoing())
            raise
        self._warn()
        for part in (
            self._publisher,
            self.captures,
            self._commands,
            self._heartbeat,
            self.carriers,
        ):
            await part.start()
        self._retention.start()

    def _undoing(self) -> Iterator[Step]:
        """End what a start that failed had begun; the edge has closed what it opened."""
        yield Step("taking no browsers", self.browsers.stop)
        yield Step("ending call processes", self.pool.stop, POOL_STOP_S)
        yield Step("writing the record", self._journal_closed, JOURNAL_STOP_S)
        yield Step("storing who is registered", self.directory.stop, DIRECTORY_STOP_S)
        yield Step("ending the readers", self._readers.close)
        yield Step("letting the identity go", self._identity.let_go)

    def _warn(self) -> None:
        """Say in the log what is lacking, once all runs: a failed start is one sentence."""
        lacking = (*self.pool.unavailable.values(), *self.settings.shortages, *self.pool.shortages)
        for shortage in lacking:
            logger.warning("%s", shortage)
        if left := self.pool.unconfined:
            logger.warning("call processes are not confined in full: %s", "; ".join(left))

    async def stop(self) -> None:
        """Take no new calls, let calls end within the grace period, hang up the rest.

        Nothing is lost by a part or a peer that fails or hangs: every step is taken.
        """
        await take_all(self._ending())

    def _ending(self) -> Iterator[Step]:
        refuse = partial(self.edge.refuse_new_calls, RETRY_AFTER_S)
        yield Step("refusing new calls", refuse)
        yield Step("refusing calls of browsers", self.browsers.close)
        yield Step("unregistering from carriers", self.carriers.stop, UNREGISTER_STOP_S)
        yield Step("ending the calls of the codec lab", self.lab.stop, LAB_STOP_S)
        yield Step("ending the tests of trunks", self.trials.stop, LAB_STOP_S)
        yield Step("making nothing heard any more", self.auditions.stop, LAB_STOP_S)
        yield from self._last_calls.ending()
        yield Step("hearing no more commands", self._commands.stop)
        yield Step("opening no more connections to agents", self.agents.stop)
        yield Step("taking no more browsers", self.browsers.stop)
        yield Step("saying nothing any more", self.speech.stop)
        yield Step("playing nothing any more", self.music.stop)
        yield Step("ending the heartbeat", self._heartbeat.stop)
        yield Step("ending call processes", self.pool.stop, POOL_STOP_S)
        yield Step("ending retention", self._retention.stop)
        yield Step("closing the edge", self.edge.stop)
        yield Step("writing the ladders", self.book.trace.flush)
        yield Step("leaving the list of engines", self._heartbeat.leave)
        yield Step("closing captures", self.captures.stop)
        # What is published was written before: so the publisher ends after the journal.
        yield Step("writing the record", self._journal_closed, JOURNAL_STOP_S)
        yield Step("telling pages the last", self._publisher.stop)
        yield Step("storing who is registered", self.directory.stop, DIRECTORY_STOP_S)
        yield Step("ending the readers", self._readers.close)
        yield Step("letting the identity go", self._identity.let_go)

    async def _journal_closed(self) -> None:
        await self.book.journal.close()

    def hurry(self) -> None:
        """End the grace period of a `stop` under way."""
        self._last_calls.hurry()

    # What the edge asks besides

    async def banned(self, ban: HeldBan) -> None:
        """Store a ban that the edge has made."""
        self.book.journal.write(changes.banned(ban=ban, node=self.settings.node))

    async def rejected(self, rejection: Rejection) -> None:
        """Store a refused request."""
        self.book.rejected(rejection)

    async def set_up(self, call: IncomingCall) -> Accepted | Refused:
        """Plan a call and find it a call process."""
        return await self._new_calls.set_up(call)

    async def referred(self, referral: Referral) -> int:
        """Return what a REFER is answered with."""
        return await self._referrals.judge(referral)

    def begin_referral(self, referral: Referral) -> None:
        """Act on a REFER that was answered with 202."""
        self._referrals.begin(referral)

    def attempted(self, anchor: LegAnchor, attempt: Attempt) -> None:
        """Take what came of an INVITE to a gateway."""
        self.gateways.attempted(anchor, attempt)

    def acknowledged(self, anchor: LegAnchor) -> None:
        """Tell those who wait for a leg to talk."""
        if (call := self.calls.get(anchor.call)) is not None:
            call.news.set()

    def said_inside(self, anchor: LegAnchor, text: str) -> None:
        """Take what a peer's request inside a dialog said that is for the record."""
        if (call := self.calls.get(anchor.call)) is not None and not call.ended:
            said = f"{call.name_of(anchor.name)} {text}"
            self.book.note(call, kind="headers", leg=anchor.name, text=said, at=time.time())

    def waited_s(self) -> float:
        """Return for how many seconds calls have waited for a process to take them."""
        return self._assignment.longest_s()

    def has_taken(self, call: str) -> bool:
        """Tell whether a call's process has taken it, and so speaks for it."""
        return self._assignment.has_taken(call)

    # What call processes say

    def _heard(self, process: CallProcess, message: Unable | Idle | OfCall) -> None:
        self._hearing.message(process, message)

    def _lost(self, process: CallProcess) -> None:
        self._hearing.death(process)

    def hang_up(self, call: LiveCall, termination: Termination) -> None:
        """End a call for a reason of ours."""
        self._assignment.hang_up(call, termination)
