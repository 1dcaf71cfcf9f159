"""One leg's guard: the filters on its two sockets follow what is known of its peer."""

import ipaddress
import logging
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

from callengine.worker.rtpguard import sockets, streams
from callengine.worker.rtpguard.programs import DROP_ALL, Network, Source, program
from callengine.worker.rtpguard.rules import SourceRules
from callengine.worker.rtpguard.sockets import MediaSocket, SocketGoneError

logger = logging.getLogger(__name__)

HEADER = "x-heard-from"
"The edge's word on where a message with a description came from; no peer can write it."
_AUDIO_PORT = re.compile(r"^m=audio (\d{1,5})", re.MULTILINE)


class RtpGuard:
    """Keep a leg's RTP and RTCP to its peer. Everything happens on the call's own thread."""

    def __init__(self, leg: str, also_from: Iterable[str] = ()) -> None:
        self._leg = leg
        self._rules = SourceRules(also=_networks(also_from))
        self._port = 0
        self._rtp: MediaSocket | None = None
        self._rtcp: MediaSocket | None = None
        self._stream = 0
        self._index = 0
        self._attached: tuple[tuple[Source, ...], tuple[Source, ...]] | None = None

    def shut(self, description: str) -> None:
        """Let nothing in on the sockets that our first description names, until a stream begins."""
        ports = (int(port) for port in _AUDIO_PORT.findall(description))
        port = next((port for port in ports if port), 0)
        if port in (0, self._port):
            return
        self._port = port
        self._rtp, self._rtcp = sockets.find(port), sockets.find(port + 1)
        if self._rtp is None:
            logger.warning("leg %s: no socket has port %d; its RTP is not guarded", self._leg, port)
        self._rules.shut()
        self._attached = None
        self._follow()

    def open(self, *, stream: int, index: int, remote: str) -> None:
        """Take a stream that begins: its pjmedia_stream, media line and the peer's `HOST:PORT`."""
        self._stream, self._index = stream, index
        self._rules.described(*streams.split_address(remote), time.monotonic())
        self._follow()

    def close_stream(self, stream: int) -> None:
        """Forget a stream that pjmedia is about to free."""
        if stream == self._stream:
            self._stream = 0

    def heard_from(self, host: str) -> None:
        """Take the address that a description came from."""
        self._rules.heard_from(host, time.monotonic())
        self._follow()

    def next_look(self) -> float | None:
        """Return when `look` is due if once a second is too seldom now (monotonic, seconds)."""
        return self._rules.next_look() if self._stream else None

    def look(self, call: Any) -> None:
        """See what has arrived from where; `call` is the pjsua2 call of this leg."""
        if not self._stream:
            return
        seen = streams.seen(call, self._index, self._stream)
        if seen is not None:
            self._rules.look(seen, time.monotonic())
            self._follow()

    def _follow(self) -> None:
        """Swap the filters if other sources are let through than before."""
        wanted = (self._rules.rtp(), self._rules.rtcp())
        if wanted == self._attached:
            return
        self._attached = wanted
        self._rtp = self._attach(self._rtp, wanted[0])
        self._rtcp = self._attach(self._rtcp, wanted[1])

    def _attach(
        self, sock: MediaSocket | None, sources: Sequence[Source] = DROP_ALL
    ) -> MediaSocket | None:
        """Return the socket, or None once it is gone or takes no filter."""
        if sock is None:
            return None
        try:
            sock.attach(program(sources))
        except SocketGoneError:
            return None
        except OSError as error:
            logger.warning("leg %s: its RTP cannot be guarded: %s", self._leg, error)
            return None
        return sock


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
