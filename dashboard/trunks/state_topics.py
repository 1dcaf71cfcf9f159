"""How trunks stand, live: read anew whenever an engine has written something of them."""

from collections.abc import Collection, Iterable, Iterator

from asgiref.sync import sync_to_async
from django.template.loader import render_to_string

from callengine.notices import groups
from callengine.notices.calls import CallStands
from callengine.notices.trunks import TrunkChanged
from callengine.notices.wire import Reader
from dashboard.live.consumers import LivePage
from dashboard.live.outbox import Fragment
from dashboard.live.topics import Topic
from dashboard.parts.shown import Badge
from dashboard.parts.usage import InUse
from dashboard.trunks.presenters import in_use_of
from dashboard.trunks.standing import StandingView, read_standing, standing_of, trunk_badge
from trunks.models import Trunk
from trunks.states import with_standing

NEEDED = ("name", "enabled", "registers", "in_allowed_addresses", "in_username", "in_domain")
"What the states of many trunks are made of: their passwords are not kept here."


class TrunksTopic(Topic):
    """The states in the list of trunks."""

    reader = Reader(TrunkChanged)

    def __init__(self) -> None:
        super().__init__(groups.TRUNKS, groups.TRUNKS)
        self._rows: dict[int, Trunk] = {}
        self._heard: set[str] = set()
        self._shown: dict[int, Badge] = {}

    async def load(self) -> None:
        """Read all trunks, so that what the time alone changes is noticed."""
        rows = await sync_to_async(_read)()
        self._rows = {row.pk: row for row in rows}
        self._shown = self._badges()

    def hear(self, told: TrunkChanged) -> None:
        """Take which trunk has changed."""
        self._heard.add(told.trunk)

    async def follow(self) -> None:
        """Read the trunks that were heard of."""
        heard, self._heard = self._heard, set()
        for row in await sync_to_async(_read)(heard):
            self._rows[row.pk] = row
        self.tick()

    async def check(self) -> None:
        """Read all of them: somebody may have changed settings."""
        self._rows = {row.pk: row for row in await sync_to_async(_read)()}
        self.tick()

    def tick(self) -> None:
        """Notice what is not believed any more."""
        self.changed = self.changed or self._badges() != self._shown

    def fragments(self) -> Iterator[Fragment]:
        """Yield the states that differ."""
        self.changed = False
        before, self._shown = self._shown, self._badges()
        for pk, badge in self._shown.items():
            if before.get(pk) != badge:
                yield _state(pk, badge)

    def stands(self, named: Collection[str]) -> Iterator[Fragment]:
        """Yield the states of the trunks a page names, by their keys."""
        for pk, row in self._rows.items():
            if str(pk) in named:
                yield _state(pk, trunk_badge(row))

    def _badges(self) -> dict[int, Badge]:
        return {pk: trunk_badge(row) for pk, row in self._rows.items()}


class TrunkTopic(Topic):
    """The page of one trunk: how it stands, and how much of it is in use."""

    reader: Reader[TrunkChanged | CallStands] = Reader(TrunkChanged, CallStands)

    def __init__(self, trunk_id: int) -> None:
        super().__init__(f"{groups.TRUNKS}.{trunk_id}", groups.TRUNKS, groups.NODES)
        self._pk = trunk_id
        self._trunk: Trunk | None = None
        self._shown: StandingView | None = None
        self._heard = False
        self._in_use: InUse | None = None
        self._in_use_shown: InUse | None = None
        self._live: set[str] = set()
        "UUIDs of calls in progress, whoever's they are."
        self._calls_heard = False

    async def load(self) -> None:
        """Read the trunk."""
        read = await sync_to_async(read_standing)(self._pk)
        self._trunk, self._shown = read or (None, None)
        self._in_use = self._in_use_shown = await self._usage()

    def hear(self, told: TrunkChanged | CallStands) -> None:
        """Take whether it is this trunk that has changed, or that a call has begun or ended."""
        if isinstance(told, TrunkChanged):
            self._heard = self._heard or self._trunk is None or told.trunk == self._trunk.name
        elif not told.is_live:
            self._live.discard(told.call)
            self._calls_heard = True
        elif told.call not in self._live:
            self._live.add(told.call)
            self._calls_heard = True

    async def follow(self) -> None:
        """Read it, if it was heard of."""
        if self._heard:
            self._heard = False
            await self.check()
        elif self._calls_heard:
            await self._read_usage()

    async def check(self) -> None:
        """Read it: somebody may have changed settings."""
        read = await sync_to_async(read_standing)(self._pk)
        self._trunk = read[0] if read else None
        await self._read_usage()
        self.tick()

    async def _usage(self) -> InUse | None:
        trunk = self._trunk
        return await sync_to_async(_usage)(trunk.pk) if trunk is not None else None

    async def _read_usage(self) -> None:
        self._calls_heard = False
        self._in_use = await self._usage()
        self.changed = self.changed or self._in_use != self._in_use_shown

    def tick(self) -> None:
        """Notice what is not believed any more."""
        now_is = standing_of(self._trunk) if self._trunk else None
        self.changed = self.changed or now_is != self._shown

    def fragments(self) -> Iterator[Fragment]:
        """Yield its state, and what is known of its registration and its gateways."""
        self.changed = False
        if self._trunk is None:
            return
        self._shown = standing_of(self._trunk)
        yield _state(self._pk, self._shown.state)
        context = {"trunk": self._trunk, "standing": self._shown, "oob": True}
        yield Fragment("standing", render_to_string("trunks/_standing.html", context))
        self._in_use_shown = self._in_use
        usage = {"in_use": self._in_use, "oob": True}
        yield Fragment("usage", render_to_string("trunks/_in_use.html", usage))


def _usage(trunk_id: int) -> InUse | None:
    row = Trunk.objects.filter(pk=trunk_id).first()
    return in_use_of(row) if row is not None else None


def _read(names: Iterable[str] | None = None) -> list[Trunk]:
    rows = Trunk.objects.all() if names is None else Trunk.objects.filter(name__in=names)
    return list(with_standing(rows).only(*NEEDED, "registration"))


def _state(pk: int, badge: Badge) -> Fragment:
    context = {"trunk_id": pk, "state": badge}
    return Fragment(f"state-{pk}", render_to_string("trunks/_state.html", context))


class TrunksConsumer(LivePage):
    """The list of trunks."""

    permission = "trunks.view_trunk"

    def topic(self) -> Topic:
        """Return the states of all trunks."""
        return TrunksTopic()


class TrunkConsumer(LivePage):
    """The page of one trunk."""

    permission = "trunks.view_trunk"

    def topic(self) -> Topic:
        """Return the trunk of the address."""
        return TrunkTopic(self.scope["url_route"]["kwargs"]["trunk_id"])
