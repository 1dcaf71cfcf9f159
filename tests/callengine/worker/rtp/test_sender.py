"""The numbers of what leaves."""

import pytest

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


def test_a_sender_report_tells_the_time_of_the_stream_between_packets() -> None:
    stream = sender(clock_hz=48000)
    sent(stream, 5.0, ticks=960)
    sent(stream, 5.02, ticks=960)
    assert stream.timestamp_at(5.03) == 960 + 480
