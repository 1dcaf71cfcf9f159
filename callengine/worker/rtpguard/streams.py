"""What pjmedia has received on a leg's stream, and from where: read from its own structures."""

import logging
import sys
import weakref
from typing import Any, Protocol

import pjsua2 as pj

from callengine.core.standins import plain
from callengine.worker.native import layout, relay, streamfacts
from callengine.worker.native.libraries import ffi
from callengine.worker.rtpguard.rules import Seen
from callengine.worker.rtpguard.sending import Hold

logger = logging.getLogger(__name__)

_SEQUENCE = slice(12, 32)
_PROBATION = slice(28, 32)
_PEER_SSRC = slice(44, 48)
_RECEIVED = slice(48, 52)
"""Places in pjmedia_rtp_session (2.15.1): seq_ctrl, in it probation, peer_ssrc and received. What
counts as received is in sequence; seq_ctrl notes a number that is not, too."""


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, an IPv6 host in brackets; an empty host for none.

    A host of IPv4, as a socket for both families tells of it, is one of IPv4.
    """
    host, _, port = text.rpartition(":")
    return plain(host.strip("[]")), int(port) if port.isdigit() else 0


def join_address(host: str, port: int) -> str:
    """Return `HOST:PORT`, an IPv6 host in brackets; empty for no host."""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if host else ""


class RtpEnd(Protocol):
    """Whoever reads and writes a leg's RTP."""

    def seen(self) -> Seen | None:
        """Return what has been received; None if nothing can be."""

    def packets(self) -> int:
        """Return how many RTP packets have been received."""

    def hold(self, why: Hold | None) -> None:
        """Send no RTP of any kind, for this reason, or send again."""


class PjmediaStream:
    """A stream of pjmedia's as an `RtpEnd`."""

    def __init__(self, call: Any, index: int, stream: int) -> None:
        """`stream` is the address of the pjmedia_stream on media line `index` of a pjsua2 call."""
        # Not to keep it: pjsua2 gives a slot back as the call's object goes, which must be at once.
        self._call, self._index, self.address = weakref.proxy(call), index, stream
        self._sources = b""
        self._named = "", ""
        "What pjsua2 calls these: where the last RTP and RTCP came from."

    def seen(self) -> Seen | None:
        """Return what it has received; None if pjsua2 has no such stream (any more)."""
        try:
            source, reporter = self._where_from()
            arrived = _session(self.address)
            if arrived is None:
                arrived = None, streamfacts.told(self._call, self._index)["received"]
        except pj.Error:
            return None
        return Seen(*split_address(source), *arrived, split_address(reporter)[0])

    def _where_from(self) -> tuple[str, str]:
        """Return `HOST:PORT` of the last RTP and RTCP; raises pjsua2.Error."""
        before = streamfacts.sources(self._call.getId(), self._index)
        if before and before == self._sources:
            return self._named
        transport = self._call.getMedTransportInfo(self._index)
        self._named = transport.srcRtpName, transport.srcRtcpName
        # Another datagram may have come in between, whose name that is then.
        after = streamfacts.sources(self._call.getId(), self._index)
        self._sources = after if after == before else b""
        return self._named

    def packets(self) -> int:
        """Return how many RTP packets it has received."""
        try:
            return streamfacts.told(self._call, self._index)["received"]
        except pj.Error:
            return 0

    def hold(self, why: Hold | None) -> None:
        """Have it send nothing, or send again."""
        if why is not None:
            relay.cut(self.address)
        api = layout.verified_pjmedia()
        if api is not None:
            pointer = ffi.cast("pjmedia_stream *", self.address)
            lever = api.pjmedia_stream_resume if why is None else api.pjmedia_stream_pause
            lever(pointer, pj.PJMEDIA_DIR_ENCODING)


def _session(stream: int) -> tuple[int | None, int] | None:
    """Return the SSRC and a mark that each packet changes; None on a build that is not known."""
    sessions = layout.rtp_sessions(stream)
    if sessions is None:
        return None
    session = ffi.buffer(ffi.cast("uint8_t *", sessions.rx_rtp), _RECEIVED.stop)
    facts = bytes(session)
    if any(facts[_RECEIVED]) and any(facts[_PROBATION]):
        # pjmedia waits for two packets in a row (RFC 3550 section A.1): where every
        # other one is lost, never. Whose packets they may be is known here.
        session[_PROBATION] = bytes(4)
    ssrc = int.from_bytes(facts[_PEER_SSRC], sys.byteorder)
    return ssrc, int.from_bytes(facts[_SEQUENCE] + facts[_RECEIVED], sys.byteorder)
