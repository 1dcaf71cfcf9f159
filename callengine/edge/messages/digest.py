"""Digest authentication as RFC 8760 asks of a SIP server: pure, time comes in as `now` (Unix s)."""

import hmac
import secrets
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from callengine.edge.messages.challenges import asked_for, escaped
from callengine.edge.messages.grammar import parse_params, split_quoted, split_scheme
from callengine.edge.messages.received import Received
from callengine.edge.messages.uris import parse_uri
from callengine.edge.sources import source_key
from sip.digest import HASHES, SPOKEN, digest_ha1, hash_text

MAX_TRACKED_NONCES = 50_000
_WINDOW = 64
_NONCE_BODY = 16
"Characters of a nonce before its signature: the time in hexadecimal digits, and chance."


class Verdict(Enum):
    """What became of one set of credentials."""

    OK = "ok"
    WRONG = "wrong"
    STALE = "stale"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Answer:
    """One Authorization header of the Digest scheme."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    qop: str
    nc: str
    cnonce: str

    @property
    def user(self) -> str:
        """Return the user name without `@realm`.

        In another spelling it is somebody else: the digest binds it as it is written.
        """
        return self.username.removesuffix(f"@{self.realm}")

    @property
    def covers_body(self) -> bool:
        """Whether the body belongs to what is proved (RFC 7616 section 3.4.3)."""
        return self.qop == "auth-int"

    @property
    def names_realm(self) -> bool:
        """Whether the user name is `user@realm`, of which HA1 is another."""
        return self.user != self.username


def parse_answer(header: str) -> Answer | None:
    """Return the digest answer in an Authorization value, or None if it is none we can use."""
    scheme, rest = split_scheme(header)
    if scheme != "digest":
        return None
    params = parse_params(split_quoted(rest, ","))
    if any(not params.get(name) for name in ("username", "nonce", "uri", "response")):
        return None
    if params.get("realm") is None:  # an empty one is a realm too
        return None
    return Answer(
        username=params["username"] or "",
        realm=params["realm"] or "",
        nonce=params["nonce"] or "",
        uri=params["uri"] or "",
        response=(params["response"] or "").lower(),
        algorithm=(params.get("algorithm") or "MD5").upper(),
        qop=(params.get("qop") or "").lower(),
        nc=(params.get("nc") or "").lower(),
        cnonce=params.get("cnonce") or "",
    )


def answer_in(message: Received, *, realm: str, algorithms: tuple[str, ...]) -> Answer | None:
    """Return the strongest usable answer to our realm in a request, if it brings one."""
    answers = [parse_answer(value) for value in message.headers.get("authorization", ())[:8]]
    ours = [a for a in answers if a and a.realm == realm and a.algorithm in algorithms]
    return max(ours, key=lambda answer: answer.algorithm == "SHA-256", default=None)


def digest_response(answer: Answer, *, ha1: str, method: str, body: bytes = b"") -> str:
    """Return the response RFC 7616 section 3.4.1 expects for these credentials.

    `body` is the message's, which qop=auth-int covers. A -sess algorithm makes its own key of `ha1`
    (section 3.4.2).
    """

    def hashed(text: str) -> str:
        return hash_text(answer.algorithm, text)

    if answer.algorithm.endswith("-SESS"):
        ha1 = hashed(f"{ha1}:{answer.nonce}:{answer.cnonce}")
    entity = f":{hashed(body.decode('utf-8', 'surrogateescape'))}" if answer.covers_body else ""
    ha2 = hashed(f"{method}:{answer.uri}{entity}")
    if not answer.qop:
        return hashed(f"{ha1}:{answer.nonce}:{ha2}")
    return hashed(f"{ha1}:{answer.nonce}:{answer.nc}:{answer.cnonce}:{answer.qop}:{ha2}")


def uri_matches(answer_uri: str, request_uri: str, is_local: Callable[[str], bool]) -> bool:
    """Tell whether a digest was computed for this request.

    SIPp leaves the user out and clients behind NAT or an outbound proxy may write another of our
    own addresses, so only another user or a foreign host is a mismatch (RFC 7616 section 3.4.6).
    """
    if answer_uri == request_uri:
        return True
    try:
        one, other = parse_uri(answer_uri), parse_uri(request_uri)
    except ValueError:
        return False
    if one.user and one.user != other.user:
        return False
    hosts = (one.host.lower(), other.host.lower())
    return hosts[0] == hosts[1] or (is_local(hosts[0]) and is_local(hosts[1]))


@dataclass(slots=True)
class _Counter:
    highest: int
    seen: int
    issued: int


class Digest:
    """Issues nonces, checks answers, and never takes the same nonce count twice."""

    def __init__(
        self, *, realm: str, algorithms: tuple[str, ...], lifetime_s: int, secret: bytes = b""
    ) -> None:
        if not algorithms or any(name not in HASHES for name in algorithms):
            raise ValueError(f"digest algorithms must be among {', '.join(HASHES)}")
        self.realm = realm
        self.algorithms = algorithms
        self._lifetime_s = lifetime_s
        self._secret = secret or secrets.token_bytes(32)
        self._counters: OrderedDict[str, _Counter] = OrderedDict()
        self._floor = 0
        self._dummy_ha1 = {name: HASHES[name](self._secret).hexdigest() for name in algorithms}

    def challenges(
        self, now: float, *, address: str = "", stale: bool = False, md5_only: bool = False
    ) -> list[str]:
        """Return WWW-Authenticate values, one per algorithm, in the order of the settings.

        The nonce is good for answers from `address` alone.
        """
        names = self.algorithms
        if md5_only and "MD5" in names:
            names = ("MD5",)
        nonce = self._nonce(now, address)
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm="{self.realm}", nonce="{nonce}"{tail}, algorithm={name}, qop="auth"'
            for name in names
        ]

    def verify(
        self, answer: Answer, *, ha1: str | None, method: str, now: float, address: str = ""
    ) -> Verdict:
        """Check an answer against HA1 of its algorithm; None stands for a user nobody knows."""
        expected = digest_response(
            answer, ha1=ha1 or self._dummy_ha1[answer.algorithm], method=method
        )
        right = hmac.compare_digest(expected.encode(), answer.response.encode("utf-8", "replace"))
        fresh = self.is_fresh(answer.nonce, now, address)
        if not right or ha1 is None or answer.qop not in ("", "auth"):
            return Verdict.WRONG
        if not fresh:
            return Verdict.STALE
        return Verdict.OK if self._count(answer, now) else Verdict.REPLAYED

    def is_fresh(self, nonce: str, now: float, address: str = "") -> bool:
        """Tell whether a nonce is one we gave to this address lately.

        Whoever shows one has heard us there, so the address is no invention.
        """
        body = nonce[:_NONCE_BODY]
        given = nonce[_NONCE_BODY:].encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(self._sign(body, address).encode(), given):
            return False
        issued = _issued(body)
        return issued > self._floor and 0 <= now - issued + 1 <= self._lifetime_s + 1

    def _nonce(self, now: float, address: str) -> str:
        """Return 28 characters: a challenge must not be long (see `shortening`)."""
        body = f"{int(now):08x}{secrets.token_urlsafe(6)}"
        return body + self._sign(body, address)

    def _sign(self, body: str, address: str) -> str:
        data = f"{body}\0{source_key(address)}".encode("utf-8", "surrogateescape")
        return b64encode(hmac.digest(self._secret, data, "sha256")[:9], b"-_").decode()

    def _count(self, answer: Answer, now: float) -> bool:
        """Spend one nonce count; a window of 64 lets datagrams overtake one another."""
        count = _nonce_count(answer)
        if count is None:
            return False
        counter = self._counters.get(answer.nonce)
        if counter is None:
            self._forget(now)
            self._counters[answer.nonce] = _Counter(count, 1, _issued(answer.nonce))
            return True
        if count > counter.highest:
            shift = min(count - counter.highest, _WINDOW)
            counter.seen = (counter.seen << shift | 1) & (1 << _WINDOW) - 1
            counter.highest = count
            return True
        bit = 1 << (counter.highest - count)
        if counter.highest - count >= _WINDOW or counter.seen & bit:
            return False
        counter.seen |= bit
        return True

    def _forget(self, now: float) -> None:
        while self._counters:
            nonce, counter = next(iter(self._counters.items()))
            expired = counter.issued + self._lifetime_s + 1 < now
            if not expired and len(self._counters) < MAX_TRACKED_NONCES:
                return
            # A nonce forgotten before its time must not become usable again.
            self._floor = self._floor if expired else max(self._floor, counter.issued)
            del self._counters[nonce]


def _issued(nonce: str) -> int:
    return int(nonce[:8], 16)


def _nonce_count(answer: Answer) -> int | None:
    if not answer.qop:
        # Without qop there is no count, so the nonce is good for one request (count 1 of 1).
        return 1
    if len(answer.nc) != 8 or not answer.cnonce:
        return None
    try:
        return int(answer.nc, 16)
    except ValueError:
        return None


def readdress(
    header: str, *, username: str, password: str, method: str, uri: str, body: bytes
) -> str | None:
    """Return digest credentials computed anew for another URI, or None if that cannot be done.

    A call process answers a gateway's challenge for the loopback URI it sees, and not as us; the
    gateway must see its own URI, and whom it knows. Nonce, cnonce, count and realm stay; algorithm,
    qop and opaque are those it asked for (see `challenges`). `body` is the request's.
    """
    answer = parse_answer(header)
    if answer is None or not password:
        return None
    opaque = parse_params(split_quoted(split_scheme(header)[1], ",")).get("opaque")
    asked = asked_for(opaque)
    if asked is not None:
        algorithm, qop, opaque = asked
        answer = replace(answer, algorithm=algorithm, qop=qop)
    if answer.algorithm not in SPOKEN or answer.qop not in ("", "auth", "auth-int"):
        return None
    moved = replace(answer, username=username, uri=uri)
    return written(moved, password=password, method=method, opaque=opaque, body=body)


def written(
    answer: Answer, *, password: str, method: str, opaque: str | None, body: bytes = b""
) -> str:
    """Return the value of an Authorization header with the response of this password."""
    ha1 = digest_ha1(
        answer.algorithm, username=answer.username, realm=answer.realm, password=password
    )
    response = digest_response(answer, ha1=ha1, method=method, body=body)
    items = {"username": answer.username, "realm": answer.realm, "nonce": answer.nonce}
    items |= {"uri": answer.uri, "response": response}
    if opaque is not None:
        items["opaque"] = opaque
    words = [f'{name}="{escaped(value)}"' for name, value in items.items()]
    words.append(f"algorithm={SPOKEN[answer.algorithm]}")
    if answer.qop:
        words.append(f'qop={answer.qop}, nc={answer.nc}, cnonce="{answer.cnonce}"')
    elif answer.algorithm.endswith("-SESS"):
        words.append(f'cnonce="{answer.cnonce}"')  # or nobody could tell the key
    return "Digest " + ", ".join(words)
