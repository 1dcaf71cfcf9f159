"""One leg's RTP and RTCP on two UDP sockets: read, put in order, counted, written.

Nothing here waits: whoever polls the sockets says when they can be read, and ticks every 20 ms or
so. `now` is monotonic, in seconds. All of it belongs to one thread, but for `counters` and `seen`,
which any thread may ask.
"""

import ipaddress
import secrets
import socket
import time
from collections.abc import Iterator

from callengine.core.standins import plain
from callengine.worker.legs.party import Counters
from callengine.worker.rtp import rtcp, tapped
from callengine.worker.rtp.heard import Heard, StreamFormat
from callengine.worker.rtp.packets import MAX_PACKET_BYTES, parse
from callengine.worker.rtp.receiver import RtpReceiver
from callengine.worker.rtp.reports import Reports
from callengine.worker.rtp.sender import RtpSender
from callengine.worker.rtpguard.rules import Seen

Address = tuple[str, int]

MAX_AT_ONCE = 128
"So many datagrams are read before others get their turn; the socket keeps the rest."
MAX_PORT = 65535
FOLLOWED_AFTER = 2
"Packets in a row from elsewhere after which what is sent goes there (symmetric RTP, RFC 4961)."


class RtpSession:
    """One leg's media. Strangers are kept out by the filters on its sockets, not here."""

    def __init__(
        self,
        rtp: int,
        rtcp_socket: int | None,
        stream: StreamFormat,
        *,
        remote: Address | None,
        now: float,
        cname: str = "",
    ) -> None:
        """Take the descriptors as its own: `close` closes them.

        `remote` is the peer's numeric host and its port; None or port 0: nothing is sent until it
        is heard. Raises ValueError for a host that is a name.
        """
        first = None if remote is None else _numeric(remote)
        self.rtp = _taken(rtp)
        self.rtcp = _taken(rtcp_socket) if rtcp_socket is not None else None
        self.stream = stream
        self.is_held = False
        "While it is true nothing is sent, neither RTP nor RTCP."
        self.follows_source = True
        self.first_sent_at: float | None = None
        self.send_errors = self.malformed = 0
        self._receiver = RtpReceiver(stream)
        self._sender = RtpSender(
            ssrc=secrets.randbits(32),
            payload_type=stream.payload_type if stream.sent_as is None else stream.sent_as,
            clock_hz=stream.clock_hz,
            sequence=secrets.randbits(16),
            timestamp=secrets.randbits(32),
        )
        self._frame_ticks = stream.clock_hz * stream.frame_ms // 1000
        self._reports = Reports(self._sender, self._receiver.statistics, cname, time.time() - now)
        self._reports.schedule(now)
        self._remote = self._remote_reports = first
        if first is not None and first[1] < MAX_PORT:
            self._remote_reports = (first[0], first[1] + 1)
        self._source: Address = ("", 0)
        self._reporter = ""
        self._packets = 0
        self._arrived_at: float | None = None
        self._ssrc: int | None = None
        self._elsewhere: tuple[Address, int] = (("", 0), 0)

    # Where to

    @property
    def remote(self) -> Address | None:
        """Where RTP goes; None: nowhere."""
        return self._remote

    @remote.setter
    def remote(self, address: Address | None) -> None:
        self._remote = None if address is None else _numeric(address)

    @property
    def remote_reports(self) -> Address | None:
        """Where RTCP goes: the port after RTP's, or where the peer's comes from."""
        return self._remote_reports

    @remote_reports.setter
    def remote_reports(self, address: Address | None) -> None:
        self._remote_reports = None if address is None else _numeric(address)

    # What arrives

    def receive(self, now: float) -> list[Heard]:
        """Read what has arrived; return what is heard."""
        heard: list[Heard] = []
        for data, source in _datagrams(self.rtp):
            self._source = source
            packet = parse(data)
            if packet is None:
                self._no_rtp(data, now)
                continue
            self._packets += 1
            self._arrived_at = now
            self._ssrc = packet.ssrc
            if source != self._remote:
                self._follow(source)
            heard += self._receiver.take(packet, now)
        return heard

    def _no_rtp(self, data: bytes, now: float) -> None:
        """Take a datagram that is RTCP, on the port of RTP (RFC 5761), or nothing at all."""
        if len(data) > 1 and data[1] in rtcp.PACKET_TYPES:
            self._reports.take(data, now)
        else:
            self.malformed += 1

    def receive_reports(self, now: float) -> None:
        """Read the RTCP that has arrived."""
        if self.rtcp is None:
            return
        for data, source in _datagrams(self.rtcp):
            self._reporter = source[0]
            if self._reports.take(data, now) and self.follows_source:
                self._remote_reports = source

    def tick(self, now: float) -> list[Heard]:
        """Give up packets that were waited for long enough; send RTCP if it is due."""
        if now >= self._reports.due_at:
            self._reports.schedule(now)
            self._report(self._reports.compound(now))
        return self._receiver.tick(now)

    def _follow(self, source: Address) -> None:
        address, count = self._elsewhere
        self._elsewhere = (source, count + 1 if source == address else 1)
        if self.follows_source and (self._remote is None or self._elsewhere[1] >= FOLLOWED_AFTER):
            self._remote = source
            self._elsewhere = (("", 0), 0)

    # What is sent

    def send(self, payload: bytes, now: float) -> None:
        """Send a packet that lasts `stream.frame_ms`, unless the leg is held or nobody is known.

        After a pause the timestamp has gone on, and the packet has the marker of a talkspurt.
        """
        if self.is_held or self._remote is None:
            return
        packet = self._sender.packet(payload, self._frame_ticks, now)
        try:
            self.rtp.sendto(packet, self._remote)
            tapped.show(self.rtp, tapped.OUT, packet, self._remote)
        except OSError:
            self.send_errors += 1
            return
        if self.first_sent_at is None:
            self.first_sent_at = now

    def left_out(self, seconds: float) -> None:
        """Take that so much of what was to be sent was not, and will not be."""
        self._sender.left_out(seconds)

    def _report(self, compound: bytes) -> None:
        if self.is_held or self.rtcp is None or self._remote_reports is None:
            return
        try:
            self.rtcp.sendto(compound, self._remote_reports)
            tapped.show(self.rtcp, tapped.OUT, compound, self._remote_reports)
        except OSError:
            self.send_errors += 1

    def close(self, now: float, *, goodbye: bool = True) -> None:
        """Say goodbye (RTCP BYE) and close both sockets; a second call does nothing.

        Without `goodbye` the peer is told nothing: somebody else goes on with it.
        """
        if self.rtp.fileno() < 0:
            return
        if goodbye:
            self._report(self._reports.compound(now, goodbye=True))
        self.rtp.close()
        if self.rtcp is not None:
            self.rtcp.close()

    # What is told

    def counters(self) -> Counters:
        """Return the counters of a leg, as its statistics want them."""
        statistics, reports = self._receiver.statistics, self._reports
        return Counters(
            received=statistics.received,
            lost=statistics.lost,
            jitter_us=statistics.jitter_us,
            sent=self._sender.packets,
            reports=reports.received,
            round_trips=reports.round_trips,
            round_trip_us=reports.round_trip_us,
            arrived_at=self._arrived_at,
        )

    def seen(self) -> Seen:
        """Return what the leg's guard wants to know of what has arrived."""
        host, port = self._source
        return Seen(plain(host), port, self._ssrc, self._packets, plain(self._reporter))

    @property
    def unused(self) -> dict[str, int]:
        """How many packets were not heard, by why."""
        receiver = self._receiver
        return {
            "late": receiver.late,
            "duplicate": receiver.duplicates,
            "other payload type": receiver.odd,
            "malformed": self.malformed,
        }


def _taken(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock


def _numeric(address: Address) -> Address | None:
    """Return an address that no name service is asked about; None for nobody's (RFC 3264, 8.4)."""
    host, port = address
    if not 0 <= port <= MAX_PORT:
        raise ValueError(f"port {port} is none: 0 to {MAX_PORT}")
    return None if not port or ipaddress.ip_address(host).is_unspecified else address


def _datagrams(sock: socket.socket) -> Iterator[tuple[bytes, Address]]:
    for _ in range(MAX_AT_ONCE):
        try:
            data, source = sock.recvfrom(MAX_PACKET_BYTES)
        except OSError:  # nothing left, or an ICMP error of what was sent before
            return
        tapped.show(sock, tapped.IN, data, source[:2])
        yield data, source[:2]
