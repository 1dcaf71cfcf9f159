"""Once a second: what each leg's RTP and RTCP counters say about the last second."""

from dataclasses import dataclass
from typing import Any

import pjsua2 as pj

from callengine.core.quality import estimate_mos
from callengine.core.snapshot import QualitySnapshot


@dataclass(slots=True)
class LegStatistics:
    """Turn a leg's running counters into one second's quality."""

    received: int = 0
    lost: int = 0

    def sample(self, leg: Any, codec: str) -> QualitySnapshot | None:
        """Return the quality since the last sample, or None before any media."""
        try:
            rtcp = leg.statistics().rtcp
        except pj.Error:
            return None
        received, lost = rtcp.rxStat.pkt, rtcp.rxStat.loss
        new, gone = received - self.received, max(0, lost - self.lost)
        self.received, self.lost = received, lost
        if new < 0:  # a re-INVITE restarted the stream and its counters
            new, gone = received, lost
        loss_percent = 100.0 * gone / (new + gone) if new + gone else 0.0
        jitter_ms = rtcp.rxStat.jitterUsec.last / 1000.0
        round_trip_ms = rtcp.rttUsec.last / 1000.0 if rtcp.rttUsec.n else None
        return QualitySnapshot(
            mos=round(estimate_mos(codec, loss_percent, jitter_ms, round_trip_ms or 0.0), 2),
            loss_percent=round(loss_percent, 2),
            jitter_ms=round(jitter_ms, 2),
            round_trip_ms=None if round_trip_ms is None else round(round_trip_ms, 2),
            packets_received=received,
            packets_sent=rtcp.txStat.pkt,
        )
