"""REGISTER: the registrar's rule between digest authentication and the engine's store."""

import asyncio
import email.utils
import time
from weakref import WeakValueDictionary

from callengine.edge.authentication import Authenticator
from callengine.edge.context import EdgeContext
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
            asked = read_register(request, user_agent=clean(request.get("user-agent")))
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
        headers.append(("date", email.utils.formatdate(now, usegmt=True)))
        self._context.reply(transaction, 200, headers=headers)

    def _refuse(self, transaction: ServerTransaction, error: RegisterError, user: str) -> None:
        headers: Headers = []
        if error.min_expires_s is not None:
            headers.append(("min-expires", str(error.min_expires_s)))
        self._context.refuse(
            transaction,
            error.code,
            error.rule,
            error.advice,
            phrase=error.phrase,
            headers=headers,
            user=user,
        )
