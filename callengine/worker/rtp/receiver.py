"""A stream of RTP put in order: what arrives becomes what is heard. Pure: `now` is in seconds.

What comes in order is heard at once. Where a packet is missing, those after it wait for it, for
REORDER_S at most; then it counts as lost, and comes too late if it still comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from callengine.worker.rtp.events import TelephoneEvents
from callengine.worker.rtp.heard import Gap, Heard, Key, Pause, Sound, StreamFormat
from callengine.worker.rtp.packets import SEQUENCES, TIMESTAMPS, RtpPacket, signed
from callengine.worker.rtp.statistics import CLOCK_SET_S, ReceptionStatistics

REORDER_S = 0.06
"How long packets wait for one that was sent before them."
MAX_WAITING = 16
"So many may wait, however fast they came."
MAX_DROPOUT = 3000
MAX_MISORDER = 100
"Further forward, or back, a number is no gap but another stream (RFC 3550 appendix A.1)."


@dataclass(slots=True)
class _Waiting:
    packet: RtpPacket
    arrived_at: float


class RtpReceiver:
    """One leg's arrivals."""

    def __init__(self, stream: StreamFormat) -> None:
        self._stream = stream
        self.statistics = ReceptionStatistics(stream.clock_hz)
        self.late = self.duplicates = self.odd = 0
        "Packets that were not used, as too late, there already, or of no payload type agreed on."
        self._events = TelephoneEvents()
        self._next: int | None = None
        "The extended sequence number that is due."
        self._expected: int | None = None
        "The timestamp that follows on the last audio."
        self._lost: list[int] = []
        "Numbers lately taken for lost: one of these is late, any other of the past a duplicate."
        self._waiting: dict[int, _Waiting] = {}
        self._candidate: RtpPacket | None = None
        "What may begin another stream, if another packet follows it."

    def take(self, packet: RtpPacket, now: float) -> list[Heard]:
        """Take a packet that arrived; return what can be heard by now."""
        due = self._next
        if (
            due is None
            or self._waiting
            or packet.sequence != due % SEQUENCES
            or packet.ssrc != self.statistics.ssrc
        ):
            return self._take_any(packet, now)
        # As nearly all do: in its turn.
        self._candidate, self._next = None, due + 1
        self._count(due, packet, now)
        return self._hear(packet)

    def _take_any(self, packet: RtpPacket, now: float) -> list[Heard]:
        if self._next is None:
            self._begin(packet)
        elif not self._belongs(packet):
            return self._elsewhere(packet, now)
        self._candidate = None
        assert self._next is not None
        extended = self._next + signed(packet.sequence - self._next, SEQUENCES)
        if extended in self._waiting:
            self.duplicates += 1
            return []
        if extended < self._next:
            self._past(extended, packet, now)
            return []
        self._count(extended, packet, now)
        if extended == self._next and not self._waiting:
            self._next += 1
            return self._hear(packet)
        self._waiting[extended] = _Waiting(packet, now)
        return list(self._in_order(now))

    def tick(self, now: float) -> list[Heard]:
        """Give up what has been waited for long enough."""
        return list(self._in_order(now)) if self._waiting else []

    # Which stream

    def _belongs(self, packet: RtpPacket) -> bool:
        if packet.ssrc != self.statistics.ssrc:
            return False
        assert self._next is not None
        return -MAX_MISORDER <= signed(packet.sequence - self._next, SEQUENCES) <= MAX_DROPOUT

    def _elsewhere(self, packet: RtpPacket, now: float) -> list[Heard]:
        """Follow another stream, or far numbers, once two packets of it came one after the other.

        One alone may be anything; nothing of the first is lost if it was none.
        """
        first, self._candidate = self._candidate, packet
        if (
            first is None
            or first.ssrc != packet.ssrc
            or (first.sequence + 1) % SEQUENCES != packet.sequence
        ):
            return []
        heard = self._rest()
        self._begin(first)
        return [*heard, *self.take(first, now), *self.take(packet, now)]

    def _rest(self) -> list[Heard]:
        """Return what still waits of a stream that is over."""
        waiting = [self._waiting[number].packet for number in sorted(self._waiting)]
        self._waiting.clear()
        return [item for packet in waiting for item in self._hear(packet)]

    def _begin(self, packet: RtpPacket) -> None:
        self._next = packet.sequence
        self._expected = None
        self._lost.clear()
        self._events.restart()
        self.statistics.begin(packet.ssrc, packet.sequence)

    # Order

    def _past(self, extended: int, packet: RtpPacket, now: float) -> None:
        if extended not in self._lost:
            self.duplicates += 1
            return
        self._lost.remove(extended)
        self.late += 1
        # It did come: what nobody heard all the same is our patience's, not the network's loss.
        self._count(extended, packet, now)

    def _count(self, extended: int, packet: RtpPacket, now: float) -> None:
        is_timed = packet.payload_type not in self._stream.events
        self.statistics.take(extended, packet.timestamp, now, is_timed=is_timed)

    def _in_order(self, now: float) -> Iterator[Heard]:
        """Yield what is next for as long as it is there, or has been waited for too long."""
        while self._waiting:
            assert self._next is not None
            here = self._waiting.pop(self._next, None)
            if here is None and not self._is_over(now):
                return
            if here is None:
                following = min(self._waiting)
                missing = range(max(self._next, following - MAX_MISORDER), following)
                self._lost = [*self._lost, *missing][-MAX_MISORDER:]
                here = self._waiting.pop(following)
                yield from self._missing(here.packet)
                self._next = following
            self._next += 1
            yield from self._hear(here.packet)

    def _is_over(self, now: float) -> bool:
        oldest = min(waiting.arrived_at for waiting in self._waiting.values())
        return len(self._waiting) > MAX_WAITING or now - oldest >= REORDER_S

    # What is heard

    def _missing(self, following: RtpPacket) -> Iterator[Gap]:
        """Yield the gap before a packet: as long as the timestamps say."""
        if self._expected is None or following.payload_type in self._stream.events:
            return
        ticks = signed(following.timestamp - self._expected, TIMESTAMPS)
        if 0 < ticks <= CLOCK_SET_S * self._stream.clock_hz:
            self._expected = following.timestamp
            is_sound = following.payload_type == self._stream.payload_type
            yield Gap(ticks, following.payload if is_sound else b"")

    def _hear(self, packet: RtpPacket) -> list[Heard]:
        stream = self._stream
        if packet.payload_type != stream.payload_type:
            return self._hear_other(packet)
        ticks = stream.ticks_of(packet.payload)
        if ticks <= 0:
            self.odd += 1
            return []
        timestamp = packet.timestamp
        skipped = 0 if timestamp == self._expected else self._skipped(packet)
        self._expected = (timestamp + ticks) % TIMESTAMPS
        return [Sound(packet.payload, ticks, skipped)]

    def _hear_other(self, packet: RtpPacket) -> list[Heard]:
        if packet.payload_type in self._stream.events:
            digit = self._events.take(packet.payload, packet.timestamp)
            return [Pause(), Key(digit)] if digit else [Pause()]
        if packet.payload_type in self._stream.comfort_noise:
            return [Pause()]
        self.odd += 1
        return []

    def _skipped(self, packet: RtpPacket) -> int | None:
        """Return how long the peer sent nothing before this packet, by its own clock."""
        if self._expected is None:
            return None
        ticks = signed(packet.timestamp - self._expected, TIMESTAMPS)
        return ticks if 0 <= ticks <= CLOCK_SET_S * self._stream.clock_hz else None
