"""daphne with bounds: it would read a body of any size to its end before the application is asked.

`install` makes every server of this process use what is here, whether `manage.py serve` or the
`daphne` command runs it: daphne makes its factories by name and takes none from outside.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import daphne.server
from autobahn.exception import Disconnected
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.defer import Deferred
from twisted.web import http

from web.bounds import Bounds, Connections

HTTPChannel: Any = http.HTTPChannel
LINGER_S = 2.0
"How long whoever was refused may take to read why."
MOST_LENGTH_DIGITS = 15
DAPHNES_OWN = ("Daphne-Root-Path", "Sec-WebSocket-Protocol")
"""Headers of which daphne itself makes something, whoever sends them, and fails with a traceback
where one is not ASCII: below which path the site is, and protocols, of which no page names any."""
TEXT = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: b"Content Too Large",
    HTTPStatus.REQUEST_TIMEOUT: b"Request Timeout",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: b"Request Header Fields Too Large",
    HTTPStatus.SERVICE_UNAVAILABLE: b"Service Unavailable",
}


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """A request whose body is counted as it comes, announced or in chunks."""

    held_bytes = 0

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take a piece of the body, or refuse the whole."""
        channel: BoundedChannel = self.channel
        if channel.refused_already:
            return
        if self.held_bytes + len(data) > channel.connections.bounds.body_bytes:
            channel.refuse_body("a body in chunks goes on")
            return
        if not channel.connections.may_hold(len(data)):
            channel.refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                rule="the bodies being received fill the memory set aside for them",
                advice="It is 32 times VOIPNUMBER_HTTP_BODY_BYTES.",
            )
            return
        self.held_bytes += len(data)
        channel.connections.body_bytes += len(data)
        super().handleContentChunk(data)

    def process(self) -> Any:
        """Have it answered; a websocket that begins here holds no body."""
        for name in DAPHNES_OWN:
            self.requestHeaders.removeHeader(name)
        if self.requestHeaders.hasHeader(b"Upgrade"):
            self._let_go()
        return super().process()

    def finish(self) -> None:
        """Answer; the body is held no longer."""
        self._let_go()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """End without an answer; the body is held no longer."""
        self._let_go()
        super().connectionLost(reason)

    def _let_go(self) -> None:
        if self.held_bytes:
            self.channel.connections.body_bytes -= self.held_bytes
            self.held_bytes = 0


