"""The addresses of a host name that stands in an access list, for threads that may wait."""

import asyncio
from collections.abc import Iterable, Sequence

from callengine.core.naming import HostAddress, Kind, Question, Record
from callengine.edge.names.hosts import HostsFile
from callengine.edge.names.nameservers import NameServers

HOSTS_FILE_S = 60.0
"For how long what the hosts file says holds: it has no TTL."
FAMILIES: tuple[Kind, ...] = ("A", "AAAA")


class HostLookup:
    """Asks the name servers by which calls are sent; keeps nothing."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        """`servers` are name servers, host and port; none: the system's."""
        self._servers = servers
        self._hosts = HostsFile()

    def find(self, host: str) -> tuple[tuple[str, ...], float]:
        """Return a host's addresses, none too, and for how many seconds that holds.

        Not on an event loop's thread. Raises OSError if nobody knows now; the text says why.
        """
        own = [self._hosts.find(host, family) for family in FAMILIES]
        if any(records is not None for records in own):
            return _hosts_in(records or () for records in own), HOSTS_FILE_S
        return asyncio.run(self._ask(host))

    async def _ask(self, host: str) -> tuple[tuple[str, ...], float]:
        servers, answers, failures = NameServers(self._servers), [], []
        for family in FAMILIES:
            try:
                answers.append(await servers.ask(Question(host, family)))
            except OSError as error:
                failures.append(error)
        addresses = _hosts_in(records for records, _ in answers)
        # Many servers fail at AAAA of a name that has an A.
        if failures and not addresses:
            raise failures[0]
        return addresses, min(ttl_s for records, ttl_s in answers if records or not addresses)


def _hosts_in(answers: Iterable[Sequence[Record]]) -> tuple[str, ...]:
    hosts = {one.host for records in answers for one in records if isinstance(one, HostAddress)}
    return tuple(sorted(hosts))
