"""Requests of our own outside any call: REGISTER at carriers, and OPTIONS to see who is there."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from callengine.core.reachability import Sounding
from callengine.core.registering import MAX_EXPIRES_S, RegistrarAnswer
from callengine.edge.flow import Flow, host_port
from callengine.edge.legs import challenged
from callengine.edge.messages.grammar import read_number, read_pause
from callengine.edge.messages.message import Headers, Message
from callengine.edge.messages.text import clean
from callengine.edge.messages.uris import name_addr, parse_uri
from callengine.edge.messages.values import parse_address
from callengine.edge.settings import ALLOW
from callengine.edge.transactions.client import ClientTransactions
from callengine.edge.transactions.identity import EdgeIdentity
from callengine.edge.transport.addresses import Addresses

MAX_CHALLENGES = 3
"Answered in a row: the first, and those that call a nonce stale."
MAX_SAID = 160


@dataclass(slots=True)
class OutwardBinding:
    """A binding of ours at a registrar, as its requests build on each other (section 10.2.4)."""

    registrar: str
    "The Request-URI: the registrar's domain, without a user part."
    aor: str
    contact_user: str
    call_id: str
    cseq: int
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OptionsAnswer:
    """What an address answers OPTIONS with."""

    code: int
    phrase: str
    server: str
    "What it says it is."
    sounding: Sounding
    was_proved: bool
    "Whether the request carried our credentials."
    is_theirs: bool
    "Whether it was sent to us; otherwise it stands for what went wrong: 408 or 503."
    why: str
    "What went wrong, in words, if it is known."


class AsksOptions(Protocol):
    """Whoever can ask an address for its OPTIONS."""

    async def options(
        self,
        uri: str,
        flow: Flow,
        *,
        username: str,
        password: str,
        on_challenge: Callable[[], None],
    ) -> OptionsAnswer:
        """Ask, and once more with our credentials if they are wanted and there are any.

        `on_challenge` is called before they are sent.
        """


class OutsideRequests:
    """Builds and sends them, each over the flow that it is told."""

    def __init__(
        self, client: ClientTransactions, *, identity: EdgeIdentity, addresses: Addresses
    ) -> None:
        self._client = client
        self._identity = identity
        self._addresses = addresses

    async def probe(self, uri: str, flow: Flow) -> Sounding:
        """Ask an address whether it is there (RFC 3261 section 11)."""
        return (await self.options(uri, flow)).sounding

    async def options(
        self,
        uri: str,
        flow: Flow,
        *,
        username: str = "",
        password: str = "",
        on_challenge: Callable[[], None] = lambda: None,
    ) -> OptionsAnswer:
        """Ask as `AsksOptions` has it."""
        host, port = self._addresses.public_address_for(flow)
        contact = f"<sip:{host_port(host, port)}>"
        lines: Headers = [
            *self._common(f"{contact};tag={secrets.token_hex(8)}", f"<{uri}>"),
            ("call-id", secrets.token_hex(16)),
            ("contact", contact),
            ("accept", "application/sdp"),
        ]
        first = Message.request("OPTIONS", uri, [*lines, ("cseq", "1 OPTIONS")])
        response = await self._client.request(first, flow)
        proof = challenged.credentials(
            response, username=username, password=password, method="OPTIONS", uri=uri
        )
        if proof is not None:
            on_challenge()
            second = Message.request("OPTIONS", uri, [*lines, proof, ("cseq", "2 OPTIONS")])
            response = await self._client.request(second, flow)
        return OptionsAnswer(
            code=response.code,
            phrase=clean(response.phrase, MAX_SAID),
            server=clean(response.get("server") or response.get("user-agent"), MAX_SAID),
            sounding=Sounding(response.code, _said(response), _retry_after_s(response)),
            was_proved=proof is not None,
            is_theirs=_is_theirs(response),
            why=_why(response),
        )

    async def register(
        self, binding: OutwardBinding, flow: Flow, *, expires_s: int
    ) -> RegistrarAnswer:
        """Register, or with 0 s unregister; challenges are answered. `binding` counts on."""
        tag = secrets.token_hex(8)
        proof: Headers = []
        for _ in range(MAX_CHALLENGES):
            binding.cseq += 1
            response = await self._client.request(
                self._register(binding, flow, tag, expires_s, proof), flow
            )
            if proof and not _is_stale(response):
                break
            header = challenged.credentials(
                response,
                username=binding.username,
                password=binding.password,
                method="REGISTER",
                uri=binding.registrar,
            )
            if header is None:
                break
            proof = [header]
        return RegistrarAnswer(
            code=response.code,
            said=_said(response),
            expires_s=_granted_s(response, binding.contact_user),
            min_expires_s=read_number(response.get("min-expires"), most=MAX_EXPIRES_S),
            retry_after_s=_retry_after_s(response),
            is_theirs=_is_theirs(response),
            was_proved=bool(proof),
            has_password=bool(binding.password),
            is_stale=bool(proof) and _is_stale(response),
        )

    def _register(
        self, binding: OutwardBinding, flow: Flow, tag: str, expires_s: int, proof: Headers
    ) -> Message:
        address = name_addr("", binding.aor)
        contact = self._identity.contact(flow, binding.contact_user)
        lines: Headers = [
            *self._common(f"{address};tag={tag}", address),
            ("call-id", binding.call_id),
            ("cseq", f"{binding.cseq} REGISTER"),
            ("contact", f"<{contact}>;expires={expires_s}"),
            ("expires", str(expires_s)),
            ("allow", ALLOW),
            *proof,
        ]
        return Message.request("REGISTER", binding.registrar, lines)

    def _common(self, from_: str, to: str) -> Headers:
        return [
            ("max-forwards", "70"),
            ("from", from_),
            ("to", to),
            ("user-agent", self._identity.user_agent),
        ]


def _said(response: Message) -> str:
    """Return what was said; a response of our own says what happened, in its Reason."""
    if not _is_theirs(response):
        return _why(response) or ("no answer" if response.code == 408 else "no connection")
    return clean(f"{response.code} {response.phrase}".strip(), MAX_SAID)


def _why(response: Message) -> str:
    """Return what went wrong as a response says it (RFC 3326); nothing if it does not."""
    return response.get("reason").partition("text=")[2].strip('"')


def _is_theirs(response: Message) -> bool:
    """Tell whether a peer sent a response; ours bear nothing of what was asked."""
    return "cseq" in response.headers


def _retry_after_s(response: Message) -> int | None:
    return read_pause(response.get("retry-after"), most=MAX_EXPIRES_S)


def _is_stale(response: Message) -> bool:
    """Tell whether a challenge says that our answer was right but for an old nonce (RFC 7616)."""
    values = (
        *response.headers.get("www-authenticate", ()),
        *response.headers.get("proxy-authenticate", ()),
    )
    return any("stale=true" in value.lower().replace(" ", "").replace('"', "") for value in values)


def _granted_s(response: Message, contact_user: str) -> int | None:
    """Return for how long our Contact is bound: its own parameter, else Expires (section 10.3)."""
    if not 200 <= response.code < 300:
        return None
    general = read_number(response.get("expires"), most=MAX_EXPIRES_S)
    values = response.values("contact")[:200]
    for value in values:
        try:
            address = parse_address(value)
            user = parse_uri(address.uri_text).user
        except ValueError:
            continue
        if user == contact_user:
            own = read_number(address.params.get("expires") or "", most=MAX_EXPIRES_S)
            return general if own is None else own
    # One that lists bindings and leaves ours out has not kept it; one that lists none says nothing.
    return 0 if values else general
