"""The overview, live: told at once what its sentences are about, the rest it asks for."""

from collections.abc import Iterator

from asgiref.sync import sync_to_async
from django.template.loader import render_to_string

from callengine.notices import groups
from callengine.notices.calls import CallStands
from callengine.notices.trunks import TrunkChanged
from callengine.notices.wire import Reader
from dashboard.live.consumers import LivePage
from dashboard.live.outbox import Fragment
from dashboard.live.topics import Topic, calls_in_progress
from dashboard.overview.now import silent_calls

READ_NOW = Fragment("overview", '<div data-tell="overview"></div>')
"Has the page ask for itself at once."


class OverviewTopic(Topic):
    """How many calls are in progress; that somebody fell silent or is heard again, or a trunk."""

    reader: Reader[CallStands | TrunkChanged] = Reader(CallStands, TrunkChanged)

    def __init__(self) -> None:
        super().__init__("overview", groups.NODES, groups.TRUNKS)
        self._live: set[str] = set()
        self._silent: set[str] = set()
        self._counted = 0
        self._is_news = False

    async def load(self) -> None:
        """Read which calls are in progress, and which of them are silent. Two queries."""
        self._live = await sync_to_async(calls_in_progress)()
        self._silent = await sync_to_async(silent_calls)()
        self._counted = len(self._live)

    async def check(self) -> None:
        """Read them anew: a message may have been lost."""
        self._live = await sync_to_async(calls_in_progress)()
        silent = await sync_to_async(silent_calls)()
        self._is_news, self._silent = self._is_news or silent != self._silent, silent
        self.tick()

    def hear(self, told: CallStands | TrunkChanged) -> None:
        """Take how a call stands, or that a trunk stands otherwise."""
        if isinstance(told, TrunkChanged):
            self._is_news = True
        else:
            self._is_news |= told.is_silent != (told.call in self._silent)
            _keep(self._live, told.call, kept=told.is_live)
            _keep(self._silent, told.call, kept=told.is_silent)
        self.tick()

    def tick(self) -> None:
        """Notice what has changed."""
        self.changed = self.changed or self._is_news or len(self._live) != self._counted

    def fragments(self) -> Iterator[Fragment]:
        """Yield the number of calls, and that the page is to be read anew."""
        self.changed = False
        self._counted = len(self._live)
        context = {"calls_now": self._counted}
        yield Fragment("calls-now", render_to_string("overview/_calls_now.html", context))
        if self._is_news:
            self._is_news = False
            yield READ_NOW


def _keep(calls: set[str], call: str, *, kept: bool) -> None:
    (calls.add if kept else calls.discard)(call)


class OverviewConsumer(LivePage):
    """The overview."""

    def topic(self) -> Topic:
        """Return what its sentences are about."""
        return OverviewTopic()
