"""A websocket to an agent (RFC 6455), on a stream that is handed in. It never blocks nor waits.

Whoever owns it polls its descriptor, calls `readable` and `writable`, and takes what these return.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, ParamSpec

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from agents.dialects.interface import Handshake
from callengine.worker.agent.stream import CLOSED_BY_PEER, Stream, StreamError

READ_BYTES = 65_536
MAX_READS = 8
"In a row: the timer of the caller's audio is served in between."
MAX_EVENTS = 256
"In a row, likewise: what is read holds thousands of small messages."
PING_EVERY_S = 20.0
BREAKING_S = 1.0
CONGESTED_BYTES = 96 * 1024
"More than that waits to be sent: about two seconds of audio that the agent does not read."
MAX_UNSENT_BYTES = 4 * 1024 * 1024
MAX_BODY_BYTES = 4096
"Of the answer of a server that refuses the handshake."
ABNORMAL = 1006
"Closed without a closing frame (RFC 6455 section 7.1.5)."

P = ParamSpec("P")
_quiet = logging.getLogger(f"{__name__}.protocol")
_quiet.setLevel(logging.WARNING)  # at DEBUG it would write down what is sent, keys included


@dataclass(frozen=True, slots=True)
class SocketOpened:
    """Messages may be sent."""


class SocketMessage(NamedTuple):
    """A whole message; bytes if it is a binary one."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class SocketOver:
    """It is closed, or could not be opened."""

    code: int
    "Of the peer's closing frame; ABNORMAL without one."
    reason: str
    "The peer's own words."
    error: str = ""
    "What failed, a clause; empty if it was closed in good order."
    status: int = 0
    "The HTTP status if the peer refused the handshake."


SocketEvent = SocketOpened | SocketMessage | SocketOver


class AddressError(ValueError):
    """A URL that is no websocket's; the text says what is wrong."""


