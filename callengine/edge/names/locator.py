"""Where SIP URIs lead: RFC 3263 over the records that name servers give."""

import random
from collections.abc import Callable, Sequence

from callengine.core.naming import Chance, NextHop, NowhereError, Question, Record, Wanted, locate
from callengine.edge.flow import TRANSPORTS, Flow
from callengine.edge.messages.uris import parse_uri
from callengine.edge.names.answers import Answers
from callengine.edge.names.hosts import HostsFile
from callengine.edge.names.nameservers import NameServers, NoAnswerError
from callengine.edge.transport.addresses import UnresolvableError


class Locator:
    """Resolves SIP URIs; one for an edge."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        hosts: HostsFile | None = None,
        chance: Chance = random.random,
        spoken: Callable[[], Sequence[str]] = lambda: tuple(TRANSPORTS),
    ) -> None:
        """`servers` are name servers, host and port; none: the system's."""
        self._answers = Answers(NameServers(servers).ask)
        self._hosts = hosts or HostsFile()
        self._chance = chance
        self._spoken = spoken

    async def locate(self, uri_text: str) -> tuple[NextHop, ...]:
        """Return the targets of a SIP URI, the first to try first.

        Raises:
            UnresolvableError: it leads nowhere; the message says why.
        """
        try:
            uri = parse_uri(uri_text)
        except ValueError as error:
            raise UnresolvableError(f"not a SIP URI: {uri_text[:80]!r}") from error
        if uri.scheme == "tel":
            raise UnresolvableError("tel: URIs cannot be reached, only sip:")
        wanted = Wanted(
            host=(uri.parameters.get("maddr") or uri.host).strip("[]").rstrip("."),
            is_secure=uri.scheme == "sips",
            port=uri.port,
            transport=(uri.parameters.get("transport") or "").lower(),
        )
        search = locate(wanted, spoken=self._spoken(), chance=self._chance)
        try:
            question = next(search)
            while True:
                question = search.send(await self._records(question))
        except StopIteration as found:
            targets: tuple[NextHop, ...] = found.value
            return targets
        except (NowhereError, NoAnswerError) as error:
            raise UnresolvableError(str(error)) from error

    async def flow(self, uri_text: str) -> Flow:
        """Return the flow that a SIP URI leads to first.

        Raises:
            UnresolvableError: it leads nowhere; the message says why.
        """
        return flow_of((await self.locate(uri_text))[0])

    async def stop(self) -> None:
        """Look nothing up any more."""
        await self._answers.stop()

    async def _records(self, question: Question) -> Sequence[Record]:
        if question.kind in ("A", "AAAA"):
            if (own := self._hosts.find(question.name, question.kind)) is not None:
                return own
            return await self._answers.of(question)
        try:
            return await self._answers.of(question)
        except NoAnswerError:
            # Some name servers of small networks never answer these; addresses they know.
            return ()


def flow_of(hop: NextHop) -> Flow:
    """Return the flow to a next hop."""
    transport = TRANSPORTS[hop.transport]
    return Flow(transport, hop.host, hop.port, hop.name if transport.is_secure else "")
