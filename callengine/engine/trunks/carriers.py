"""Which trunks this engine probes and registers at, as the database and the other engines say."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from callengine.core.share import is_mine
from callengine.directory.carriers import CarrierCare, running_nodes, to_be_cared_for
from callengine.engine.calls.book import CallBook
from callengine.engine.trunks.gateways import Gateways
from callengine.engine.trunks.probing import ProbeEdge, Probing
from callengine.engine.trunks.registration import CarrierRegistration, RegistrarEdge
from callengine.loop.tasks import BackgroundTasks
from trunks.services import keep_registration

logger = logging.getLogger(__name__)

LOOK_S = 2.0
"How often the trunks are looked at anew."


class CarrierEdge(ProbeEdge, RegistrarEdge, Protocol):
    """What is asked of the edge."""


class _Cared:
    """One trunk under way."""

    def __init__(self, care: CarrierCare) -> None:
        self.care = care
        self.registration: CarrierRegistration | None = None
        self.tasks = BackgroundTasks(f"the trunk {care.trunk}")

    async def end(self, why: str) -> None:
        """Stop; a registration is taken back, and said to be gone unless another follows it."""
        await self.tasks.stop()
        if self.registration is not None:
            await self.registration.unregister(why)


class Carriers:
    """One task looks; each trunk of ours has a task for its registration and one a gateway."""

    def __init__(
        self,
        edge: CarrierEdge,
        *,
        node: str,
        read: Callable[..., Any],
        book: CallBook,
        gateways: Gateways,
    ) -> None:
        self._edge = edge
        self._node = node
        self._read = read
        self._book = book
        self._gateways = gateways
        self._cared: dict[str, _Cared] = {}
        self._ending = BackgroundTasks("carriers")
        self._looking = BackgroundTasks("carriers")

    async def start(self) -> None:
        """Begin to look."""
        self._looking.start(self._look_for_ever())

    async def stop(self) -> None:
        """Probe no more, and take every registration back."""
        await self._looking.stop()
        cared, self._cared = list(self._cared.values()), {}
        ends = [one.end("The engine was stopped.") for one in cared]
        await asyncio.gather(*ends, *self._ending, return_exceptions=True)

    async def _look_for_ever(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                logger.exception("the trunks could not be looked at; it is tried again")
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        cares, nodes = await self._read(_look_up)
        by_name = {one.trunk: one for one in cares}
        mine = {
            name: one
            for name, one in by_name.items()
            if is_mine(name, node=self._node, nodes=nodes)
        }
        for name, cared in list(self._cared.items()):
            if mine.get(name) != cared.care:
                del self._cared[name]
                self._let_go(cared, by_name.get(name), stays=name in mine)
        for name, care in mine.items():
            if name not in self._cared:
                self._cared[name] = self._begin(care)

    def _let_go(self, cared: _Cared, successor: CarrierCare | None, *, stays: bool) -> None:
        """End one; `stays`: this engine sees to its successor, else another does, if there is one.

        How that stands is its to tell: it may have registered by now.
        """
        before, after = cared.care.registration, successor.registration if successor else None
        is_same = before is not None and after is not None and before.account == after.account
        if is_same and stays:
            cared.registration = None  # the next one registers the same Contact anew
        why = "" if after is not None else "The trunk is disabled or does not register any more."
        self._ending.start(cared.end(why), name=cared.care.trunk)

    def _begin(self, care: CarrierCare) -> _Cared:
        cared = _Cared(care)
        if care.registration is not None:
            cared.registration = CarrierRegistration(
                self._edge,
                care.trunk,
                care.registration,
                stored=care.stored,
                node=self._node,
                keep=self._keep,
            )
            cared.tasks.start(self._register(cared.registration, care.trunk))
        if care.probe_interval_s:
            for gateway in care.gateways:
                probing = Probing(
                    self._edge,
                    care.trunk,
                    gateway,
                    interval_s=care.probe_interval_s,
                    audience=self._gateways,
                )
                cared.tasks.start(probing.run())
        return cared

    async def _register(self, registration: CarrierRegistration, trunk: str) -> None:
        """Register once what was registered before has been taken back, and was told to be."""
        ends = [end for end in self._ending if end.get_name() == trunk]
        if ends:
            await asyncio.wait(ends)
        await registration.run()

    def _keep(self, trunk: str, values: dict[str, Any]) -> None:
        write = partial(keep_registration, trunk=trunk, values=values)
        self._book.journal.write(write, partial(self._book.audience.trunk, trunk))


def _look_up() -> tuple[list[CarrierCare], list[str]]:
    return to_be_cared_for(), running_nodes()