class WebSocket:
    """One websocket; times in seconds. After `SocketOver` it says nothing more."""

    def __init__(
        self, descriptor: int, handshake: Handshake, *, max_message_bytes: int, now: float
    ) -> None:
        """Take a connected TCP socket, which becomes its own. Raises AddressError, StreamError."""
        try:
            uri = parse_uri(handshake.url)
        except InvalidURI as error:
            os.close(descriptor)
            raise AddressError(error.msg) from None
        self._protocol = ClientProtocol(
            uri, max_size=max_message_bytes, extensions=None, logger=_quiet
        )
        self._is_secure = uri.secure
        self._stream = Stream(descriptor, tls_host=uri.host if uri.secure else "")
        self._events: list[SocketEvent] = []
        self._unsent = bytearray()
        self._message = bytearray()
        "As far as it came: one that comes in many frames is bounded as one in a single one is."
        self._is_text = True
        self._is_over = self._is_opened = False
        self._has_left = False
        "Whether reading stopped before all that had come was read."
        self._heard_at = now
        self._ping_at = now + PING_EVERY_S
        self._is_pinged = False
        "Whether a ping waits for a sign of life."
        self._broken = ""
        "How the peer broke the protocol, if it did."
        request = self._protocol.connect()
        for name, value in handshake.headers:
            request.headers[name] = value
        self._protocol.send_request(request)

    def fileno(self) -> int:
        """Return the descriptor, to wait on."""
        return self._stream.fileno()

    @property
    def is_over(self) -> bool:
        """Whether it is closed."""
        return self._is_over

    @property
    def wants_write(self) -> bool:
        """Whether to call `writable` once the descriptor is."""
        return bool(self._unsent) or self._stream.wants_write

    @property
    def has_more(self) -> bool:
        """Whether `readable` is due though the descriptor may not tell."""
        return self._has_left or (self._is_secure and self._stream.has_more)

    @property
    def is_congested(self) -> bool:
        """Whether the peer does not read as fast as it is sent to."""
        return len(self._unsent) > CONGESTED_BYTES

    def writable(self) -> list[SocketEvent]:
        """Begin, or go on, to send."""
        return self._told(self._flush)

    def readable(self, now: float) -> list[SocketEvent]:
        """Take what has arrived, no more than MAX_READS times READ_BYTES of it."""
        return self._told(self._read, now)

    def send(self, text: str) -> list[SocketEvent]:
        """Send a text message; nothing unless it is open."""
        if self._protocol.state is not State.OPEN:
            return []
        self._protocol.send_text(text.encode(errors="replace"))
        return self._told(self._flush)

    def close(self, code: int, reason: str) -> list[SocketEvent]:
        """Send a closing frame; `SocketOver` follows once the peer has answered it."""
        if self._protocol.state is not State.OPEN:
            return []
        self._protocol.send_close(code, reason.encode()[:120].decode(errors="ignore"))
        return self._told(self._flush)

    def abort(self) -> None:
        """Close the connection; nothing more is reported."""
        self._is_over = True
        self._unsent.clear()
        self._message.clear()
        self._stream.close()

    def next_step(self) -> float:
        """Return when `step` is due."""
        return self._ping_at

    def step(self, now: float, *, is_read: bool = True) -> list[SocketEvent]:
        """Ping a peer, and give up one that does not answer.

        `is_read` tells whether what it says is being read.
        """
        if now < self._ping_at:
            return []
        if self._broken:
            return self._told(self._lost, self._broken)
        self._ping_at = now + PING_EVERY_S
        if self._protocol.state is not State.OPEN:
            return []
        silence_s = now - self._heard_at
        if is_read and self._is_pinged and silence_s >= PING_EVERY_S:
            return self._told(self._lost, f"nothing came for {silence_s:.0f} s, no pong")
        self._protocol.send_ping(b"")
        self._is_pinged = True
        return self._told(self._flush)

    # Inside

    def _told(self, act: Callable[P, None], *args: P.args, **named: P.kwargs) -> list[SocketEvent]:
        """Return the events of an act."""
        if not self._is_over:
            try:
                act(*args, **named)
            except StreamError as error:
                self._lost(str(error))
        events, self._events = self._events, []
        return events

    def _read(self, now: float) -> None:
        protocol = self._protocol
        for count in range(1, MAX_READS + 1):
            data = self._stream.receive(READ_BYTES)
            if data is None:
                self._has_left = False
                break
            self._heard_at, self._is_pinged = now, False
            if data:
                protocol.receive_data(data)
            else:
                protocol.receive_eof()
            for event in protocol.events_received():
                self._event(event)
            if not self._is_over and not data:
                self._lost(self._broken or CLOSED_BY_PEER)
            if self._is_over or self._has_failed(now):
                return
            # A record of TLS is shorter whatever comes after it.
            self._has_left = self._is_secure or len(data) == READ_BYTES
            if not self._has_left or len(self._events) >= MAX_EVENTS or count == MAX_READS:
                break
        self._flush()

    def _event(self, event: object) -> None:
        if not isinstance(event, Frame):
            self._answered()
        elif event.opcode is Opcode.TEXT and event.fin:  # as nearly all are: a message
            self._events.append(SocketMessage(str(event.data, errors="replace")))
        elif event.opcode is Opcode.CLOSE:
            self._flush()
            closed = self._protocol.close_rcvd
            assert closed is not None
            self._end(SocketOver(int(closed.code), closed.reason))
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if event.opcode is not Opcode.CONT:
                self._is_text = event.opcode is Opcode.TEXT
            self._message += event.data
            if event.fin:
                data, self._message = bytes(self._message), bytearray()
                text = data.decode(errors="replace") if self._is_text else data
                self._events.append(SocketMessage(text))

    def _answered(self) -> None:
        """Take the answer to the opening handshake."""
        error = self._protocol.handshake_exc
        if error is None:
            self._is_opened = True
            self._events.append(SocketOpened())
        elif isinstance(error, InvalidStatus):
            response = error.response
            body = bytes(response.body or b"")[:MAX_BODY_BYTES].decode(errors="replace")
            if location := response.headers.get("Location", ""):
                body = f"it names another address, which is not followed: {location}"
            words = f"HTTP {response.status_code} {response.reason_phrase}".strip()
            self._end(SocketOver(ABNORMAL, body, words, response.status_code))

    def _has_failed(self, now: float) -> bool:
        """Tell whether the opening handshake has failed; note if the peer broke the protocol.

        It has been sent a closing frame then, and is given BREAKING_S to read that: to close at
        once, with something unread, would take it away again (RFC 1122 section 4.2.2.13).
        """
        protocol = self._protocol
        if protocol.parser_exc is None and self._is_opened:
            return False
        if protocol.parser_exc is not None and not self._broken:
            self._broken = str(protocol.parser_exc)
            self._ping_at = now + BREAKING_S
        if self._is_opened or protocol.handshake_exc is None:
            return False
        self._lost(f"it is no websocket: {protocol.handshake_exc}")
        return True

    def _lost(self, error: str) -> None:
        self._end(SocketOver(ABNORMAL, "", error))

    def _end(self, over: SocketOver) -> None:
        if not self._is_over:
            self.abort()
            self._events.append(over)

    def _flush(self) -> None:
        unsent = self._unsent
        for data in self._protocol.data_to_send():
            unsent += data  # b"" is the end of the stream, which closing it sends
        while unsent:
            count = self._stream.send(unsent)
            if not count:
                break
            del unsent[:count]
        if len(unsent) > MAX_UNSENT_BYTES:
            self._lost("the agent does not read what it is sent")
