"""The overview, live: told at once what its sentences are about, the rest it asks for."""

from collections.abc import Collection, Iterator
from typing import get_args

from asgiref.sync import sync_to_async
from django.template.loader import render_to_string
from django.utils import timezone

from callengine.core.snapshot import NodeSnapshot
from callengine.notices import groups
from callengine.notices.calls import CallStands
from callengine.notices.nodes import NodesChanged
from callengine.notices.trunks import TrunkChanged
from callengine.notices.wire import Reader
from dashboard.live.consumers import LivePage
from dashboard.live.outbox import Fragment
from dashboard.live.topics import Topic, calls_in_progress
from dashboard.overview.now import silent_calls
from dashboard.parts import engines
from dashboard.parts.engines import present_engine

READ_NOW = Fragment("overview", '<div data-tell="overview"></div>')
"Has the page ask for itself at once."

_Told = CallStands | TrunkChanged | NodesChanged


class OverviewTopic(Topic):
    """How many calls are in progress; that somebody, a trunk or an engine stands otherwise."""

    reader: Reader[_Told] = Reader(*get_args(_Told))

    def __init__(self) -> None:
        super().__init__("overview", groups.NODES, groups.TRUNKS)
        self._live: set[str] = set()
        self._silent: set[str] = set()
        self._counted = 0
        self._nodes: list[NodeSnapshot] = []
        self._down: tuple[str, ...] = ()
        "Names of the engines that are not reachable."
        self._is_news = False

    async def load(self) -> None:
        """Read which calls are in progress, which of them are silent, and the engines."""
        self._live = await sync_to_async(calls_in_progress)()
        self._silent = await sync_to_async(silent_calls)()
        self._counted = len(self._live)
        self._nodes, _ = await sync_to_async(engines.nodes_and_registered)()
        self._down = self._not_reachable()

    async def check(self) -> None:
        """Read them anew: a message may have been lost."""
        self._live = await sync_to_async(calls_in_progress)()
        silent = await sync_to_async(silent_calls)()
        self._is_news, self._silent = self._is_news or silent != self._silent, silent
        self.tick()

    def hear(self, told: _Told) -> None:
        """Take how a call or the engines stand, or that a trunk stands otherwise."""
        if isinstance(told, TrunkChanged):
            self._is_news = True
        elif isinstance(told, NodesChanged):
            self._nodes = told.nodes
            self.tick()
        else:
            self._is_news |= told.is_silent != (told.call in self._silent)
            _keep(self._live, told.call, kept=told.is_live)
            _keep(self._silent, told.call, kept=told.is_silent)
        self._notice()

    def tick(self) -> None:
        """Notice what time alone changes: an engine that has fallen silent."""
        down = self._not_reachable()
        self._is_news, self._down = self._is_news or down != self._down, down
        self._notice()

    def _notice(self) -> None:
        self.changed = self.changed or self._is_news or len(self._live) != self._counted

    def fragments(self) -> Iterator[Fragment]:
        """Yield the number of calls, and that the page is to be read anew."""
        self.changed = False
        self._counted = len(self._live)
        yield self._calls_now()
        if self._is_news:
            self._is_news = False
            yield READ_NOW

    def _not_reachable(self) -> tuple[str, ...]:
        view = present_engine(self._nodes, now=timezone.now())
        return tuple(node.name for node in view.nodes if not node.up)

    def stands(self, named: Collection[str]) -> Iterator[Fragment]:
        """Yield the number of calls, and that the page is to be read anew."""
        yield self._calls_now()
        yield READ_NOW

    def _calls_now(self) -> Fragment:
        context = {"calls_now": len(self._live)}
        return Fragment("calls-now", render_to_string("overview/_calls_now.html", context))


def _keep(calls: set[str], call: str, *, kept: bool) -> None:
    (calls.add if kept else calls.discard)(call)


class OverviewConsumer(LivePage):
    """The overview."""

    def topic(self) -> Topic:
        """Return what its sentences are about."""
        return OverviewTopic()
