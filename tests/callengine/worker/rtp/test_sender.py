"""The numbers of what leaves."""

import itertools

import pytest

from callengine.worker.agent.pace import Pace
from callengine.worker.rtp.packets import RtpPacket, parse
from callengine.worker.rtp.sender import RtpSender


def sender(**changes: int) -> RtpSender:
    made = {"ssrc": 9, "payload_type": 0, "clock_hz": 8000, "sequence": 65535, "timestamp": 0}
    return RtpSender(**{**made, **changes})


def sent(stream: RtpSender, at: float, ticks: int = 160) -> RtpPacket:
    packet = parse(stream.packet(bytes(ticks), ticks, at))
    assert packet is not None
    return packet


def test_numbers_go_on_and_wrap_and_the_first_packet_begins_a_talkspurt() -> None:
    stream = sender(timestamp=(1 << 32) - 160)
    packets = [sent(stream, n * 0.02) for n in range(3)]
    assert [p.sequence for p in packets] == [65535, 0, 1]
    assert [p.timestamp for p in packets] == [(1 << 32) - 160, 0, 160]
    assert [p.marker for p in packets] == [True, False, False]
    assert (stream.packets, stream.octets) == (3, 480)


@pytest.mark.parametrize(
    ("silence_s", "ticks", "marker"),
    [(0.02, 160, False), (0.2, 160, False), (0.5, 4000, True), (60.0, 480_000, True)],
)
def test_after_a_pause_time_has_gone_on_and_a_talkspurt_begins(
    silence_s: float, ticks: int, *, marker: bool
) -> None:
    stream = sender()
    sent(stream, 10.0)
    packet = sent(stream, 10.0 + silence_s)
    assert (packet.timestamp, packet.marker) == (ticks, marker)
    assert packet.sequence == 0, "nothing was lost"


@pytest.mark.parametrize("gap_ms", range(20, 700, 7))
def test_whatever_a_pace_leaves_out_the_timestamp_follows_time(gap_ms: int) -> None:
    """A gap is made up for, frame by frame, or told: none is so long that it is neither."""
    stream, pace, now = sender(), Pace(0.02, 0.0), 0.0
    packets: list[RtpPacket] = []
    for turn in range(100):
        while pace.is_due(now):
            if missed_s := pace.step(now):
                stream.left_out(missed_s)
            packets.append(sent(stream, now))
        now = pace.due_at if turn != 50 else now + gap_ms / 1000
    behind_s = now - (packets[-1].timestamp + 160) / 8000
    assert abs(behind_s) < 0.03
    assert all(
        one.marker == (one.timestamp - before.timestamp > 160)
        for before, one in itertools.pairwise(packets)
    )


def test_what_was_left_out_of_a_pause_is_told_once() -> None:
    stream = sender()
    stream.left_out(1.0)
    assert sent(stream, 10.0).timestamp == 0, "before the first packet there is no gap"
    stream.left_out(1.0)
    packet = sent(stream, 13.0)
    assert (packet.timestamp, packet.marker) == (3 * 8000, True)


def test_a_sender_report_tells_the_time_of_the_stream_between_packets() -> None:
    stream = sender(clock_hz=48000)
    sent(stream, 5.0, ticks=960)
    sent(stream, 5.02, ticks=960)
    assert stream.timestamp_at(5.03) == 960 + 480
