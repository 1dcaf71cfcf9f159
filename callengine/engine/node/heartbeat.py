"""What an engine says of itself every few seconds, and reads of what others have stored."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from callengine.core.snapshot import CallSnapshot, NodeSnapshot
from callengine.directory import nodes
from callengine.edge.bans import HeldBan
from callengine.engine.calls.book import CallBook
from callengine.engine.node.collecting import Collecting
from callengine.engine.node.lostnodes import LostNodes
from callengine.engine.node.trimming import Trimming
from callengine.engine.processes.pool import Pool
from callengine.engine.settings import EngineSettings
from callengine.loop.tasks import BackgroundTasks
from callengine.record import bans as stored_bans
from callengine.record import nodes as stored_nodes
from connections.services import registered_count

logger = logging.getLogger(__name__)

HEARTBEAT_S = 3.0


class NodeAudience(Protocol):
    """Whoever is told of the engines that are known."""

    def nodes(self, nodes: list[NodeSnapshot], *, registered: int | None = None) -> None:
        """Show them, and how many connections are registered."""

    def call(self, snapshot: CallSnapshot) -> None:
        """Show a call as it now is."""


class Gate(Protocol):
    """The edge: what a heartbeat tells of it, and what it brings it."""

    @property
    def listening(self) -> Iterable[tuple[str, str, int]]:
        """Return the bound public addresses: transport, host and port."""

    @property
    def shortage(self) -> str:
        """Return what a person is told of calls refused because it is behind, or nothing."""

    def hold_bans(self, bans: Iterable[HeldBan]) -> None:
        """Keep out these, as they are stored, and nobody else."""


class Heartbeat:
    """One task that beats; what is read and written is the journal's thread's to do."""

    def __init__(
        self,
        settings: EngineSettings,
        *,
        pool: Pool,
        book: CallBook,
        edge: Gate,
        audience: NodeAudience,
    ) -> None:
        self._node = settings.node
        self._max_calls = settings.pool.max_calls
        self._shortages = settings.shortages
        self._pool = pool
        self._book = book
        self._edge = edge
        self._audience = audience
        self._trimming = Trimming()
        self._collecting = Collecting()
        self._lost = LostNodes(book, lost_s=settings.node_lost_s)
        self._started = datetime.now(UTC)
        self._tasks = BackgroundTasks("the heartbeat")

    async def start(self) -> None:
        """Begin to beat."""
        self._tasks.start(self._beat())

    async def stop(self) -> None:
        """Beat no more."""
        await self._tasks.stop()

    def leave(self) -> None:
        """Have this node forgotten, and pages told: it ends in order."""
        read = _Read()

        def write() -> None:
            stored_nodes.node_gone(name=self._node)
            read.fill()

        self._book.journal.write(write, partial(self._show, read))

    async def _beat(self) -> None:
        while True:
            try:
                self._book.journal.write(*self._seen())
                self._pool.end_silent()
                self._pool.give_back()
                self._trimming.look(time.monotonic(), calls=len(self._book.calls))
                self._collecting.look(time.monotonic())
            except Exception:
                logger.exception("a heartbeat failed; the next one comes all the same")
            await asyncio.sleep(HEARTBEAT_S)

    def _seen(self) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return what writes and reads, in another thread, and what shows it after."""
        pool = self._pool
        write_row = partial(
            stored_nodes.node_seen,
            name=self._node,
            identity=self._book.identity,
            started=self._started,
            seen=datetime.now(UTC),
            listening=[f"{kind}:{host}:{port}" for kind, host, port in self._edge.listening],
            codecs=pool.codecs,
            unavailable_codecs=pool.unavailable,
            unconfined=pool.unconfined,
            shortages=[
                text for text in (*self._shortages, *pool.shortages, self._edge.shortage) if text
            ],
            calls=len(self._book.calls),
            max_calls=self._max_calls,
        )
        read = _Read()

        closed: list[CallSnapshot] = []

        def write() -> None:
            write_row()
            read.fill()
            closed[:] = self._lost.close_calls()

        def show() -> None:
            for call in closed:
                self._audience.call(call)
            if read.nodes is not None:
                self._lost.tell_anew()
            if read.bans is not None:
                self._edge.hold_bans(read.bans)
            self._show(read)

        return write, show

    def _show(self, read: "_Read") -> None:
        if read.nodes is not None:
            self._audience.nodes(read.nodes, registered=read.registered)


@dataclass(slots=True)
class _Read:
    """What a heartbeat reads of the database; None: it could not be read."""

    nodes: list[NodeSnapshot] | None = None
    registered: int | None = None
    bans: list[HeldBan] | None = None

    def fill(self) -> None:
        """Read; runs in the journal's thread."""
        now = datetime.now(UTC)
        self.nodes = nodes.snapshots()
        self.registered = registered_count(now=now)
        self.bans = stored_bans.remembered(now=now)
