"""What RFC 3550 counts of a stream that arrives (appendices A.3 and A.8). Pure.

The counters run on when the peer begins another stream, so that a call has one sum.
"""

from dataclasses import dataclass

from callengine.worker.rtp.packets import TIMESTAMPS, signed

CLOCK_SET_S = 10.0
"A step of a timestamp against time beyond this is a clock that was set anew, and no jitter."


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """One moment's report on a stream (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    "Of the packets expected since the report before, in 1/256."
    lost: int
    "Of this stream; below zero if duplicates arrived."
    highest: int
    "The extended highest sequence number received."
    jitter: int
    "In ticks of the RTP clock."


@dataclass(slots=True)
class ReceptionStatistics:
    """Count one leg's packets."""

    clock_hz: int
    received: int = 0
    "Of all streams, and so `lost`."
    ssrc: int | None = None
    _base: int = 0
    _highest: int = 0
    _of_stream: int = 0
    _lost_before: int = 0
    _jitter: float = 0.0
    _transit: int | None = None
    _reported: tuple[int, int] = (0, 0)

    def begin(self, ssrc: int, extended: int) -> None:
        """Take that a stream begins, with this extended sequence number."""
        self._lost_before = self.lost
        self.ssrc = ssrc
        self._base, self._highest, self._of_stream = extended, extended - 1, 0
        self._jitter, self._transit, self._reported = 0.0, None, (0, 0)

    def take(self, extended: int, timestamp: int, now: float, *, is_timed: bool) -> None:
        """Count a packet. `is_timed`: its timestamp is when it was sent, as no event's is."""
        self.received += 1
        self._of_stream += 1
        if extended > self._highest:
            self._highest = extended
        if not is_timed:
            return
        transit = (int(now * self.clock_hz) - timestamp) % TIMESTAMPS
        if self._transit is not None:
            difference = abs(signed(transit - self._transit, TIMESTAMPS))
            if difference <= CLOCK_SET_S * self.clock_hz:
                self._jitter += (difference - self._jitter) / 16
        self._transit = transit

    @property
    def lost(self) -> int:
        """Packets that never came, in all streams of the leg."""
        return self._lost_before + max(0, self._expected - self._of_stream)

    @property
    def jitter_us(self) -> int:
        """The interarrival jitter, in microseconds."""
        return int(self._jitter * 1_000_000 / self.clock_hz)

    @property
    def _expected(self) -> int:
        return self._highest - self._base + 1 if self.ssrc is not None else 0

    def report(self) -> ReceptionReport | None:
        """Return what a report block says, since the one before; None if nothing has come."""
        if self.ssrc is None:
            return None
        expected, received = self._expected, self._of_stream
        new = expected - self._reported[0]
        gone = new - (received - self._reported[1])
        self._reported = (expected, received)
        return ReceptionReport(
            ssrc=self.ssrc,
            fraction_lost=min(255, gone * 256 // new) if new > 0 and gone > 0 else 0,
            lost=max(-(1 << 23), min((1 << 23) - 1, expected - received)),
            highest=self._highest % TIMESTAMPS,
            jitter=int(self._jitter),
        )
