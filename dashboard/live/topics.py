"""What live pages watch: each topic gathers what the engine publishes and makes HTML of it."""

import asyncio
import logging
from collections.abc import Collection, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.template.loader import render_to_string
from django.utils import timezone

from callengine.core.snapshot import NodeSnapshot
from callengine.models import Call
from callengine.notices import groups
from callengine.notices.calls import CallStands
from callengine.notices.nodes import NodesChanged
from callengine.notices.wire import Reader
from dashboard.live.outbox import READ_ANEW, Fragment, Outbox
from dashboard.parts import engines
from dashboard.parts.engines import present_engine
from dashboard.parts.shown import EngineView

logger = logging.getLogger(__name__)


class Topic:
    """Something browsers watch: hears the notices of its groups that its reader understands."""

    reader: Reader[Any]

    def __init__(self, name: str, *joined: str) -> None:
        self.name = name
        self.groups = joined
        self.outboxes: set[Outbox] = set()
        self.channel = ""
        self.changed = False
        "Whether `fragments` has something new."
        self.ready: asyncio.Future[None] | None = None
        self.reading = asyncio.Lock()
        "Held while it takes a notice or reads the database: else the older might come last."

    def take(self, received: dict[str, Any]) -> None:
        """Take what the channel layer brought; a notice that we fail to take costs no other."""
        for told in self.reader.read(received):
            try:
                self.hear(told)
            except Exception:
                logger.exception("live pages could not take %s", type(told).__name__)
                for outbox in self.outboxes:
                    outbox.skip()  # what it would have changed is read anew

    def hear(self, told: Any) -> None:
        """Take one notice."""
        raise NotImplementedError

    async def follow(self) -> None:
        """Read what was heard of, where its notice does not carry it."""

    def fragments(self) -> Iterator[Fragment]:
        """Yield what changed since the last time, the order as on the page."""
        self.changed = False
        yield from ()

    def stands(self, named: Collection[str]) -> Iterator[Fragment]:
        """Yield how it stands now, of what a page that comes says it names.

        Told before anything that changes, in one order with it. A page that asks for the same over
        HTTP may be answered with what was, after it was told what is. Nothing where a page holds
        back what it is told until it has read itself.
        """
        yield from ()

    async def load(self) -> None:
        """Read what the database knows, before the first message is taken."""

    async def check(self) -> None:
        """Compare with the database, once a minute: a message may have been lost."""

    def tick(self) -> None:
        """Notice what the time alone changes, every few seconds."""


class NodesTopic(Topic):
    """The engine pill of every live page, which reads itself anew as an engine falls silent.

    It counts calls as the list of calls does, by what is told of each: engines tell how many they
    have every few seconds alone, and two numbers on one page would differ.
    """

    reader: Reader[NodesChanged | CallStands] = Reader(NodesChanged, CallStands)

    def __init__(self) -> None:
        super().__init__("nodes", groups.NODES)
        self._live: set[str] = set()
        "UUIDs of the calls in progress."
        self._nodes: list[NodeSnapshot] = []
        self._registered: int | None = None
        self._shown: EngineView | None = None
        self._rendered: tuple[EngineView, Fragment] | None = None

    async def load(self) -> None:
        """Read the nodes, so that one that falls silent from now on is missed."""
        self._nodes, self._registered = await sync_to_async(engines.nodes_and_registered)()
        self._live = await sync_to_async(calls_in_progress)()
        self._shown = self._view()

    async def check(self) -> None:
        """Count the calls in progress anew: a message may have been lost."""
        live = await sync_to_async(calls_in_progress)()
        self.changed, self._live = self.changed or live != self._live, live

    def hear(self, told: NodesChanged | CallStands) -> None:
        """Take the state of the engine nodes, or that a call has begun or ended."""
        if isinstance(told, CallStands):
            self._count(told)
            return
        self._nodes = told.nodes
        if told.registered is not None:
            self._registered = told.registered
        self.changed = True

    def _count(self, told: CallStands) -> None:
        before = len(self._live)
        if told.is_live:
            self._live.add(told.call)
        else:
            self._live.discard(told.call)
        self.changed = self.changed or len(self._live) != before

    def tick(self) -> None:
        """Notice a node that has become silent."""
        if self._shown is not None and _up(self._view()) != _up(self._shown):
            self.changed = True

    def fragments(self) -> Iterator[Fragment]:
        """Yield the pill; and that pages show figures of calls that nobody measures any more."""
        self.changed = False
        before, self._shown = self._shown, self._view()
        if before is not None and _up(before) - _up(self._shown):
            yield Fragment("anew", READ_ANEW)
        yield self._pill(self._shown)

    def stands(self, named: Collection[str]) -> Iterator[Fragment]:
        """Yield the pill."""
        yield self._pill(self._view())

    def _pill(self, view: EngineView) -> Fragment:
        if self._rendered is None or self._rendered[0] != view:
            text = render_to_string("calls/_engine_oob.html", {"engine": view})
            self._rendered = view, Fragment("engine", text)
        return self._rendered[1]

    def _view(self) -> EngineView:
        return present_engine(
            self._nodes,
            now=timezone.now(),
            registered=self._registered,
            calls=len(self._live),
        )


def _up(view: EngineView) -> set[str]:
    return {node.name for node in view.nodes if node.up}


def calls_in_progress() -> set[str]:
    """Return the UUIDs of calls that have not ended. One query."""
    live = Call.objects.filter(ended__isnull=True).order_by()
    return {str(pk) for pk in live.values_list("pk", flat=True)}
