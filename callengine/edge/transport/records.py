"""What lies between a TCP connection and TLS: small pieces, and a bound on records.

OpenSSL takes a peer's messages of TLS itself (KeyUpdate, RFC 8446 section 4.6.3; a renegotiation
that is refused) as fast as they come. Each costs what a record costs, nothing of them is ever seen
by whoever reads messages, and all that one read of the network brings is taken in one go.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

PIECE_BYTES = 16 * 1024
"What is given to TLS at once."
_AT_ONCE, _A_SECOND, _BYTES_A_RECORD = 256, 50, 128
"""Records that a connection may bring: so many at once, those of its handshake among them, more
with time, and one for so many bytes of messages. Who writes each line of them by itself has some
twenty a message."""
_HEADER_BYTES = 5
"Type, version, and the length of what follows (RFC 8446 section 5.1)."


class Plain(Protocol):
    """What comes of records."""

    heard_bytes: int
    "Of messages, so far."

    @property
    def is_paused(self) -> bool:
        """Whether it takes nothing now, so that records wait unread."""


class RecordMeter(asyncio.BufferedProtocol):
    """Hands what arrives to TLS, until it is too much for the messages that come of it."""

    def __init__(
        self, secured: asyncio.BufferedProtocol, plain: Plain, on_flood: Callable[[], None]
    ) -> None:
        """`on_flood` is to cut the connection off; it is called once."""
        self._secured = secured
        self._plain = plain
        self._on_flood = on_flood
        self._began_at = time.monotonic()
        self._view = memoryview(bytearray(PIECE_BYTES))
        self._records = 0
        self._header = bytearray()
        "What has come of the next record's."
        self._left = 0
        "Bytes of the present record that have not come."
        self._is_cut = False

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_cut:
            return
        piece = self._view[:nbytes]
        self._count(piece)
        memoryview(self._secured.get_buffer(nbytes))[:nbytes] = piece
        self._secured.buffer_updated(nbytes)
        if not self._plain.is_paused and self._records > self._allowed():
            self._is_cut = True
            self._on_flood()

    def _count(self, piece: memoryview) -> None:
        at = min(self._left, len(piece))
        self._left -= at
        while at < len(piece):
            header = piece[at : at + _HEADER_BYTES - len(self._header)]
            self._header += header
            at += len(header)
            if len(self._header) < _HEADER_BYTES:
                return
            self._records += 1
            length = int.from_bytes(self._header[-2:], "big")
            self._header.clear()
            self._left = max(0, at + length - len(piece))
            at += length

    def _allowed(self) -> float:
        for_time = (time.monotonic() - self._began_at) * _A_SECOND
        return _AT_ONCE + for_time + self._plain.heard_bytes / _BYTES_A_RECORD

    def eof_received(self) -> bool | None:
        return self._secured.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._secured.connection_lost(exc)

    def pause_writing(self) -> None:
        self._secured.pause_writing()

    def resume_writing(self) -> None:
        self._secured.resume_writing()
