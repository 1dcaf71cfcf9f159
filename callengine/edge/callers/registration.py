"""REGISTER: the registrar's rule between digest authentication and the engine's store."""

import email.utils
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from callengine.core.reasons import Rule
from callengine.edge.callers.authentication import Authenticator
from callengine.edge.callers.keepalive import KeepAlive
from callengine.edge.callers.registrar import (
    RegisterError,
    RegisterRequest,
    RegistrarLimits,
    contact_values,
    read_register,
    register,
)
from callengine.edge.flow import Flow
from callengine.edge.interface import Binding, Refusal
from callengine.edge.messages.message import Headers
from callengine.edge.messages.text import clean
from callengine.edge.messages.values import parse_address
from callengine.edge.settings import EdgeSettings
from callengine.edge.strangers.guard import Guard
from callengine.edge.transactions.responder import Responder
from callengine.edge.transactions.server import ServerTransaction
from callengine.edge.transport.reach import IsOurs

KNOWN_LONGER_S = 60.0
"A phone that comes a little late to register again is still known."


class BindingStore(Protocol):
    """Where bindings are kept; the engine is one."""

    async def bindings(self, sip_user: str) -> list[Binding]:
        """Return the unexpired bindings of a connection."""

    async def change_bindings(
        self, sip_user: str, change: Callable[[Sequence[Binding]], list[Binding] | Refusal]
    ) -> list[Binding] | Refusal:
        """Have a pure function decide what a connection's bindings become."""


class Registrar:
    """Authenticates a REGISTER, has the registrar decide, and answers with what holds then."""

    def __init__(
        self,
        store: BindingStore,
        settings: EdgeSettings,
        *,
        authenticator: Authenticator,
        responder: Responder,
        guard: Guard,
        keepalive: KeepAlive,
        is_ours: IsOurs,
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._responder = responder
        self._guard = guard
        self._keepalive = keepalive
        self._is_ours = is_ours
        self._limits = RegistrarLimits(
            min_expires_s=settings.min_expires_s,
            max_expires_s=settings.max_expires_s,
            default_expires_s=settings.default_expires_s,
            max_contacts=settings.max_contacts,
        )

    async def handle(self, transaction: ServerTransaction) -> None:
        """Answer one REGISTER (RFC 3261 section 10.3)."""
        request = transaction.request
        credentials = await self._authenticator.authenticate(transaction)
        if credentials is None:
            return
        try:
            user = parse_address(request.get("to")).uri.user
            asked = read_register(
                request,
                user_agent=clean(request.get("user-agent")),
                is_ours=self._is_ours,
            )
        except ValueError as error:
            advice = f"The REGISTER cannot be read: {error}; check the phone's contact address."
            self._responder.refuse(transaction, 400, Rule.MALFORMED_REGISTER, advice)
            return
        if credentials.kind != "connection" or user != credentials.name:
            advice = (
                f"{credentials.username} tried to register {clean(user or 'nobody')}; a phone may "
                "register only the SIP user whose password it has."
            )
            self._responder.refuse(
                transaction, 403, Rule.NOT_YOUR_ADDRESS, advice, user=credentials.username
            )
            return
        await self._register(transaction, credentials.name, asked)

    async def _register(
        self, transaction: ServerTransaction, sip_user: str, asked: RegisterRequest
    ) -> None:
        now = time.time()
        after = await self._change(sip_user, asked, now)
        if isinstance(after, RegisterError):
            self._refuse(transaction, after, sip_user)
            return
        headers: Headers = [("contact", value) for value in contact_values(after, now=now)]
        headers += [("path", hop) for hop in asked.path]
        headers.append(("supported", "path"))
        headers.append(("date", email.utils.formatdate(now, usegmt=True)))
        self._remember(transaction.request.flow, sip_user, after)
        self._responder.reply(transaction, 200, headers=headers)

    async def _change(
        self, sip_user: str, asked: RegisterRequest, now: float
    ) -> list[Binding] | RegisterError:
        store = self._store
        decide = partial(register, request=asked, now=now, limits=self._limits)
        if not (asked.contacts or asked.star):
            return decide(await store.bindings(sip_user))
        return await store.change_bindings(sip_user, decide)

    def _remember(self, flow: Flow, sip_user: str, bindings: Sequence[Binding]) -> None:
        """Have the guard know a phone that registered from this flow, and keep it open."""
        text = str(flow)
        ends = [binding.expires_at for binding in bindings if binding.flow == text]
        self._keepalive.note(flow, sip_user, for_s=max(ends, default=0.0) - time.time())
        if ends:
            for_s = max(ends) - time.time() + KNOWN_LONGER_S
            self._guard.welcome_phone(flow, sip_user, time.monotonic(), for_s)

    def _refuse(self, transaction: ServerTransaction, error: RegisterError, user: str) -> None:
        headers: Headers = []
        if error.min_expires_s is not None:
            headers.append(("min-expires", str(error.min_expires_s)))
        if error.unsupported:
            headers.append(("unsupported", error.unsupported))
        self._responder.refuse(
            transaction,
            error.code,
            error.rule,
            error.advice,
            phrase=error.phrase,
            headers=headers,
            user=user,
        )
