"""The figures of a stream, from an object of pjsua2's as it gives them: filled, then let go."""

from dataclasses import fields

import pjsua2 as pj

from callengine.worker.legs.party import Counters
from callengine.worker.native import streamfacts


class Stat(pj.StreamStat):  # type: ignore[misc]
    """One whose memory somebody else has at once, as an allocator may give it."""

    def __del__(self) -> None:
        self.rtcp.rxStat.pkt = self.rtcp.rxStat.loss = self.rtcp.txStat.pkt = 0


class Call:
    """What is asked of a call."""

    def getStreamStat(self, index: int) -> Stat:  # noqa: N802
        stat = Stat()
        received, sent, round_trip = stat.rtcp.rxStat, stat.rtcp.txStat, stat.rtcp.rttUsec
        received.pkt, received.loss, received.jitterUsec.last = 50 + index, 3, 400
        sent.pkt, sent.updateCount = 48, 2
        round_trip.n, round_trip.last = 1, 7000
        return stat


def test_what_pjsua2_tells_is_read_while_its_object_is_there() -> None:
    """It was let go first: the figures were those of whatever the memory was given to next."""
    assert Counters(**streamfacts.told(Call(), 1)) == Counters(
        received=51,
        lost=3,
        jitter_us=400,
        sent=48,
        reports=2,
        round_trips=1,
        round_trip_us=7000,
    )


def test_every_counter_of_a_party_is_read() -> None:
    """One that has a default would be forgotten without a word."""
    names = {field.name for field in fields(Counters)}
    assert names - {*streamfacts.figures(Call(), 0, None)} == {"arrived_at"}
