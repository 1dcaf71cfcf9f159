"""INVITE outside a dialog: who calls, may they, and a call process for them."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace

from callengine.core.directory import Source
from callengine.core.reasons import Rule
from callengine.core.registering import is_contact_user
from callengine.core.replaces import replaces_of
from callengine.edge.callers.admission import Admission, admission
from callengine.edge.callers.authentication import Authenticator
from callengine.edge.callers.claims import caller_of, heard
from callengine.edge.callers.rules import max_forwards
from callengine.edge.flow import Flow
from callengine.edge.interface import Accepted, Engine, IncomingCall, Refused, TrunkAccess
from callengine.edge.legs.inward_requests import MALFORMED_SDP, InwardRequests
from callengine.edge.legs.table import LegTable, uri_user
from callengine.edge.messages.descriptions import BadSdpError, answerable, compact_body
from callengine.edge.messages.families import OurAddress
from callengine.edge.messages.message import Headers
from callengine.edge.messages.received import Received
from callengine.edge.messages.targets import caller_target
from callengine.edge.messages.text import clean
from callengine.edge.messages.uris import parse_uri
from callengine.edge.messages.values import parse_address
from callengine.edge.strangers.guard import Guard
from callengine.edge.transactions.rejections import Rejections, describe, source_host
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import ServerTransaction
from callengine.edge.transport.addresses import Addresses

logger = logging.getLogger(__name__)

_TELEPHONE_NUMBER = re.compile(r"\+?[0-9(][0-9().\- ]*\Z")
_SEPARATORS = re.compile(r"[().\- ]")
MAX_HEADERS = 60
MAX_HEADER = 256
"What may be told of an INVITE: so many headers, so many characters of each."
_NOT_TOLD = frozenset(
    {"authorization", "proxy-authorization", "via", "route", "record-route", "content-length"}
)
AUTHENTICATED_KNOWN_S = 600.0
"How long the guard knows a flow after an INVITE from it; requests in a dialog name their call."


class Callers:
    """Answers INVITEs that would make a call."""

    def __init__(
        self,
        engine: Engine,
        *,
        max_setups: int,
        authenticator: Authenticator,
        responder: Responder,
        rejections: Rejections,
        guard: Guard,
        addresses: Addresses,
        legs: LegTable,
        inward: InwardRequests,
        certified_names: Callable[[Flow], tuple[str, ...]],
    ) -> None:
        """`certified_names(flow)` are those in the certificate a client showed there, if any."""
        self._engine = engine
        self._certified_names = certified_names
        self._max_setups = max_setups
        self._authenticator = authenticator
        self._responder = responder
        self._rejections = rejections
        self._guard = guard
        self._addresses = addresses
        self._legs = legs
        self._inward = inward
        self._setting_up: set[ServerTransaction] = set()
        self.retry_after_s: int | None = None
        "Set once no new calls are taken."

    async def handle(self, transaction: ServerTransaction) -> None:
        """Take one INVITE from authentication to its call process."""
        if self.retry_after_s is not None:
            advice = "The engine is shutting down; the call can be made again in a moment."
            self._busy(transaction, Rule.SHUTTING_DOWN, advice, self.retry_after_s)
            return
        if (body := self._checked_body(transaction)) is None:
            return
        source = await self._source(transaction)
        if source is None:
            return
        if transaction.cancelled:
            advice = "The caller gave up before the call was set up."
            self._rejections.store(
                describe(transaction.request, 487, Rule.CALLER_CANCELLED, advice)
            )
            return
        self._remember(transaction.request, source)
        if len(self._setting_up) >= self._max_setups:
            advice = "Too many calls are being set up at once; try again in a moment."
            self._busy(transaction, Rule.OVERLOADED, advice, 2)
            return
        # RFC 3261 section 8.2.6.1: it may take more than 200 ms from here.
        self._responder.reply(transaction, 100)
        self._setting_up.add(transaction)
        try:
            call = _incoming(transaction, source, self._addresses.ipv6_for_audio)
            outcome = await self._engine.set_up(call)
        finally:
            self._setting_up.discard(transaction)
        if source.kind == "trunk" and source.is_proven and isinstance(outcome, Accepted):
            # An administrator wrote this address down: its calls get whatever RFC 3261 asks for.
            transaction.credit_bytes = None
        if not transaction.cancelled:
            self._conclude(transaction, outcome, body)

    def _remember(self, request: Received, source: Source) -> None:
        """Have the guard know whoever has shown who they are."""
        now = time.monotonic()
        if source.kind == "trunk" and source.is_proven:
            self._guard.welcome_trunk(source_host(request), now)
        elif source.connection is not None:
            user = source.connection.sip_user
            self._guard.welcome_phone(request.flow, user, now, AUTHENTICATED_KNOWN_S)

    def _busy(
        self, transaction: ServerTransaction, rule: Rule, advice: str, retry_after_s: int
    ) -> None:
        headers = [("retry-after", str(retry_after_s))]
        self._responder.refuse(transaction, 503, rule, advice, headers=headers)

    def _checked_body(self, transaction: ServerTransaction) -> bytes | None:
        """Return the body as a call process can read it, or None once refused."""
        request = transaction.request
        if not caller_target(request):
            advice = "The INVITE has no Contact that could be called back; check the phone."
            self._responder.refuse(transaction, 400, Rule.MALFORMED_SIP, advice)
            return None
        try:
            body = compact_body(request)
        except BadSdpError as error:
            advice = f"The caller's session description cannot be read: {error}"
            self._responder.refuse(transaction, 400, MALFORMED_SDP, advice)
            return None
        return body

    async def _source(self, transaction: ServerTransaction) -> Source | None:
        """Return who calls, or None once the request has been answered."""
        request = transaction.request
        address = source_host(request)
        domain = self._domain(request)
        access = (
            await self._registered(request)
            or await self._engine.trunk_access(address, domain)
            or await self._certified(request, domain)
        )
        if access is not None and not access.lacking:
            return await self._trunk(transaction, access, address)
        self._guard.forget(address)
        if self._authenticator.has_answer(transaction):
            return await self._by_digest(transaction, address, domain)
        if access is not None:
            self._lacking(transaction, access)
            return None
        match await self._admission(request):
            case Admission.CHALLENGE:
                self._authenticator.challenge(transaction)
            case Admission.REFUSE:
                advice = (
                    f"{address} is not on the access list of any trunk. Add it there, or give the "
                    "caller a connection with a password."
                )
                self._responder.refuse(transaction, 403, Rule.SOURCE_NOT_ON_ACCESS_LIST, advice)
            case Admission.LET_IN:
                return await self._engine.source(kind="external", name="", address=address)
        return None

    async def _registered(self, request: Received) -> TrunkAccess | None:
        """Return the trunk whose carrier calls the Contact that we registered there."""
        user = _contact_called(request)
        return await self._engine.registered_trunk(user) if user else None

    async def _certified(self, request: Received, domain: str) -> TrunkAccess | None:
        """Return the trunk that its TLS connection's certificate belongs to."""
        names = self._certified_names(request.flow)
        return await self._engine.trunk_certified(names, domain) if names else None

    async def _admission(self, request: Received) -> Admission:
        is_ours = self._claims_to_be_local(request) or await self._engine.is_registered_at(
            str(request.flow)
        )
        external = await self._engine.external_sip()
        return admission(
            claims_to_be_ours=is_ours,
            external=external,
            by_credentials=not external and await self._engine.trunks_by_credentials(),
        )

    async def _trunk(
        self, transaction: ServerTransaction, access: TrunkAccess, address: str
    ) -> Source | None:
        if not access.enabled:
            advice = f"The trunk {access.name} is disabled; enable it to take its calls."
            self._responder.refuse(transaction, 403, Rule.TRUNK_DISABLED, advice)
            return None
        if access.username:
            credentials = await self._authenticator.authenticate(
                transaction, lambda credentials: credentials.username == access.username
            )
            if credentials is None:
                return None
        source = await self._engine.source(kind="trunk", name=access.name, address=address)
        return replace(source, is_proven=not access.is_weak)

    async def _by_digest(
        self, transaction: ServerTransaction, address: str, domain: str
    ) -> Source | None:
        credentials = await self._authenticator.authenticate(transaction)
        if credentials is None:
            return None
        kind, name = credentials.kind, credentials.name
        if kind == "trunk":
            access = await self._engine.trunk_access(address, domain, name)
            if access is not None and access.lacking:
                self._lacking(transaction, access)
                return None
        return await self._engine.source(kind=kind, name=name, address=address)

    def _domain(self, request: Received) -> str:
        """Return what a call is addressed to."""
        try:
            return parse_uri(request.uri).host.lower()
        except ValueError:
            return ""

    def _lacking(self, transaction: ServerTransaction, access: TrunkAccess) -> None:
        """Refuse a call that would be a trunk's if it had all that is set there."""
        advice = (
            f"It is not the trunk {access.name}: {access.lacking}. Have the carrier change that, "
            "or change the trunk's IN side."
        )
        self._responder.refuse(transaction, 403, Rule.TRUNK_CONDITION_UNMET, advice)

    def _claims_to_be_local(self, request: Received) -> bool:
        try:
            uri = parse_address(request.get("from")).uri
        except ValueError:
            return False
        addresses = self._addresses
        if uri.port is not None and uri.port not in addresses.ports:
            return False
        public_host, _ = addresses.public_address_for(request.flow)
        is_public_host = uri.host.lower() == public_host.lower()
        return is_public_host or addresses.is_local_host(uri.host, uri.port)

    def _conclude(
        self, transaction: ServerTransaction, outcome: Accepted | Refused, body: bytes
    ) -> None:
        if isinstance(outcome, Refused):
            headers: Headers = [("reason", outcome.reason)] if outcome.reason else []
            if outcome.retry_after_s is not None:
                headers.append(("retry-after", str(outcome.retry_after_s)))
            self._responder.reply(transaction, outcome.code, phrase=outcome.phrase, headers=headers)
            return
        if self._legs.is_dead(outcome.leg_a.call):
            self._responder.reply(transaction, 500)
            return
        for anchor in (outcome.leg_a, *outcome.legs_b):
            self._legs.open(anchor)
        self._inward.invite(transaction, outcome.leg_a, body)

    def cancel(self, transaction: ServerTransaction, invite: ServerTransaction) -> None:
        """Take a CANCEL of an INVITE that no call process has yet."""
        self._responder.reply(transaction, 200)  # RFC 3261 section 9.2
        if invite.code >= 200 or invite.cancelled:
            return
        invite.cancelled = True
        self._responder.reply(invite, 487)


