"""SIP over a byte stream: whole messages and pings out of arbitrary pieces (RFC 3261 18.3)."""

import re
from dataclasses import dataclass

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
            end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
            if end < 0:
                self._searched = len(self._buffer)
                return self._break(too_large=True) if len(self._buffer) > self._max else None
            match = _CONTENT_LENGTH.search(bytes(self._buffer[: end + 2]))
            # Over a stream every message must have one (RFC 3261 sections 18.3 and 20.14).
            if match is None and end + 4 <= self._max:
                return self._break(too_large=False)
            self._total = end + 4 + (int(match.group(1)) if match else 0)
        if self._total > self._max:
            return self._break(too_large=True)
        return self._take(self._total) if len(self._buffer) >= self._total else None

    def _take(self, total: int) -> Framed:
        message = bytes(self._buffer[:total])
        del self._buffer[:total]
        self._searched = self._total = 0
        return Framed(message)

    def _skip_crlf(self) -> Ping | None:
        if self._buffer.startswith(b"\r\n\r\n"):
            del self._buffer[:4]
            return Ping()
        # RFC 3261 section 7.5: a CRLF before the start line means nothing.
        if self._buffer.startswith(b"\r\n") and len(self._buffer) > 2 and self._buffer[2] != 13:
            del self._buffer[:2]
        return None

    def _break(self, *, too_large: bool) -> Broken:
        self._broken = True
        data = bytes(self._buffer[: self._max])
        self._buffer.clear()
        return Broken(data, too_large)