class BoundedChannel(HTTPChannel):  # type: ignore[misc]
    """One connection's requests: each of bounded size, each received within its time."""

    refused_already = False
    connections: Connections
    host = ""
    _deadline: Any = None
    _counted = False

    def connectionMade(self) -> None:  # noqa: N802
        """Count the connection."""
        self._counted = True
        self.connections.opened(self.host)
        super().connectionMade()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Count it no longer."""
        self._no_deadline()
        if self._counted:
            self._counted = False
            self.connections.closed(self.host)
        super().connectionLost(reason)

    # What arrives

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes; with the first of a request its time begins."""
        if self.refused_already:
            return
        if self._deadline is None and not self._handlingRequest:
            seconds = self.connections.bounds.request_s
            self._deadline = self.callLater(seconds, self._too_slow)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """Take a line of the head."""
        if not self.refused_already:
            super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take a piece of the body."""
        if not self.refused_already:
            super().rawDataReceived(data)

    def _maybeChooseTransferDecoder(self, header: bytes, data: bytes) -> bool:  # noqa: N802
        if header == b"Content-Length" and len(data) > MOST_LENGTH_DIGITS:
            # Not even made a number of: that takes longer the more digits it has.
            self.refuse_body(f"a body with a length of {len(data)} digits was announced")
            return False
        return bool(super()._maybeChooseTransferDecoder(header, data))

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Say that a line of the head is too long; Twisted would close without a word."""
        self.refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            rule=f"a line of its request is longer than {self.MAX_LENGTH} bytes",
            advice="No browser sends one to us.",
        )

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Refuse a body that is announced as too large, before any of it is asked for."""
        if self.refused_already:
            return
        if self.length is not None and self.length > self.connections.bounds.body_bytes:
            self.refuse_body(f"a body of {self.length} bytes was announced")
            return
        super().allHeadersReceived()

    def allContentReceived(self) -> None:  # noqa: N802
        """Have the request answered: it has arrived in time."""
        self._no_deadline()
        if not self.refused_already:
            super().allContentReceived()

    # What is refused

    def refuse_body(self, what: str) -> None:
        """Refuse a request whose body is too large."""
        most = self.connections.bounds.body_bytes
        self.refuse(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            rule=f"{what}, and VOIPNUMBER_HTTP_BODY_BYTES is {most}",
            advice="No form of ours is that long.",
        )

    def refuse(self, status: HTTPStatus, *, rule: str, advice: str) -> None:
        """Answer at once, read nothing more, and close soon."""
        self.refused_already = True
        self._no_deadline()
        self.connections.refused.note(self.host, rule, advice)
        text = f"{status.value} {TEXT[status].decode()}: {rule}.\n".encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (status.value, TEXT[status], len(text), text)
        )
        self.setTimeout(None)
        # Closed at once, with bytes unread, the kernel's reset would overtake the answer.
        self.transport.pauseProducing()
        self.callLater(LINGER_S, self.transport.abortConnection)

    def _too_slow(self) -> None:
        self._deadline = None
        seconds = self.connections.bounds.request_s
        self.refuse(
            HTTPStatus.REQUEST_TIMEOUT,
            rule=f"its request had not arrived after VOIPNUMBER_HTTP_REQUEST_S, {seconds:g} s",
            advice="A browser sends it at once.",
        )

    def _no_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None


class BoundedFactory(HTTPFactory):  # type: ignore[misc]
    """Makes the channels, as long as there is room for one more."""

    protocol = BoundedChannel
    bounds: Bounds

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.connections = Connections(self.bounds)

    def buildProtocol(self, addr: Any) -> BoundedChannel | None:  # noqa: N802
        """Return the protocol of a new connection; None has it closed."""
        host = str(getattr(addr, "host", ""))
        if not self.connections.may_open(host):
            return None
        channel: BoundedChannel = super().buildProtocol(addr)
        channel.requestFactory = BoundedRequest
        channel.connections, channel.host = self.connections, host
        return channel


class BoundedWebSocket(WebSocketProtocol):  # type: ignore[misc]
    """A websocket that is counted among the connections."""

    maxMessagePayloadSize: int  # noqa: N815
    _counted = False

    def connectionMade(self) -> None:  # noqa: N802
        """Take the connection over from its HTTP channel."""
        peer = self.transport.getPeer()
        self._host = str(getattr(peer, "host", ""))
        self._counted = True
        self._connections.upgraded(self._host)
        super().connectionMade()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Count it no longer."""
        if self._counted:
            self._counted = False
            self._connections.closed(self._host, upgraded=True)
        super().connectionLost(reason)

    def sendMessage(self, payload: bytes, *args: Any, **options: Any) -> None:  # noqa: N802
        """Send what we wrote, however long: the bound is meant for what browsers send.

        To a page that is gone nothing: that it is gone is told by itself.
        """
        most, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            with contextlib.suppress(Disconnected):
                super().sendMessage(payload, *args, **options)
        finally:
            self.maxMessagePayloadSize = most

    @property
    def _connections(self) -> Connections:
        connections: Connections = self.factory.server_class.http_factory.connections
        return connections


class BoundedWebSocketFactory(WebSocketFactory):  # type: ignore[misc]
    """Makes the websockets; a browser only ever says that it has shown something."""

    protocol = BoundedWebSocket
    bounds: Bounds

    def setProtocolOptions(self, **options: Any) -> None:  # noqa: N802
        """Lower what daphne's own options allow."""
        most = self.bounds.websocket_message_bytes
        super().setProtocolOptions(
            **options | {"maxMessagePayloadSize": most, "maxFramePayloadSize": most}
        )


def install(bounds: Bounds, *, stopping: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Bound every server that this process runs from now on; `stopping` is done before it stops."""
    module: Any = daphne.server
    module.reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromFuture(asyncio.ensure_future(stopping()))
    )
    for name, factory in (
        ("HTTPFactory", BoundedFactory),
        ("WebSocketFactory", BoundedWebSocketFactory),
    ):
        if not hasattr(module, name):
            raise RuntimeError(f"this daphne has no {name}: its requests would be without bounds")
        setattr(module, name, type(factory.__name__, (factory,), {"bounds": bounds}))
