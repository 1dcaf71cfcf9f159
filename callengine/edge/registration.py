"""REGISTER: the registrar's rule between digest authentication and the engine's store."""

import asyncio
import email.utils
import time
from collections.abc import Sequence
from weakref import WeakValueDictionary

from callengine.edge.authentication import Authenticator
from callengine.edge.context import EdgeContext
from callengine.edge.interface import Binding
from callengine.edge.parse import clean, parse_address
from callengine.edge.registrar import (
    RegisterError,
    RegisterRequest,
    RegistrarLimits,
    contact_values,
    read_register,
    register,
)
from callengine.edge.rewrite import Headers
from callengine.edge.transactions import ServerTransaction

KNOWN_LONGER_S = 60.0
"A phone that comes a little late to register again is still known."


class Registration:
    """Answers REGISTER requests."""

    def __init__(self, context: EdgeContext, authenticator: Authenticator) -> None:
        self._context = context
        self._authenticator = authenticator
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        settings = context.settings
        self._limits = RegistrarLimits(
            min_expires_s=settings.min_expires_s,
            max_expires_s=settings.max_expires_s,
            default_expires_s=settings.default_expires_s,
            max_contacts=settings.max_contacts,
        )

    async def handle(self, transaction: ServerTransaction) -> None:
        """Answer one REGISTER."""
        context, request = self._context, transaction.request
        credentials = await self._authenticator.authenticate(transaction)
        if credentials is None:
            return
        try:
            user = parse_address(request.get("to")).uri.user
            asked = read_register(
                request,
                user_agent=clean(request.get("user-agent")),
                is_ours=context.addresses.is_local_host,
            )
        except ValueError as error:
            advice = f"The REGISTER cannot be read: {error}; check the phone's contact address."
            context.refuse(transaction, 400, "malformed-register", advice)
            return
        if credentials.kind != "connection" or user != credentials.name:
            advice = (
                f"{credentials.username} tried to register {clean(user or 'nobody')}; a phone may "
                "register only the SIP user whose password it has."
            )
            context.refuse(transaction, 403, "not-your-address", advice, user=credentials.username)
            return
        await self._register(transaction, credentials.name, asked)

    async def _register(
        self, transaction: ServerTransaction, sip_user: str, asked: RegisterRequest
    ) -> None:
        engine = self._context.engine
        async with self._locks.setdefault(sip_user, asyncio.Lock()):
            now = time.time()
            before = await engine.bindings(sip_user)
            after = register(before, asked, now=now, limits=self._limits)
            if not isinstance(after, RegisterError) and (asked.contacts or asked.star):
                await engine.replace_bindings(sip_user, after)
        if isinstance(after, RegisterError):
            self._refuse(transaction, after, sip_user)
            return
        headers: Headers = [("contact", value) for value in contact_values(after, now=now)]
        headers += [("path", hop) for hop in asked.path]
        headers.append(("supported", "path"))
        headers.append(("date", email.utils.formatdate(now, usegmt=True)))
        self._remember(transaction.request.flow, sip_user, after)
        self._context.reply(transaction, 200, headers=headers)

    def _remember(self, flow: str, sip_user: str, bindings: Sequence[Binding]) -> None:
        """Have the guard know a phone that registered from this flow."""
        ends = [binding.expires_at for binding in bindings if binding.flow == flow]
        if ends:
            for_s = max(ends) - time.time() + KNOWN_LONGER_S
            self._context.guard.welcome_phone(flow, sip_user, time.monotonic(), for_s)

    def _refuse(self, transaction: ServerTransaction, error: RegisterError, user: str) -> None:
        headers: Headers = []
        if error.min_expires_s is not None:
            headers.append(("min-expires", str(error.min_expires_s)))
        if error.unsupported:
            headers.append(("unsupported", error.unsupported))
        self._context.refuse(
            transaction,
            error.code,
            error.rule,
            error.advice,
            phrase=error.phrase,
            headers=headers,
            user=user,
        )
