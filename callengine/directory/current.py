"""The directory as it is now: an engine's memory of it, brought up to date before it is asked.

Whoever asks looks first whether anything has been committed since (`news`), which takes
microseconds; only what has changed is read again, on another thread. So a change holds for the next
call from the moment that it is stored. While the database is away, calls go on with what is known.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from django.db import Error

from callengine.directory import memory, rows
from callengine.directory.memory import Changed, Keys, Memory
from callengine.directory.news import LostError, News, news
from callengine.directory.records import ConnectionRow, Kept
from callengine.directory.registrations import Registrations
from callengine.directory.triggers import ALL
from callengine.edge.interface import Binding, Refusal
from callengine.loop.tasks import BackgroundTasks
from connections.services import store_registrations
from trunks.models import Gateway

logger = logging.getLogger(__name__)

T = TypeVar("T")
LOOK_S = 0.5
"How often it is looked for changes that no call has asked for."
WAIT_S = 1.0
"How long a call may wait for what has changed, before it goes on with what is known."
SWEEP_EVERY = 60
"Looks between two sweeps of what has expired."
WRITE_S = 0.25
"How long bindings are gathered before they are stored."
AT_ONCE = 500
"Connections whose bindings are stored in one transaction."


class Read(Protocol):
    """Calls a synchronous function off the event loop, with a database connection."""

    async def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what the function returns; raise what it raises."""


