"""SIP over a byte stream: whole messages and pings out of arbitrary pieces (RFC 3261 18.3)."""

import re
from dataclasses import dataclass

from callengine.edge.transport.lineends import CRLF_BLANK, blank_line, with_crlf

# Folded as it may be (RFC 3261 section 7.3.1); every blank can be matched in one way alone.
_CONTENT_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:(?:\r\n[ \t]|[ \t])*([0-9]{1,20})[ \t]*(?=\r\n)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Ping:
    """A double CRLF, to be answered by one CRLF (RFC 5626 section 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Framed:
    """One whole message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """The stream lost its framing and must be closed; `data` is what there is of the message."""

    data: bytes
    too_large: bool


Event = Ping | Framed | Broken


class StreamFramer:
    """Cuts one TCP connection's bytes into messages; after `Broken` it yields nothing more."""

    def __init__(self, max_message_bytes: int) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._total = 0
        "Bytes of the message whose header block is complete; 0 while it is not."
        self._blank = b""
        "What ends that header block; nothing while its first line is not whole."
        self._max = max_message_bytes
        self._broken = False

    def feed(self, data: bytes) -> None:
        """Take bytes from the connection."""
        if not self._broken:
            self._buffer += data

    @property
    def is_amid_message(self) -> bool:
        """Tell whether some of a message has come, once what is whole has been taken."""
        return bool(self._buffer[:4].strip(b"\r\n"))

    def next(self) -> Event | None:
        """Return what came whole next, if anything did.

        One at a time: a stranger's thousand empty lines must cost nothing before it may send them.
        """
        if self._broken:
            return None
        if ping := self._skip_crlf():
            return ping
        if not self._total:
            # Once a message: what arrives byte by byte must not be searched at each of them.
            blank = self._blank or self._first_line_says()
            end = self._buffer.find(blank, max(0, self._searched - 3))
            if end < 0:
                self._searched = len(self._buffer)
                return self._break(too_large=True) if len(self._buffer) > self._max else None
            body = end + len(blank)
            match = _CONTENT_LENGTH.search(with_crlf(bytes(self._buffer[:body])))
            # Over a stream every message must have one (RFC 3261 sections 18.3 and 20.14).
            if match is None and body <= self._max:
                return self._break(too_large=False)
            self._total = body + (int(match.group(1)) if match else 0)
        if self._total > self._max:
            return self._break(too_large=True)
        return self._take(self._total) if len(self._buffer) >= self._total else None

    def _take(self, total: int) -> Framed:
        message = bytes(self._buffer[:total])
        del self._buffer[:total]
        self._searched = self._total = 0
        self._blank = b""
        return Framed(with_crlf(message))

    def _first_line_says(self) -> bytes:
        """Return what ends the header block of the message that is next."""
        if (blank := blank_line(self._buffer, self._searched)) is None:
            return CRLF_BLANK
        self._blank = blank
        return blank

    def _skip_crlf(self) -> Ping | None:
        if self._buffer.startswith(CRLF_BLANK):
            self._skip(4)
            return Ping()
        # RFC 3261 section 7.5: a CRLF before the start line means nothing.
        if self._buffer.startswith(b"\r\n") and len(self._buffer) > 2 and self._buffer[2] != 13:
            self._skip(2)
        return None

    def _skip(self, size: int) -> None:
        del self._buffer[:size]
        self._searched, self._blank = 0, b""

    def _break(self, *, too_large: bool) -> Broken:
        self._broken = True
        data = bytes(self._buffer[: self._max])
        self._buffer.clear()
        return Broken(data, too_large)
