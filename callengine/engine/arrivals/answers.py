"""What the edge asks about peers, answered by the directory and the one-time callers."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from callengine.core.directory import Source
from callengine.directory import lookup
from callengine.directory.current import Directory
from callengine.directory.records import TrunkOnRecord
from callengine.edge.interface import Binding, Credentials, Refusal, TrunkAccess
from callengine.edge.names.hostlookup import HostLookup
from callengine.engine.arrivals.readers import Readers
from callengine.engine.plans.sources import ONE_TIME, OneTimeSources
from trunks.access import AccessEntry, AccessLists, AccessTable, HostCache

T = TypeVar("T")


class DirectoryAnswers:
    """The part of the edge's `Engine` that asks the directory; one-time callers come first."""

    def __init__(
        self, sources: OneTimeSources, *, node: str, dns_servers: Sequence[tuple[str, int]] = ()
    ) -> None:
        self.sources = sources
        self._readers = Readers()
        self.directory = Directory(self._read, node=node)
        self._trunks: Sequence[TrunkOnRecord] | None = None
        self._entries: tuple[AccessEntry, ...] = ()
        self._access = AccessLists(
            lambda: self._entries,
            resolve_all=HostCache(HostLookup(dns_servers).find).resolve_all,
        )

    async def credentials(self, username: str) -> Credentials | None:
        """Return the digest credentials of a connection or of a trunk's IN side."""
        one_time = self.sources.credentials(username)
        return one_time or await self._ask(lookup.credentials, username)

    async def trunk_access(
        self, address: str, domain: str = "", name: str = ""
    ) -> TrunkAccess | None:
        """Return the trunk whose access list holds this IP address, or which comes so."""
        if self.sources.is_host(address):
            return None
        return lookup.trunk_access(address, await self._table(), domain, name)

    async def trunk_certified(self, names: tuple[str, ...], domain: str = "") -> TrunkAccess | None:
        """Return the trunk that a verified client certificate with these names belongs to."""
        return lookup.trunk_certified(names, await self._table(), domain)

    async def registered_trunk(self, contact_user: str) -> TrunkAccess | None:
        """Return the trunk that is registered at its carrier with this Contact of ours."""
        return await self._ask(lookup.registered_trunk, contact_user)

    async def external_sip(self) -> bool:
        """Return whether unauthenticated callers may reach numbers and connections."""
        return await self._ask(lookup.external_sip)

    async def trunks_by_credentials(self) -> bool:
        """Return whether an enabled trunk may call from any address, by its credentials alone."""
        return (await self._table()).has_credentials_alone

    async def source(self, *, kind: str, name: str, address: str) -> Source:
        """Return the full source for a name the edge established."""
        if kind == ONE_TIME:
            return self.sources.source(name, address)
        return await self._ask(lookup.source, kind=kind, name=name, address=address)

    async def is_registered_at(self, flow: str) -> bool:
        """Return whether a phone of ours registered from this very flow, by no proxy."""
        return self.directory.registrations.has_registered(flow=flow)

    async def bindings(self, sip_user: str) -> list[Binding]:
        """Return the unexpired bindings of a connection."""
        return await self._ask(lookup.bindings, sip_user)

    async def change_bindings(
        self, sip_user: str, change: Callable[[Sequence[Binding]], list[Binding] | Refusal]
    ) -> list[Binding] | Refusal:
        """Have a pure function decide what a connection's bindings become."""
        return await self.directory.change_bindings(sip_user, change)

    async def has_registered_from(self, host: str) -> bool:
        """Return whether a phone at this IP address is registered."""
        return self.directory.registrations.has_registered(host=host)

    async def _table(self) -> AccessTable:
        """Return the access lists as they are now; host names among them may be waited for."""
        trunks = await self._ask(lookup.trunks)
        if trunks is not self._trunks:
            # How gateways stand is told by the same rows, and changes more often.
            entries = lookup.access_entries(trunks)
            self._trunks = trunks
            self._entries = self._entries if entries == self._entries else entries
        table = self._access.ready()
        return table if table is not None else await self._read(self._access.table)

    async def _ask(self, question: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return await self.directory.ask(question, *arguments, **named)

    async def _read(self, function: Callable[..., T], *arguments: Any) -> T:
        return await self._readers.read(function, *arguments)
