"""Who of a call's parties is silent, and since when. Pure: time is an argument, in seconds.

Looked at once a second, and at the moment a silence is due. A party that need not send (it is on
hold, only listens, or has not been answered yet) is never called silent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

NO_AUDIO_AFTER_S = 2.0
"Figures of audio are no measurement any more."
SILENT_AFTER_S = 5.0
"People are told."

REPORTS_WITHIN_S = 15.0
"Devices report about every 5 s (RFC 3550 section 6.2); one or two may be lost."

THE_ANSWER = "the answer"
EARLY_MEDIA = "its early media began"

Audio = Literal["arriving", "missing", "not-expected"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """What has arrived from a party by now."""

    packets: int
    "RTP packets since its stream began; a new stream begins at 0 again."
    reports: int
    "RTCP reports about what we send it."
    source: str = ""
    "Where the last packet came from, `HOST:PORT`."
    at: float | None = None
    "When the last packet came (monotonic); None: it is not known, only that it has by now."


@dataclass(frozen=True, slots=True)
class FellSilent:
    """A party is silent long enough to say so."""

    seconds: float
    silence: "Silence"


@dataclass(frozen=True, slots=True)
class CameBack:
    """Audio arrives again, or for the first time, from a party that was called silent."""

    seconds: float
    is_first: bool


Change = FellSilent | CameBack


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence under way. Times are Unix time."""

    since: float
    last_packet_at: float | None
    "None: nothing has arrived at all."
    source: str
    "Where the last packet came from."
    reports: bool
    "Whether its device is there all the same: it still sends RTCP."
    began: str = THE_ANSWER
    "Since when it was to send, in words that follow `since`."


@dataclass(slots=True)
class PartyAudio:
    """What arrives from one party of a call."""

    audio: Audio = "not-expected"
    silence: Silence | None = None
    _before: Arrived = Arrived(0, 0)
    _expected_at: float | None = None
    _began: str = THE_ANSWER
    _looked_at: float | None = None
    _packet_at: float | None = None
    "When the last packet arrived, or was seen to have."
    _packet_before: float | None = None
    "The same, before the packets that have just come."
    _report_at: float | None = None
    _packet_time: float | None = None
    "`_packet_at` as Unix time."
    _source: str = ""

    def take(self, arrived: Arrived, *, expected: str, now: float, unix: float) -> Change | None:
        """Take what has arrived by `now` (monotonic); return what is to be told.

        `expected` says since when it is to send, THE_ANSWER or EARLY_MEDIA; empty: it need not.
        """
        came = self._note(arrived, now, unix)
        self._looked_at = now
        if not expected:
            self.rest()
            self.audio = "arriving" if came else "not-expected"
            return None
        if self._expected_at is None:
            self._expected_at, self._began = now, expected
        if came:
            return self._came_back(now)
        return self._stay_silent(now, unix)

    def rest(self) -> None:
        """Expect nothing: the party has no audio stream now."""
        self._expected_at = self.silence = None
        self.audio = "not-expected"

    def _note(self, arrived: Arrived, now: float, unix: float) -> bool:
        """Compare with the look before; return whether packets came."""
        before, self._before = self._before, arrived
        if arrived.reports > before.reports:
            self._report_at = now
        if arrived.packets == before.packets or not arrived.packets:
            return False
        packet_at = self._between_looks(arrived.at, now)
        self._packet_before, self._packet_at = self._packet_at, packet_at
        self._packet_time = unix - (now - packet_at)
        self._source = arrived.source or self._source
        return True

    def _between_looks(self, at: float | None, now: float) -> float:
        """Return when the last packet came: what is counted only now, since the last look."""
        if at is None:
            return now
        return min(now, at if self._looked_at is None else max(at, self._looked_at))

    def due(self, now: float) -> float | None:
        """Return when after `now` to look again should nothing come; None: each second will do."""
        if self._expected_at is None:
            return None
        since = self._since(self._expected_at)
        moments = (since + NO_AUDIO_AFTER_S, since + SILENT_AFTER_S)
        return min((moment for moment in moments if moment > now), default=None)

    def _since(self, expected_at: float) -> float:
        return max(expected_at, self._packet_at or expected_at)

    def _came_back(self, now: float) -> Change | None:
        was, self.silence, self.audio = self.silence, None, "arriving"
        if was is None:
            return None
        assert self._expected_at is not None
        since = max(self._expected_at, self._packet_before or self._expected_at)
        return CameBack(now - since, is_first=was.last_packet_at is None)

    def _stay_silent(self, now: float, unix: float) -> Change | None:
        assert self._expected_at is not None
        since = self._since(self._expected_at)
        if now < since + NO_AUDIO_AFTER_S:
            return None
        self.audio = "missing"
        if now < since + SILENT_AFTER_S:
            return None
        seconds = now - since
        reports = self._report_at is not None and self._report_at > now - REPORTS_WITHIN_S
        first = self.silence is None
        self.silence = Silence(
            since=unix - seconds if self.silence is None else self.silence.since,
            last_packet_at=self._packet_time,
            source=self._source,
            reports=reports,
            began=self._began,
        )
        return FellSilent(seconds, self.silence) if first else None

    def gone_for(self, now: float) -> float | None:
        """Return for how long neither RTP nor RTCP has arrived; None if none is expected."""
        if self._expected_at is None:
            return None
        times = (self._expected_at, self._packet_at, self._report_at)
        return now - max(time for time in times if time is not None)


def all_gone(parties: Sequence[PartyAudio], *, timeout_s: float, now: float) -> bool:
    """Tell whether nothing has come from any of the parties for `timeout_s`; 0 means never."""
    if not timeout_s or not parties:
        return False
    gone = [party.gone_for(now) for party in parties]
    return all(seconds is not None and seconds >= timeout_s for seconds in gone)
