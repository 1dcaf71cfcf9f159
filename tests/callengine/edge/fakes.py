"""A switchboard in memory, a peer and a call process on plain UDP and TCP sockets."""

import asyncio
import hashlib
import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from callengine.core.directory import ConnectionEntry, Source, TrunkEntry
from callengine.core.outcomes import Rejection
from callengine.edge.bans import HeldBan
from callengine.edge.interface import (
    Accepted,
    Attempt,
    Binding,
    Credentials,
    IncomingCall,
    LegAnchor,
    Refusal,
    Refused,
    TrunkAccess,
)
from callengine.edge.messages.received import Received, receive
from callengine.edge.settings import EdgeSettings

REALM = "voipnumber"
PATIENCE_S = 20.0

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
)


def edge_settings(**more: Any) -> EdgeSettings:
    """Return settings of an edge that takes calls however busy the machine of the tests is."""
    return EdgeSettings(**{"late_s": 60.0, **more})


def ha1(algorithm: str, user: str, password: str) -> str:
    function = hashlib.md5 if algorithm == "MD5" else hashlib.sha256
    return function(f"{user}:{REALM}:{password}".encode()).hexdigest()


@dataclass
class FakeEngine:
    """The switchboard's side of `callengine.edge.interface.Engine`, kept in memory."""

    users: dict[str, Credentials] = field(default_factory=dict)
    trunks: dict[str, TrunkAccess] = field(default_factory=dict)
    stored: dict[str, list[Binding]] = field(default_factory=dict)
    external: bool = False
    calls: list[IncomingCall] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    untaken: set[str] = field(default_factory=set)
    waited: float = 0.0
    bans: list[HeldBan] = field(default_factory=list)
    attempts: list[tuple[str, Attempt]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    acknowledgements: list[str] = field(default_factory=list)
    outcome: Callable[[IncomingCall], Accepted | Refused] | None = None
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def add_user(
        self, user: str, password: str, *, enabled: bool = True, kind: str = "connection"
    ) -> None:
        digests = [
            ha1(algorithm, name, password)
            for name in (user, f"{user}@{REALM}")
            for algorithm in ("MD5", "SHA-256")
        ]
        self.users[user] = Credentials(user, kind, user, enabled, *digests)

    async def credentials(self, username: str) -> Credentials | None:
        return self.users.get(username)

    async def registered_trunk(self, contact_user: str) -> TrunkAccess | None:
        return self.trunks.get(contact_user)

    async def trunk_access(
        self, address: str, domain: str = "", name: str = ""
    ) -> TrunkAccess | None:
        return self.trunks.get(address)

    async def external_sip(self) -> bool:
        return self.external

    async def trunks_by_credentials(self) -> bool:
        return False

    async def source(self, *, kind: str, name: str, address: str) -> Source:
        if kind == "connection":
            return Source("connection", address, connection=ConnectionEntry(name, name))
        if kind == "trunk":
            return Source("trunk", address, trunk=TrunkEntry(name))
        return Source("external", address)

    async def is_registered_at(self, flow: str) -> bool:
        stored = (one for bindings in self.stored.values() for one in bindings)
        return any(one.flow == flow and one.is_direct for one in stored)

    async def has_registered_from(self, host: str) -> bool:
        stored = (one for bindings in self.stored.values() for one in bindings)
        return any(one.flow.split(":")[1] == host for one in stored)

    async def banned(self, ban: HeldBan) -> None:
        self.bans.append(ban)
        self.changed.set()

    async def bindings(self, sip_user: str) -> list[Binding]:
        return list(self.stored.get(sip_user, ()))

    async def change_bindings(
        self, sip_user: str, change: Callable[[Sequence[Binding]], list[Binding] | Refusal]
    ) -> list[Binding] | Refusal:
        after = change(self.stored.get(sip_user, ()))
        if isinstance(after, list):
            self.stored[sip_user] = after
            self.changed.set()
        return after

    async def set_up(self, call: IncomingCall) -> Accepted | Refused:
        self.calls.append(call)
        self.changed.set()
        await self.may_answer.wait()
        if self.outcome is None:
            raise RuntimeError("no outcome was prepared")
        return self.outcome(call)

    def attempted(self, anchor: LegAnchor, attempt: Attempt) -> None:
        self.attempts.append((anchor.gateway, attempt))

    def acknowledged(self, anchor: LegAnchor) -> None:
        self.acknowledgements.append(anchor.name)

    def said_inside(self, anchor: LegAnchor, text: str) -> None:
        self.said.append(f"{anchor.name} {text}")

    def has_taken(self, call: str) -> bool:
        return call not in self.untaken

    def waited_s(self) -> float:
        return self.waited

    async def rejected(self, rejection: Rejection) -> None:
        self.rejections.append(rejection)
        self.changed.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def rejection(self, rule: str, timeout_s: float = PATIENCE_S) -> Rejection:
        await self.until(lambda: any(r.rule == rule for r in self.rejections), timeout_s)
        return next(r for r in self.rejections if r.rule == rule)


class UdpPeer(asyncio.DatagramProtocol):
    """A UDP socket that queues what it hears, raw."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.raw: list[bytes] = []
        self.closed = asyncio.Event()
        self.transport: asyncio.DatagramTransport

    @classmethod
    async def open(cls, host: str = "127.0.0.1", port: int = 0) -> "UdpPeer":
        _, peer = await asyncio.get_running_loop().create_datagram_endpoint(
            cls, local_addr=(host, port)
        )
        return peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.raw.append(data)
        self.heard.put_nowait(data)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port

    def send(self, data: bytes | str, to: tuple[str, int]) -> None:
        self.transport.sendto(
            data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data, to
        )

    async def next(self, timeout_s: float = PATIENCE_S) -> Received:
        async with asyncio.timeout(timeout_s):
            return receive(await self.heard.get())

    async def expect(self, what: int | str, timeout_s: float = PATIENCE_S) -> Received:
        """Return the next message with this code or method, passing over others."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.next(timeout_s)
                if what in (message.code, message.method):
                    return message

    async def silence(self, seconds: float) -> bool:
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    async def close(self) -> None:
        self.transport.close()
        await self.closed.wait()


_SERIAL = itertools.count(1)


@dataclass
class Phone:
    """Builds requests of one user agent; all text, so that nothing of the edge is reused."""

    host: str
    port: int
    user: str = "alice"
    edge: tuple[str, int] = ("127.0.0.2", 5060)
    transport: str = "UDP"
    call_id: str = ""
    tag: str = ""

    def __post_init__(self) -> None:
        self.call_id = self.call_id or f"{secrets.token_hex(8)}@phone"
        self.tag = self.tag or secrets.token_hex(4)

    def request(
        self,
        method: str,
        cseq: int,
        *,
        uri: str = "",
        to: str = "",
        branch: str = "",
        headers: Sequence[str] = (),
        body: str = "",
        contact: str = "default",
        max_forwards: int | None = 70,
        cseq_method: str = "",
    ) -> str:
        uri = uri or f"sip:{self.edge[0]}:{self.edge[1]}"
        branch = branch or f"z9hG4bKtest{next(_SERIAL)}"
        contact = f"<sip:{self.user}@{self.host}:{self.port}>" if contact == "default" else contact
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {self.host}:{self.port};branch={branch};rport",
            f"From: <sip:{self.user}@{self.edge[0]}>;tag={self.tag}",
            f"To: {to or f'<sip:{self.user}@{self.edge[0]}>'}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {cseq_method or method}",
            *headers,
        ]
        if contact:
            lines.append(f"Contact: {contact}")
        if max_forwards is not None:
            lines.append(f"Max-Forwards: {max_forwards}")
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines) + "\r\n\r\n" + body


