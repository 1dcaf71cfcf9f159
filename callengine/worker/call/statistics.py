"""Once a second: what each leg's RTP and RTCP counters say about the last second."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from callengine.core.packetrate import PacketRate
from callengine.core.quality import estimate_mos
from callengine.core.silence import Arrived, Change, PartyAudio, Silence
from callengine.core.snapshot import QualitySnapshot, SilenceSnapshot
from callengine.worker.legs.party import Counters, Party
from callengine.worker.rtpguard.guard import RtpGuard

ROUND_TRIP_HOLDS_S = 15.0
"Reports come about every 5 s (RFC 3550 section 6.2); a round trip none renews is no measurement."


@dataclass(slots=True)
class LegStatistics:
    """Turn a leg's running counters into one second's quality, and note who is silent."""

    received: int = 0
    lost: int = 0
    party: PartyAudio = field(default_factory=PartyAudio)
    change: Change | None = None
    "What the last sample brought that is to be told."
    is_too_short: bool = False
    "Whether the last sample brought that its packets are too short to be heard; told once."
    _told: QualitySnapshot | None = None
    "The last sample, until it was taken back."
    _rate: PacketRate = field(default_factory=PacketRate)
    _round_trips: int = 0
    _round_trip_at: float = float("-inf")

    def sample(
        self, leg: Party, codec: str, expected: str, now: float, *, is_timely: bool = True
    ) -> QualitySnapshot | None:
        """Return the quality since the last sample; None if it tells of nothing new.

        `expected` and `now` are as in `PartyAudio.take`. One that is not timely, taken because a
        silence is due, leaves to the next second a party that is heard.
        """
        self.change, self.is_too_short = None, False
        counters, guard = leg.counters(), leg.guard
        if counters is None or (not is_timely and counters.received != self.received):
            return None
        least_ms = leg.media.least_ms if leg.media else 0
        self.is_too_short = self._rate.take(counters.received, now=now, least_ms=least_ms)
        source = guard.source if guard else ""
        arrived = Arrived(counters.received, counters.reports, source, counters.arrived_at)
        self.change = self.party.take(arrived, expected=expected, now=now, unix=time.time())
        new, gone = self._since_before(counters)
        if not new and expected and self.party.audio != "missing":
            return None  # a second's pause is not yet silence; the figures of before hold
        quality = QualitySnapshot(
            audio=self.party.audio,
            mos=None,
            loss_percent=None,
            jitter_ms=None,
            round_trip_ms=self._round_trip_ms(counters, now),
            packets_received=self.received,
            packets_sent=counters.sent,
            packets_due=new + gone,
            silence=_silence(self.party.silence, guard),
        )
        if new:
            _measure(quality, codec, 100.0 * gone / (new + gone), counters.jitter_us)
        self._told = quality
        return quality

    def rest(self) -> QualitySnapshot | None:
        """Expect nothing: there is no audio stream now.

        Return what takes the last sample back, once: its figures, and its silence, hold no more.
        """
        self.change, self.is_too_short = None, False
        self.party.rest()
        told, self._told = self._told, None
        if told is None or (told["mos"] is None and told["silence"] is None):
            return None
        nothing: QualitySnapshot = {
            **told,
            "audio": self.party.audio,
            "mos": None,
            "loss_percent": None,
            "jitter_ms": None,
            "round_trip_ms": None,
            "packets_due": 0,
            "silence": None,
        }
        return nothing

    def _since_before(self, counters: Counters) -> tuple[int, int]:
        """Return how many packets came and how many were lost since the last sample."""
        new, gone = counters.received - self.received, max(0, counters.lost - self.lost)
        self.received, self.lost = counters.received, counters.lost
        # Below zero a re-INVITE restarted the stream and its counters.
        return (new, gone) if new >= 0 else (self.received, self.lost)

    def _round_trip_ms(self, counters: Counters, now: float) -> float | None:
        if counters.round_trips != self._round_trips:
            self._round_trips, self._round_trip_at = counters.round_trips, now
        if not counters.round_trips or now - self._round_trip_at > ROUND_TRIP_HOLDS_S:
            return None
        return round(counters.round_trip_us / 1000.0, 2)


def _measure(quality: QualitySnapshot, codec: str, loss_percent: float, jitter_us: int) -> None:
    jitter_ms = jitter_us / 1000.0
    mos = estimate_mos(codec, loss_percent, jitter_ms, quality["round_trip_ms"])
    quality["mos"] = round(mos, 2)
    quality["loss_percent"] = round(loss_percent, 2)
    quality["jitter_ms"] = round(jitter_ms, 2)


def _silence(silence: Silence | None, guard: RtpGuard | None) -> SilenceSnapshot | None:
    if silence is None:
        return None
    last = silence.last_packet_at
    return {
        "since": _iso(silence.since),
        "last_packet": None if last is None else _iso(last),
        "source": silence.source,
        "began": silence.began,
        "reports": silence.reports,
        "port": guard.port if guard else 0,
        "dropped": guard is not None and guard.has_dropped,
    }


def _iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
