"""RTCP of one leg: what is told of its streams, and what the peer tells. Pure, but for chance."""

import secrets

from callengine.worker.rtp import rtcp
from callengine.worker.rtp.sender import RtpSender
from callengine.worker.rtp.statistics import ReceptionStatistics

_RANDOM_BITS = 16


class Reports:
    """The reports of one session. `now` is monotonic; `unix_offset` makes Unix time of it."""

    def __init__(
        self,
        sender: RtpSender,
        statistics: ReceptionStatistics,
        cname: str,
        unix_offset: float,
    ) -> None:
        self._sender, self._statistics = sender, statistics
        self._cname = cname or f"{secrets.token_hex(12)}@call"
        "Random if not given (RFC 7022): nothing of this machine is told."
        self._unix_offset = unix_offset
        self._last_report = 0
        self._last_report_at = 0.0
        self._is_first = True
        self._packets_before = 0
        self.due_at = 0.0
        self.received = self.round_trips = self.round_trip_us = 0

    def schedule(self, now: float) -> None:
        """Set when the next report is due, at random about every 5 s (RFC 3550 section 6.2)."""
        chance = secrets.randbits(_RANDOM_BITS) / (1 << _RANDOM_BITS)
        self.due_at = now + rtcp.interval_s(chance, is_first=self._is_first)
        self._is_first = False

    def take(self, data: bytes, now: float) -> bool:
        """Take a datagram of the peer's; tell whether it was RTCP with a report in it."""
        reports = [part for part in rtcp.parse_compound(data) if isinstance(part, rtcp.Report)]
        for report in reports:
            if report.ntp is not None and report.ssrc == self._statistics.ssrc:
                self._last_report, self._last_report_at = rtcp.middle(report.ntp), now
            for block in report.blocks:
                if block.ssrc == self._sender.ssrc:
                    self._measure(block, now)
        self.received += bool(reports)
        return bool(reports)

    def compound(self, now: float, *, goodbye: bool = False) -> bytes:
        """Return what is to be told now."""
        sender, reception = self._sender, self._statistics.report()
        is_sending = sender.packets != self._packets_before
        self._packets_before = sender.packets
        return rtcp.build_report(
            sender.ssrc,
            self._cname,
            sent=self._sent(now) if is_sending else None,
            received=None
            if reception is None
            else rtcp.block_of(
                reception,
                last_report=self._last_report,
                delay_s=now - self._last_report_at,
            ),
            goodbye=goodbye,
        )

    def _sent(self, now: float) -> rtcp.Sent:
        sender = self._sender
        return rtcp.Sent(self._ntp(now), sender.timestamp_at(now), sender.packets, sender.octets)

    def _measure(self, block: rtcp.ReportBlock, now: float) -> None:
        seconds = rtcp.round_trip_s(block, self._ntp(now))
        if seconds is not None:
            self.round_trips += 1
            self.round_trip_us = int(seconds * 1_000_000)

    def _ntp(self, now: float) -> int:
        return rtcp.ntp_time(now + self._unix_offset)
