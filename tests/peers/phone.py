"""A scripted SIP phone: the library sipua for signalling, the SDP text entirely the test's."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import sipmessage
from sipua.utils import create_response, create_via, random_string

from tests.peers import descriptions
from tests.peers.dialogs import Call, IncomingCall, OutgoingCall
from tests.peers.digest import credentials
from tests.peers.ports import LOOPBACK, in_uri
from tests.peers.rtp import RtpTone
from tests.peers.sipua_layers import Transactions, Transport, with_rport

LEAVING_S = 3.0
"How long a phone of a test that failed waits for its calls to be over."
EVERY_CODEC = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA", "AMR", "G729", "ILBC")


class Phone:
    """One phone on its own UDP port (and TCP connections it opens); an async context manager.

    `server` is the registrar and outbound peer as (address, port); a phone without one calls
    addresses directly; of other transports than UDP it then accepts connections, too. `host` is the
    loopback address it lives at, 127.0.0.1 by default. `tls` is what it believes of who it connects
    to, `tls_server` what it shows to who connects to it. `srtp` is the profile of RTP in which it
    offers keys, and answers those of others; without, it knows nothing of them. `audio` is its
    address for RTP, if that is not `host`.
    """

    def __init__(
        self,
        user: str = "phone",
        password: str = "",
        *,
        server: tuple[str, int] | None = None,
        transport: str = "udp",
        host: str = LOOPBACK,
        port: int = 0,
        codecs: tuple[str, ...] = EVERY_CODEC,
        tls: ssl.SSLContext | None = None,
        tls_server: ssl.SSLContext | None = None,
        srtp: str = "",
        audio: str = "",
    ) -> None:
        self.user, self.password, self.server = user, password, server
        self.auth_user = user
        self.algorithm: str | None = None
        self.protocol, self.host, self.codecs = transport, host, codecs
        self._port = port
        self._tls_server = tls_server
        self.srtp = srtp
        self.audio = audio or host
        self.user_agent = "scripted phone"
        self.transport = Transport(host, tls)
        self.transactions = Transactions(self.transport)
        self.transactions.request_handler = self._received
        self.transactions.on_ack = self._acknowledged
        self.incoming: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self.calls: dict[str, Call] = {}
        self.rtp: RtpTone
        self._register_call_id, self._register_cseq = random_string(22), 0

    async def __aenter__(self) -> Self:
        await self.transport.open(self._port)
        if self.server is None and self.protocol != "udp":
            await self.transport.listen_for(self.protocol, self._tls_server)
        self.rtp = await RtpTone.open(self.audio)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"--- messages of {self.user}\n{self.dump()}")
            await self._leave_calls()
        for call in self.calls.values():
            if isinstance(call, OutgoingCall) and call.final is not None:
                call.final.cancel()
                await asyncio.gather(call.final, return_exceptions=True)
        self.rtp.close()
        await self.transport.close()

    async def _leave_calls(self) -> None:
        """Hang up what a test that failed has left, which the next would find."""
        up = [
            call
            for call in self.calls.values()
            if not call.ended.is_set() and "tag" in call.remote.parameters
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVING_S):
                await asyncio.gather(*(call.hang_up() for call in up), return_exceptions=True)

    def dump(self) -> str:
        """Return every SIP message that passed, oldest first."""
        return "\n".join(
            f"{way} {data.decode(errors='replace')}" for way, data in self.transport.log
        )

    def received(self) -> list[str]:
        """Return every SIP message we were sent, as it was on the wire."""
        return [data.decode(errors="replace") for way, data in self.transport.log if way == "<-"]

    # Addresses

    @property
    def port(self) -> int:
        return self.transport.port

    @property
    def uri(self) -> str:
        """Where this phone can be reached directly."""
        return f"sip:{self.user}@{in_uri(self.host)}:{self.port}"

    @property
    def contact(self) -> sipmessage.Address:
        # Over TCP the stack fills in the connection's own port, as phones behind NAT do.
        host, port = (in_uri(self.host), self.port) if self.protocol == "udp" else ("any", None)
        uri = sipmessage.URI(scheme="sip", user=self.user, host=host, port=port)
        return sipmessage.Address(uri=uri)

    def address(self, user: str, *, tag: bool = False) -> sipmessage.Address:
        host, port = (self.host, self.port)
        if self.server and self.password:  # without one it is nobody's user but its own
            host, port = self.server
        host = in_uri(host)
        uri = sipmessage.URI(scheme="sip", user=user, host=host, port=port)
        parameters = sipmessage.Parameters(tag=random_string(10)) if tag else None
        return sipmessage.Address(uri=uri, parameters=parameters or sipmessage.Parameters())

    def target(self, to: str) -> sipmessage.URI:
        """Return the URI for a user of the server's, or for a whole URI."""
        text = to
        if not to.startswith(("sip:", "sips:")):
            assert self.server is not None, "a phone without a server calls URIs"
            text = f"sip:{to}@{in_uri(self.server[0])}:{self.server[1]}"
        is_open = self.protocol == "udp" or text.startswith("sips:")
        if not is_open and ";transport" not in text:
            text += f";transport={self.protocol}"
        return sipmessage.URI.parse(text)

    def sdp(self, codecs: descriptions.Codecs, **options: Any) -> str:
        """Return a description with this phone's RTP address; see `descriptions.sdp`."""
        return descriptions.sdp(codecs, **{"port": self.rtp.port, "address": self.audio, **options})

    # What a test does with it

    async def register(
        self,
        user: str | None = None,
        password: str | None = None,
        transport: str | None = None,
        *,
        expires_s: int = 300,
        contact: str | None = None,
    ) -> sipmessage.Response:
        """Register, answering a challenge, and return the last answer."""
        self.user, self.password = user or self.user, password or self.password
        self.auth_user = user or self.auth_user
        self.protocol = transport or self.protocol
        assert self.server is not None
        request = self._register_request(expires_s, contact)
        response = await self.transactions.send_request(request)
        retry = self.authenticated(response, request)
        if retry is not None:
            request = self._register_request(expires_s, contact)
            request.headers.set(*retry)
            response = await self.transactions.send_request(request)
        return response

    async def invite(
        self,
        to: str,
        sdp: str | None,
        *,
        from_user: str | None = None,
        answer: Callable[[str], str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> OutgoingCall:
        """Call a user of the server's or a URI; `sdp` None asks for the offer.

        `answer` then makes the answer for the ACK out of that offer.
        """
        call = OutgoingCall(self, self.address(from_user or self.user, tag=True))
        call.target = self.target(to)
        call.remote = sipmessage.Address(uri=call.target)
        call.headers = dict(headers or {})
        self.calls[call.call_id] = call
        call.final = asyncio.create_task(call.run(sdp, answer))
        return call

    async def wait_call(self, timeout_s: float = 30.0) -> IncomingCall:
        """Wait for the next call placed to this phone."""
        async with asyncio.timeout(timeout_s):
            return await self.incoming.get()

    async def options(self, to: str = "ping") -> sipmessage.Response:
        """Send an OPTIONS and return the answer."""
        call = OutgoingCall(self, self.address(self.user, tag=True))
        call.target = self.target(to)
        call.remote = sipmessage.Address(uri=call.target)
        return await self.transactions.send_request(call.request("OPTIONS"))

    async def send(self, request: sipmessage.Request) -> sipmessage.Response:
        """Send a request other than INVITE and return the final answer."""
        return await self.transactions.send_request(request)

    def authenticated(
        self, response: sipmessage.Response, request: sipmessage.Request | None
    ) -> tuple[str, str] | None:
        """Return the header that answers a challenge, if we were asked and have a password."""
        if request is None or not self.password:
            return None
        return credentials(response, request, self.auth_user, self.password, self.algorithm)

    # What happens to it

    def _register_request(self, expires_s: int, contact: str | None) -> sipmessage.Request:
        assert self.server is not None
        self._register_cseq += 1
        parameters = (
            sipmessage.Parameters(transport=self.protocol) if self.protocol != "udp" else None
        )
        uri = sipmessage.URI(
            scheme="sip",
            host=in_uri(self.server[0]),
            port=self.server[1],
            parameters=parameters or sipmessage.Parameters(),
        )
        request = sipmessage.Request("REGISTER", uri)
        request.via = [with_rport(create_via())]
        request.max_forwards = 70
        request.from_address = self.address(self.user, tag=True)
        request.to_address = self.address(self.user)
        request.call_id = self._register_call_id
        request.cseq = sipmessage.CSeq(sequence=self._register_cseq, method="REGISTER")
        request.user_agent = self.user_agent
        if contact is None:
            request.contact = [self.contact]
        else:
            request.headers.set("Contact", contact)
        request.expires = expires_s
        return request

    async def _received(self, request: sipmessage.Request) -> None:
        call = self.calls.get(request.call_id)
        if request.method == "CANCEL" and isinstance(call, IncomingCall):
            await call.cancel_received(request)
        elif call is not None:
            await call.receive(request)
        elif request.method == "INVITE":
            incoming = IncomingCall(self, request)
            self.calls[request.call_id] = incoming
            self.incoming.put_nowait(incoming)
        else:
            code = 200 if request.method == "OPTIONS" else 481
            response = create_response(request=request, code=code)
            await self.transactions.send_response(response)

    def _acknowledged(self, ack: sipmessage.Request) -> None:
        call = self.calls.get(ack.call_id)
        if call is not None:
            call.ack_sdp = ack.body.decode() or None
            call.remote_sdp = call.ack_sdp or call.remote_sdp
            call.acknowledged.set()
