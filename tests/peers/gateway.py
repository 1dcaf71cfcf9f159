"""A carrier's gateway: a scripted phone that challenges INVITEs and checks the answers itself."""

import hashlib
import secrets
from typing import Any

import sipmessage
from sipua.utils import create_response, random_string

from tests.peers.phone import Phone

HASHES = {
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data),
}
HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


class Gateway(Phone):
    """Takes an INVITE only with the digest of `user` and `password` for the URI it sees.

    `code` is 401 or 407; `algorithms` are challenged in this order; `qop` empty is RFC 2069.
    """

    def __init__(
        self,
        user: str,
        password: str,
        *,
        code: int = 407,
        algorithms: tuple[str, ...] = ("MD5",),
        qop: str = "auth",
        realm: str = "carrier.example",
        **options: Any,
    ) -> None:
        super().__init__(user, password, **options)
        self.code, self.algorithms, self.qop, self.realm = code, algorithms, qop, realm
        self.nonce, self.opaque = secrets.token_hex(12), secrets.token_hex(4)
        self.challenged = 0
        self.proved: list[dict[str, str]] = []
        "The parameters of each digest that was right."

    async def _received(self, request: sipmessage.Request) -> None:
        outside = request.method == "INVITE" and "tag" not in request.to_address.parameters
        if outside and request.call_id not in self.calls and not self._is_proved(request):
            await self._challenge(request)
        else:
            await super()._received(request)

    async def _challenge(self, request: sipmessage.Request) -> None:
        self.challenged += 1
        response = create_response(request=request, code=self.code)
        to = request.to_address
        response.to_address = sipmessage.Address(
            uri=to.uri, name=to.name, parameters=sipmessage.Parameters(tag=random_string(8))
        )
        qop = f', qop="{self.qop}"' if self.qop else ""
        for algorithm in self.algorithms:
            response.headers.add(
                HEADERS[self.code][0],
                f'Digest realm="{self.realm}", nonce="{self.nonce}", opaque="{self.opaque}", '
                f"algorithm={algorithm}{qop}",
            )
        await self.transactions.send_response(response)

    def _is_proved(self, request: sipmessage.Request) -> bool:
        for value in request.headers.getlist(HEADERS[self.code][1]):
            parameters = sipmessage.AuthCredentials.parse(value).parameters
            given = dict(parameters or {})
            if self._is_right(given, request):
                self.proved.append(given)
                return True
        return False

    def _is_right(self, given: dict[str, str], request: sipmessage.Request) -> bool:
        algorithm = given.get("algorithm", "MD5")
        uri = str(request.uri)
        ours = {"uri": uri, "realm": self.realm, "nonce": self.nonce, "opaque": self.opaque}
        fits = ours.items() <= given.items()
        if not fits or algorithm not in self.algorithms:
            return False

        name, is_session = algorithm.removesuffix("-sess"), algorithm.endswith("-sess")

        def digest(text: str) -> str:
            return HASHES[name](text.encode()).hexdigest()

        ha1 = digest(f"{self.user}:{self.realm}:{self.password}")
        if is_session:
            ha1 = digest(f"{ha1}:{self.nonce}:{given['cnonce']}")
        entity = f":{digest(request.body.decode())}" if self.qop == "auth-int" else ""
        ha2 = digest(f"{request.method}:{uri}{entity}")
        middle = ":".join(given[k] for k in ("nc", "cnonce", "qop")) + ":" if self.qop else ""
        expected = digest(f"{ha1}:{self.nonce}:{middle}{ha2}")
        return given["username"] == self.user and given["response"] == expected
