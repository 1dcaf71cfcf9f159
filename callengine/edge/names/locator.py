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

_MOST_UNANSWERED = 4
"Names of hosts that nobody answers for, before it is given up: each may take 2 s."


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
        unanswered: list[NoAnswerError] = []
        try:
            question = next(search)
            while True:
                question = search.send(await self._records(question, unanswered))
        except StopIteration as done:
            targets: tuple[NextHop, ...] = done.value
            return targets
        except (NowhereError, NoAnswerError) as error:
            raise UnresolvableError(str(next(iter(unanswered), error))) from error

    async def flow(self, uri_text: str) -> Flow:
        """Return the flow that a SIP URI leads to first.

        Raises:
            UnresolvableError: it leads nowhere; the message says why.
        """
        return flow_of((await self.locate(uri_text))[0])

    async def stop(self) -> None:
        """Look nothing up any more."""
        await self._answers.stop()

    async def _records(
        self, question: Question, unanswered: list[NoAnswerError]
    ) -> Sequence[Record]:
        """Return what is known; of addresses nobody answers for it is gone on without, a few times.

        The other family may have one (many servers fail at AAAA), or the next target of SRV.
        """
        is_of_address = question.kind in ("A", "AAAA")
        own = self._hosts.find(question.name, question.kind) if is_of_address else None
        if own is not None:
            return own
        try:
            return await self._answers.of(question)
        except NoAnswerError as error:
            # Some name servers of small networks never answer NAPTR and SRV; addresses they know.
            unanswered += [error] if is_of_address else []
            if len(unanswered) >= _MOST_UNANSWERED:
                raise
            return ()


def flow_of(hop: NextHop) -> Flow:
    """Return the flow to a next hop."""
    transport = TRANSPORTS[hop.transport]
    return Flow(transport, hop.host, hop.port, hop.name if transport.is_secure else "")
