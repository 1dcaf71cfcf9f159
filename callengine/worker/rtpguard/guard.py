"""One leg's guard: the filters on its two sockets follow what is known of its peer."""

import contextlib
import ipaddress
import logging
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from callengine.worker.rtpguard import sockets
from callengine.worker.rtpguard.programs import Instruction, MediaSource, Network, program
from callengine.worker.rtpguard.rules import LEARNING_LOOK_S, Seen, SourceRules
from callengine.worker.rtpguard.sending import Hold, Paused, Resumed, SendingRules
from callengine.worker.rtpguard.sockets import MediaSocket, SocketGoneError
from callengine.worker.rtpguard.streams import (
    PjmediaStream,
    RtpEnd,
    join_address,
    split_address,
)
from callengine.worker.rtpguard.tally import Tally

logger = logging.getLogger(__name__)

HEADER = "x-heard-from"
"The edge's word on where a message with a description came from; no peer can write it."
PEEKS = 10
"How often is looked for the address of whoever's packets are dropped, before a line is written."
_AUDIO_PORT = re.compile(r"^m=audio (\d{1,5})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Dropped:
    """RTP that was not let through."""

    packets: int
    "At least so many, since the call began."
    source: str
    "Where some of it came from, `HOST:PORT`; empty if that was not to be seen."


class RtpGuard:
    """Keep a leg's RTP and RTCP to its peer, and what is sent to whoever wants it.

    Everything happens on the call's own thread.
    """

    def __init__(
        self,
        leg: str,
        also_from: Iterable[str] = (),
        *,
        is_proven: bool = True,
        is_trunk: bool = False,
    ) -> None:
        """`also_from`, `is_proven` and `is_trunk` are as in `SendingRules`."""
        self._leg = leg
        also = _networks(also_from)
        self._rules = SourceRules(also=also)
        self._sending = SendingRules(is_proven=is_proven, is_trunk=is_trunk, also=also)
        self._sends = self._is_held = False
        self._has_ipv6 = False
        self._port = 0
        self._rtp: MediaSocket | None = None
        self._rtcp: MediaSocket | None = None
        self._stream: PjmediaStream | None = None
        self._borrower: RtpEnd | None = None
        "Whom the leg's sockets are lent to."
        self._attached: int | None = None
        "The revision of the rules that the filters follow; None if they do not."
        self._programs: dict[MediaSocket, tuple[Instruction, ...]] = {}
        "What each socket has: the kernel compiles what it is given, which costs much."
        self._tally = Tally()
        self._peeks = 0
        "How many looks are left for the address of others, whose datagrams arrive cut meanwhile."
        self._peek_at = 0.0
        self._seen: Seen | None = None
        self._stranger = ""
        self._source = ""

    @property
    def port(self) -> int:
        """Our RTP port of this leg; 0 before there is one."""
        return self._port

    @property
    def descriptor(self) -> int | None:
        """The descriptor of the leg's guarded RTP socket; None without."""
        return None if self._rtp is None else self._rtp.descriptor

    @property
    def lets_send(self) -> bool:
        """Whether anything is to be sent to the peer now."""
        return self._sends and not self._is_held

    @property
    def source(self) -> str:
        """Where the last packet came from that was let through, `HOST:PORT`; empty for none."""
        return self._source

    @property
    def arrived_at(self) -> float | None:
        """When the last packet came that was let through (monotonic); None: that is not known."""
        return None if self._rtp is None else self._rtp.arrived_at()

    @property
    def has_dropped(self) -> bool:
        """Whether enough RTP from elsewhere was dropped to speak of it."""
        return self._tally.reported > 0

    def shut(self, description: str) -> None:
        """Let nothing in on the sockets that our first description names, until a stream begins."""
        ports = (int(port) for port in _AUDIO_PORT.findall(description))
        port = next((port for port in ports if port), 0)
        if port in (0, self._port):
            return
        self._port = port
        self._rtp, self._rtcp = sockets.find(port, port + 1)
        if self._rtp is None:
            logger.warning("leg %s: no socket has port %d; its RTP is not guarded", self._leg, port)
        self._rules.shut()
        self._attached = None
        if self._has_ipv6:
            self._widen()
        self._follow()
        # pjmedia would take the first packet it finds for the peer's, and send everything there.
        for sock in (self._rtp, self._rtcp):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.drain()

    def take_ipv6(self) -> None:
        """Have the sockets, and those of later descriptions, take IPv6 too. Raises OSError.

        Not while a stream reads them, which knows its peer by another form of address.
        """
        if not self._has_ipv6:
            self._has_ipv6 = True
            self._widen()

    @property
    def has_ipv6(self) -> bool:
        """Whether the leg's sockets are open to IPv6 beside IPv4."""
        return self._has_ipv6

    def _widen(self) -> None:
        self._programs.clear()
        rtp, rtcp = program(self._rules.rtp()), program(self._rules.rtcp())
        self._rtp = self._rtp and self._rtp.widen(rtp)
        self._rtcp = self._rtcp and self._rtcp.widen(rtcp)

    def open(self, stream: PjmediaStream, *, remote: str, sends: bool) -> None:
        """Take a stream that begins, and the peer's `HOST:PORT`.

        `sends` tells whether anything of ours is to go there at all.
        """
        now = time.monotonic()
        self._stream = stream
        self._sends, self._is_held = sends, False
        host, port = split_address(remote)
        self._sending.described(host, now)
        self._hold_if_unwanted(now)
        self._rules.described(host, port, now)
        self._peeks = 0
        self._follow()
        if self._rtp is not None:
            with contextlib.suppress(OSError):
                self._tally.start(self._rtp.dropped(), now)

    def close_stream(self, stream: int) -> None:
        """Forget a stream that pjmedia is about to free."""
        if self._stream is not None and stream == self._stream.address:
            self._stream = None

    def lend(self, borrower: RtpEnd | None) -> None:
        """Look at whom the leg's sockets are lent to; None: pjmedia has them back."""
        self._borrower = borrower
        if borrower is not None:
            borrower.hold(self._unwanted(time.monotonic()))

    def heard_from(self, host: str) -> None:
        """Take the address that a description came from."""
        self._sending.heard_from(host)
        self._rules.heard_from(host, time.monotonic())
        self._follow()

    def acknowledged(self) -> None:
        """Take the ACK of our answer."""
        now = time.monotonic()
        self._sending.acknowledged(now)
        self._hold_if_unwanted(now)

    def news_of_sending(self) -> Paused | Resumed | None:
        """Return what a line of the timeline is due for."""
        if not self._stream or not self._sends:
            return None
        return self._sending.news(time.monotonic())

    def _hold_if_unwanted(self, now: float) -> None:
        why = self._unwanted(now)
        if self._stream is not None and (why is not None) is not self._is_held:
            self._is_held = why is not None
            self._stream.hold(why)
        if self._borrower is not None:
            self._borrower.hold(why)

    def _unwanted(self, now: float) -> Hold | None:
        """Return why nothing is to be sent, or None."""
        return self._sending.hold(now) if self._sends else None

    def next_look(self) -> float | None:
        """Return when `look` is due if once a second is too seldom now (monotonic, seconds)."""
        if not self._stream:
            return None
        return self._peek_at if self._peeks else self._rules.next_look()

    def look(self) -> None:
        """See what has arrived from where."""
        source = self._borrower or self._stream
        if self._stream is None or source is None:
            return
        seen = source.seen()
        if seen is None:
            return
        if self._peeks:
            self._peek(seen)
            return
        now = time.monotonic()
        if self._sending.waits:
            packets = source.packets()
            self._sending.look(packets=packets, rtp_from=seen.host, rtcp_from=seen.reports_from)
        self._hold_if_unwanted(now)
        self._rules.look(seen, now)
        if self._seen is None or seen.mark != self._seen.mark:
            self._source = _address(seen)
        self._seen = seen
        self._follow()

    def count(self, lost: int) -> None:
        """See once a second what was dropped; `lost` packets are missing in the stream so far."""
        if not self._stream or self._rtp is None or self._peeks:
            return
        try:
            self._tally.take(
                self._rtp.dropped(), lost=lost, now=time.monotonic(), others=sockets.other_errors
            )
        except OSError:
            return
        if self._tally.is_due:
            self._begin_peek()

    def report(self, *, last: bool = False) -> Dropped | None:
        """Return what a line of the timeline is due for; `last` also takes what came since."""
        if self._peeks and not last:
            return None
        if self._tally.is_due or (last and self._tally.elsewhere > self._tally.reported > 0):
            return Dropped(self._tally.report(), self._stranger)
        return None

    # Others' addresses: pjmedia keeps where the last datagram came from, and of one byte no more

    def _begin_peek(self) -> None:
        self._peeks = PEEKS
        self._peek_at = time.monotonic() + LEARNING_LOOK_S
        self._rtp = self._attach(self._rtp, self._rules.rtp(), show_others=True)
        if self._rtp is not None:
            self._rtp.stub()  # what it knows is of before

    def _peek(self, seen: Seen) -> None:
        self._peeks -= 1
        self._peek_at = time.monotonic() + LEARNING_LOOK_S
        before, self._seen = self._seen, seen
        stub = self._rtp.stub() if self._rtp is not None else None
        if stub is not None and self._rules.is_elsewhere(stub[0]):
            self._stranger, self._peeks = join_address(*stub), 0
        elif self._is_stranger(seen, before):
            self._stranger, self._peeks = _address(seen), 0
        if not self._peeks:
            self._attached = None
            self._follow()

    def _is_stranger(self, seen: Seen, before: Seen | None) -> bool:
        """Tell whether the last datagram came from somebody whose packets are dropped."""
        if before is None or (seen.host, seen.port) == (before.host, before.port):
            return False  # it may have come before
        if self._rules.roams and seen.mark != before.mark:
            return False  # it may be the peer, from another network
        return self._rules.is_elsewhere(seen.host)

    def _follow(self) -> None:
        """Swap the filters if other sources are let through than before."""
        if self._attached == self._rules.revision:
            return
        self._attached, self._peeks = self._rules.revision, 0
        self._rtp = self._attach(self._rtp, self._rules.rtp())
        self._rtcp = self._attach(self._rtcp, self._rules.rtcp())

    def _attach(
        self,
        sock: MediaSocket | None,
        sources: tuple[MediaSource, ...],
        *,
        show_others: bool = False,
    ) -> MediaSocket | None:
        """Return the socket, or None once it is gone or takes no filter."""
        if sock is None:
            return None
        wanted = program(sources, show_others=show_others)
        if self._programs.get(sock) == wanted:
            return sock
        try:
            sock.attach(wanted)
        except SocketGoneError:
            return None
        except OSError as error:
            logger.warning("leg %s: its RTP cannot be guarded: %s", self._leg, error)
            return None
        self._programs[sock] = wanted
        return sock


def _address(seen: Seen) -> str:
    return join_address(seen.host, seen.port)


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