def answer_challenge(
    challenge: Received,
    *,
    method: str,
    uri: str,
    user: str,
    password: str,
    algorithm: str = "MD5",
    nc: int = 1,
    qop: bool = True,
) -> str:
    """Return an Authorization header line, computed here and not by the edge's own code."""
    header = next(
        value
        for value in challenge.headers["www-authenticate"]
        if f"algorithm={algorithm}" in value
    )
    nonce = re.search(r'nonce="([^"]+)"', header).group(1)  # type: ignore[union-attr]
    function = hashlib.md5 if algorithm == "MD5" else hashlib.sha256

    def hashed(text: str) -> str:
        return function(text.encode()).hexdigest()

    secret, ha2 = ha1(algorithm, user, password), hashed(f"{method}:{uri}")
    tail = f'uri="{uri}", algorithm={algorithm}'
    if qop:
        response = hashed(f"{secret}:{nonce}:{nc:08x}:c0:auth:{ha2}")
        tail += f', qop=auth, nc={nc:08x}, cnonce="c0"'
    else:
        response = hashed(f"{secret}:{nonce}:{ha2}")
    return (
        f'Authorization: Digest username="{user}", realm="{REALM}", nonce="{nonce}", '
        f'response="{response}", {tail}'
    )


def reply_as(
    request: Received, code: int, phrase: str, *extra: str, tag: str, body: str = ""
) -> str:
    """Return the response a plain user agent would give."""
    to = request.get("to")
    to = to if request.to_tag or not tag else f"{to};tag={tag}"
    lines = [f"SIP/2.0 {code} {phrase}", *(f"Via: {via}" for via in request.vias)]
    lines += [f"From: {request.get('from')}", f"To: {to}", f"Call-ID: {request.call_id}"]
    lines += [f"CSeq: {request.get('cseq')}", *extra]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines) + "\r\n\r\n" + body


def anchor(name: str, token: str, worker: tuple[str, int], **more: object) -> LegAnchor:
    return LegAnchor(call="c" * 32, name=name, token=token, worker=worker, **more)  # type: ignore[arg-type]
