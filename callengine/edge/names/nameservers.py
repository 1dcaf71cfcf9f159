"""What the name servers say about one question, as plain records; dnspython asks them."""

from collections.abc import Iterable, Sequence

import dns.asyncresolver
import dns.exception
import dns.message
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from callengine.core.naming import MAX_READ, HostAddress, Naptr, Question, Record, Srv

TRY_S = 1.0
"How long one server may take before another, or the same again, is asked."
LIFETIME_S = 2.0
"How long one question may take altogether."
NEGATIVE_TTL_S = 60.0
"For how long there is nothing, where the answer does not say."


class NoAnswerError(OSError):
    """The name servers do not answer a question, or say that they cannot; the text says which."""


class NameServers:
    """Asks the system's name servers, or those that it is given."""

    def __init__(self, servers: Sequence[tuple[str, int]] = ()) -> None:
        self._servers = servers
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def ask(self, question: Question) -> tuple[tuple[Record, ...], float]:
        """Return the records that answer a question, none too, and for how many seconds they hold.

        Raises:
            NoAnswerError: nobody knows now.
        """
        try:
            answer = await self._ready().resolve(
                question.name,
                question.kind,
                raise_on_no_answer=False,
                lifetime=LIFETIME_S,
                search="." not in question.name,
            )
        except dns.resolver.NXDOMAIN as error:
            return (), _negative_ttl_s(error.kwargs["responses"].values())
        except dns.exception.Timeout as error:
            raise NoAnswerError(f"no name server answered for {question.name}") from error
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise NoAnswerError(f"the name servers cannot answer for {question.name}") from error
        if answer.rrset is None:
            return (), _negative_ttl_s([answer.response])
        records = (_record(item) for item in list(answer.rrset)[:MAX_READ])
        return tuple(one for one in records if one is not None), float(
            answer.chaining_result.minimum_ttl
        )

    def _ready(self) -> dns.asyncresolver.Resolver:
        """Return the resolver; one that found no name server at all is made anew each time."""
        if self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                resolver.nameservers = [
                    dns.nameserver.Do53Nameserver(host, port) for host, port in self._servers
                ]
            resolver.timeout = TRY_S
            self._resolver = resolver
        return self._resolver


def _record(item: dns.rdata.Rdata) -> Record | None:
    match item:
        case NAPTR():
            flags, service = (
                text.decode("ascii", "replace") for text in (item.flags, item.service)
            )
            return Naptr(item.order, item.preference, flags, service, _name(item.replacement))
        case SRV():
            return Srv(item.priority, item.weight, item.port, _name(item.target))
        case A() | AAAA():
            return HostAddress(item.address)
    return None


def _name(name: object) -> str:
    return str(name).rstrip(".")


def _negative_ttl_s(responses: Iterable[dns.message.Message]) -> float:
    """Return for how long there is nothing: as the SOA record says (RFC 2308 section 5)."""
    soas = (
        rrset
        for response in responses
        for rrset in response.authority
        if rrset.rdtype == dns.rdatatype.SOA
    )
    return min((float(min(soa.ttl, soa[0].minimum)) for soa in soas), default=NEGATIVE_TTL_S)