def _incoming(transaction: ServerTransaction, source: Source, our_ipv6: OurAddress) -> IncomingCall:
    request = transaction.request
    caller = caller_of(request)
    return IncomingCall(
        source=source,
        call_id=clean(request.call_id, 255),
        from_user=caller.user,
        from_name=caller.name,
        to_user=_called(request),
        user_agent=clean(request.get("user-agent")),
        sdp=answerable(request, source.srtp, our_ipv6) or None,
        max_forwards=max_forwards(request),
        flow=str(request.flow),
        headers=_readable_headers(request),
        heard=heard(request),
        is_sips=request.uri[:5].lower() == "sips:",
        replaces=replaces_of(request.values("replaces"), joins=False),
        given_up=lambda: transaction.cancelled,
    )


def _readable_headers(request: Received) -> dict[str, str]:
    """Return what a caller's headers say, each cut to a size and no more than so many."""
    names = [name for name in request.headers if name not in _NOT_TOLD][:MAX_HEADERS]
    return {name: clean(request.get(name), MAX_HEADER) for name in names}


def _called(request: Received) -> str:
    """Return whom an INVITE is for: at a Contact that we registered, To alone says so."""
    if not _contact_called(request):
        return dialled(request.uri)
    try:
        return dialled_user(parse_address(request.get("to")).uri.user or "")
    except ValueError:
        return ""


def _contact_called(request: Received) -> str:
    """Return the user part of a Request-URI that may be a Contact of ours at a registrar."""
    user = uri_user(request.uri)
    return user if is_contact_user(user) else ""


def dialled(request_uri: str) -> str:
    """Return the user part of a Request-URI; a telephone number without visual separators."""
    try:
        user = parse_uri(request_uri).user or ""
    except ValueError:
        return ""
    return dialled_user(user)


def dialled_user(user: str) -> str:
    """Return whom a dialled user part means, without parameters and visual separators."""
    user = user.partition(";")[0]
    return clean(_SEPARATORS.sub("", user) if _TELEPHONE_NUMBER.match(user) else user)