class Ask(Protocol):
    """Calls a function of `lookup` with an engine's memory as its `store`."""

    async def __call__(self, question: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Return what the function returns; raise what it raises."""


class Directory:
    """One engine's; everything but `read` is called on its event loop."""

    def __init__(self, read: Read, *, node: str, feed: Callable[[], News] = news) -> None:
        self.registrations = Registrations(node=node)
        self.memory = Memory(self.registrations)
        self._read = read
        self._news = feed()
        self._changed: dict[str, Keys] = {}
        self._is_lost = True
        self._refresh: asyncio.Task[None] | None = None
        self._tasks = BackgroundTasks("the directory")
        self._reading, self._moving = asyncio.Lock(), asyncio.Lock()
        "Held while rows are read, and while bindings are stored or read: in turn, never across."
        self._unwritten = asyncio.Event()
        self._is_told = False
        "Whether it has been said that the database is away."

    # Life

    async def start(self) -> None:
        """Read everything. Raises django.db.Error or LostError if the database is away."""
        await self._open()
        await self._bring_up_to_date()
        self._tasks.start(self._look())
        self._tasks.start(self._write())

    async def stop(self) -> None:
        """Store what is not stored yet, and look no more."""
        await self._tasks.stop()
        if self._refresh is not None:
            await asyncio.wait([self._refresh], timeout=WAIT_S)
        try:
            await self._store()
        finally:
            self._news.close()

    # What is asked

    async def ask(self, question: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Return what a function of `lookup` says of the directory as it is stored now.

        It is given this memory as its `store`.
        """
        self._drain()
        if (self._changed or self._reading.locked()) and not self._is_lost:
            await self._wait()
        return question(*arguments, store=self.memory, **named)

    async def change_bindings(
        self, sip_user: str, change: Callable[[list[Binding]], list[Binding] | Refusal]
    ) -> list[Binding] | Refusal:
        """Have `change` decide what a connection's bindings become; return what it said.

        Raises LookupError if there is no such connection, ValueError for what cannot be kept.
        """
        row = await self.ask(_connection, sip_user)
        if row is None:
            raise LookupError(f"no connection has the SIP user {sip_user!r}")
        after = self.registrations.change(row.key, change)  # type: ignore[arg-type]
        if self.registrations.has_unwritten:
            self._unwritten.set()
        return after

    def registered_flows(self) -> list[tuple[str, str, float]]:
        """Return flow and SIP user of every registration, and for how many seconds it holds."""
        now = time.time()
        return [
            (one.binding.flow, row.sip_user, one.binding.expires_at - now)
            for key, one in self.registrations
            if (row := self.memory.connection_of(key)) is not None
        ]

    # What has changed

    def _drain(self) -> None:
        if self._is_lost:
            return
        try:
            changes = self._news.drain()
        except LostError as error:
            self._lose(error)
            return
        for kind, key, node in changes:
            if kind == "registration":
                self._mark_binding(key, node)
            elif kind == ALL:
                self._mark_all()
            else:
                self._mark(kind, key)

    def _mark(self, kind: str, key: int) -> None:
        keys = self._changed.setdefault(kind, set())
        if keys is not None:
            keys.add(key)

    def _mark_binding(self, key: int, node: str) -> None:
        """Have it read before the next answer if it was no engine, and it is of a phone of ours."""
        if node or not self.registrations.kept(key):
            self.registrations.heard(key, node)
        else:
            self._mark("registration", key)

    def _mark_all(self) -> None:
        self._changed = dict.fromkeys((*memory.KINDS, "registration"))

    def _lose(self, error: Exception) -> None:
        self._is_lost = True
        if not self._is_told:
            self._is_told = True
            logger.warning(
                "the database is away: %s. Calls go on with what is known", str(error).strip()
            )

    async def _wait(self) -> None:
        """Wait until what is marked now has been read, but not for long."""
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._refreshed())
        await asyncio.wait([self._refresh], timeout=WAIT_S)

    async def _refreshed(self) -> None:
        try:
            await self._bring_up_to_date()
        except (Error, LostError) as error:
            self._lose(error)

    async def _bring_up_to_date(self) -> None:
        async with self._reading:
            while self._changed:
                changed, self._changed = self._changed, {}
                self.memory.reading_begins()
                try:
                    self.memory.apply(await self._read(_rows, changed))
                    if "registration" in changed:
                        await self._read_registrations(changed["registration"])
                except BaseException:
                    self._mark_all()
                    raise

    async def _open(self) -> None:
        await asyncio.to_thread(self._news.open)
        self._is_lost = False
        self._mark_all()

    # What goes on

    async def _look(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(LOOK_S)
            try:
                await self._look_once()
                if number % SWEEP_EVERY == 0:
                    self.registrations.sweep()
            except Exception:
                logger.exception("the directory could not be looked at; it is tried again")

    async def _look_once(self) -> None:
        try:
            if self._is_lost:
                await self._open()
            self._drain()
            if not self._is_lost:
                self._news.check()
            if self._changed:
                await self._bring_up_to_date()
            await self._read_registrations(self.registrations.to_be_read())
        except (Error, LostError) as error:
            self._lose(error)
            return
        if self._is_told and not self._is_lost:
            self._is_told = False
            logger.warning("the database is back, and the directory has been read anew")

    async def _read_registrations(self, keys: set[int] | None) -> None:
        """Take the bindings of these connections, or of all, as they are stored."""
        if keys is not None and not keys:
            return
        try:
            async with self._moving:
                self.registrations.take(keys, await self._read(_registrations, keys))
        except BaseException:
            for key in keys or ():
                self.registrations.heard(key, "")
            raise

    async def _write(self) -> None:
        is_told = False
        while True:
            await self._unwritten.wait()
            await asyncio.sleep(WRITE_S)
            self._unwritten.clear()
            try:
                await self._store()
            except Exception:
                # That nothing can be written, for a lock it may be, says nothing of what is read.
                if not is_told:
                    is_told = True
                    logger.warning("bindings cannot be stored; it is tried again", exc_info=True)
                await asyncio.sleep(LOOK_S)
                self._unwritten.set()
            else:
                if is_told:
                    is_told = False
                    logger.warning("bindings are stored again")

    async def _store(self) -> None:
        async with self._moving:
            unwritten = self.registrations.take_unwritten()
            keys = sorted(unwritten)
            for start in range(0, len(keys), AT_ONCE):
                batch = {key: unwritten[key] for key in keys[start : start + AT_ONCE]}
                try:
                    await self._read(store_registrations, batch)
                except BaseException:
                    self.registrations.put_back({key: unwritten[key] for key in keys[start:]})
                    raise


def _connection(sip_user: str, *, store: Memory) -> ConnectionRow | None:
    return store.connection(sip_user)


# On another thread


def _rows(changed: dict[str, Keys]) -> list[Changed]:
    """Return the rows of what has changed."""
    if gateways := changed.pop("gateway", ()):
        owners = Gateway.objects.filter(pk__in=gateways).values_list("trunk", flat=True)
        trunks = changed.setdefault("trunk", set())
        if trunks is not None:
            trunks.update(owners)
    return memory.read(changed)


def _registrations(keys: set[int] | None) -> list[tuple[int, Kept]]:
    if keys is None or len(keys) <= memory.MOST_KEYS:
        return list(rows.registrations(keys))
    return [(key, one) for key, one in rows.registrations(None) if key in keys]
