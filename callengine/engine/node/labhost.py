"""What the codec lab and the tests of trunks ask of the engine they are in."""

from collections.abc import Callable, Iterable
from typing import Protocol

from callengine.core.naming import NextHop
from callengine.core.outcomes import Termination
from callengine.core.snapshot import CallSnapshot
from callengine.edge.flow import Flow
from callengine.edge.names.locator import flow_of
from callengine.edge.outside import AsksOptions
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.processes.pool import Pool
from callengine.lab.phones import phone_server


class EdgeOfLab(AsksOptions, Protocol):
    """The edge: where it is, where gateways are, and what they answer."""

    @property
    def listening(self) -> Iterable[tuple[str, str, int]]:
        """The bound public addresses."""

    async def locate(self, uri: str) -> tuple[NextHop, ...]:
        """Return where a SIP URI leads; raises OSError or ValueError saying why not."""


class EngineOfLab:
    """See `Host` of `callengine.lab.laboratory`, `TrialHost` of `callengine.lab.trunktrial`."""

    def __init__(
        self,
        node: str,
        *,
        edge: EdgeOfLab,
        pool: Pool,
        book: CallBook,
        hang_up: Callable[[LiveCall, Termination], None],
    ) -> None:
        self.node = node
        self._pool, self._book, self._hang_up = pool, book, hang_up
        self._edge = edge
        self.options = edge.options

    @property
    def codecs(self) -> tuple[str, ...]:
        """What call processes can do now."""
        return self._pool.codecs

    @property
    def unavailable(self) -> dict[str, str]:
        """Codec name -> why call processes cannot do it."""
        return self._pool.unavailable

    @property
    def listening(self) -> Iterable[tuple[str, str, int]]:
        """The addresses SIP is taken at: transport, host and port."""
        return self._edge.listening

    async def written(self, timeout_s: float) -> None:
        """Wait until what was written so far is in the database; raises TimeoutError."""
        await self._book.journal.flushed(timeout_s)

    async def resolve(self, uri: str) -> tuple[Flow, ...]:
        """Return the flows of a SIP URI; raises OSError or ValueError saying why not."""
        return tuple(flow_of(hop) for hop in await self._edge.locate(uri))

    def phone_server(self) -> str:
        """Return where built-in phones reach the edge; raises PhoneError if nowhere."""
        return phone_server(self._edge.listening)

    def snapshot_of(self, key: str) -> CallSnapshot | None:
        """Return a call in progress, which is kept up; None if it is over."""
        call = self._book.calls.get(key)
        return call.snapshot if call is not None else None

    def end_call(self, key: str, termination: Termination) -> None:
        """End a call by its key of 32 digits, if it is still up."""
        if (call := self._book.calls.get(key)) is not None:
            self._hang_up(call, termination)
