"""A carrier's registrar: challenges every REGISTER, and grants what the test says."""

import asyncio
import re
import secrets
from typing import Any

import sipmessage
from sipua.utils import create_response

from tests.peers.gateway import Gateway

_EXPIRES = re.compile(r";\s*expires=(\d+)", re.IGNORECASE)


class Registrar(Gateway):
    """Takes a REGISTER only with the right digest, and calls who is registered.

    `grants_s` is what it grants at most; `wants_s` what it insists on with a 423; `refuses` a code
    it answers instead. `is_stale` has it call one right answer's nonce stale.
    """

    def __init__(self, user: str, password: str, *, grants_s: int = 3600, **options: Any) -> None:
        super().__init__(user, password, code=401, **options)
        self.grants_s, self.wants_s, self.refuses = grants_s, 0, 0
        self.is_stale = False
        self.bound = asyncio.Event()
        self.unbound = asyncio.Event()
        self.contact_uri = ""
        "The Contact that was bound last, as it was written."
        self.registered: list[sipmessage.Request] = []
        "Every REGISTER with the right digest."

    async def _received(self, request: sipmessage.Request) -> None:
        if request.method != "REGISTER":
            await super(Gateway, self)._received(request)
        elif self.refuses:
            response = create_response(request=request, code=self.refuses)
            await self.transactions.send_response(response)
        elif not self._is_proved(request):
            await self._challenge(request)
        elif self.is_stale:
            self.is_stale, self.nonce = False, secrets.token_hex(12)
            await self._call_stale(request)
        else:
            await self._bind(request)

    async def _call_stale(self, request: sipmessage.Request) -> None:
        response = create_response(request=request, code=401)
        response.headers.add(
            "WWW-Authenticate",
            f'Digest realm="{self.realm}", nonce="{self.nonce}", opaque="{self.opaque}", '
            f'algorithm=MD5, stale=TRUE, qop="{self.qop}"',
        )
        await self.transactions.send_response(response)

    async def _bind(self, request: sipmessage.Request) -> None:
        self.registered.append(request)
        contact = str(request.headers.get("Contact"))
        match = _EXPIRES.search(contact)
        asked_s = int(match.group(1)) if match else 3600
        if 0 < asked_s < self.wants_s:
            response = create_response(request=request, code=423)
            response.headers.set("Min-Expires", str(self.wants_s))
            await self.transactions.send_response(response)
            return
        granted_s = min(asked_s, self.grants_s)
        response = create_response(request=request, code=200)
        self.contact_uri = contact.partition("<")[2].partition(">")[0]
        if granted_s:
            response.headers.set("Contact", f"<{self.contact_uri}>;expires={granted_s}")
        await self.transactions.send_response(response)
        (self.bound if granted_s else self.unbound).set()
