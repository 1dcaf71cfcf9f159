"""RTCP: what we tell can be read, and what a stranger tells does no harm."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.worker.rtp import rtcp
from callengine.worker.rtp.reports import Reports
from callengine.worker.rtp.sender import RtpSender
from callengine.worker.rtp.statistics import ReceptionStatistics

WORD = st.integers(0, 0xFFFFFFFF)
BLOCKS = st.builds(
    rtcp.ReportBlock,
    WORD,
    st.integers(0, 255),
    st.integers(-(1 << 23), (1 << 23) - 1),
    WORD,
    WORD,
    WORD,
    WORD,
)
SENT = st.builds(rtcp.Sent, st.integers(0, (1 << 64) - 1), WORD, WORD, WORD)


@given(WORD, st.text(max_size=300), st.none() | SENT, st.none() | BLOCKS, st.booleans())
def test_a_report_is_read_as_it_was_written(
    ssrc: int,
    cname: str,
    sent: rtcp.Sent | None,
    received: rtcp.ReportBlock | None,
    goodbye: bool,
) -> None:
    data = rtcp.build_report(ssrc, cname, sent=sent, received=received, goodbye=goodbye)
    assert len(data) % 4 == 0
    report = rtcp.Report(ssrc, () if received is None else (received,), sent and sent.ntp)
    assert rtcp.parse_compound(data) == ((report, rtcp.Goodbye((ssrc,))) if goodbye else (report,))


@given(st.binary(max_size=120))
def test_no_bytes_do_any_harm(data: bytes) -> None:
    for datagram in (data, b"\x81\xc9" + data):
        packets = rtcp.parse_compound(datagram)
        assert all(isinstance(packet, rtcp.Report | rtcp.Goodbye) for packet in packets)
        assert len(packets) <= len(datagram) // 4


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xc9\x00\x01\0\0\0\x07",  # a block that is not there
        b"\x80\xc9\x00\x02\0\0\0\x07",  # longer than what there is
        b"\x80\xc8\x00\x01\0\0\0\x07",  # a sender report without the sender's part
        b"\x85\xcb\x00\x01\0\0\0\x07",  # five goodbyes that are not there
        b"\x00\xc9\x00\x01\0\0\0\x07",  # another version
        b"\xa0\xc9\x00\x01\0\0\0\x00",  # padding of nothing
        b"\x80\xc9\x00\x01\0\0\0\x07\x80",  # something left over
    ],
)
def test_a_malformed_packet_tells_nothing(data: bytes) -> None:
    assert rtcp.parse_compound(data) == ()


def test_other_packets_of_a_compound_are_passed_over() -> None:
    extended = struct.pack("!BBHI", 0x80, 207, 1, 7)
    report = rtcp.build_report(7, "x", sent=None, received=None)
    assert rtcp.parse_compound(extended + report) == (rtcp.Report(7),)


def end(ssrc: int, clock_offset: float) -> tuple[Reports, RtpSender, ReceptionStatistics]:
    sender = RtpSender(ssrc, 0, 8000, 1, 1)
    statistics = ReceptionStatistics(8000)
    return Reports(sender, statistics, "", clock_offset), sender, statistics


def test_two_ends_measure_the_round_trip_though_their_clocks_differ() -> None:
    ours, sender, _ = end(1, 1_700_000_000.0)
    theirs, _, their_statistics = end(2, 1_234.5)
    sender.packet(b"x", 160, 10.0)
    their_statistics.begin(1, 1)
    theirs.take(ours.compound(10.0), 10.1)
    assert ours.take(theirs.compound(13.1), 13.25)
    assert ours.round_trips == 1
    assert ours.round_trip_us == pytest.approx(250_000, abs=100)
    assert ours.received == 1


def test_a_report_on_somebody_elses_stream_measures_nothing() -> None:
    ours, _, _ = end(1, 0.0)
    block = rtcp.ReportBlock(99, 0, 0, 0, 0, 5, 5)
    assert ours.take(rtcp.build_report(2, "x", sent=None, received=block), 1.0)
    assert ours.round_trips == 0


@pytest.mark.parametrize(("last", "delay"), [(0, 0), (123, 0), (1, 0xFFFFFFFF)])
def test_a_round_trip_that_cannot_be_is_none(last: int, delay: int) -> None:
    block = rtcp.ReportBlock(1, 0, 0, 0, 0, last, delay)
    assert rtcp.round_trip_s(block, rtcp.ntp_time(1_700_000_000.0)) is None


def test_one_who_has_sent_nothing_writes_a_receiver_report() -> None:
    ours, sender, _ = end(1, 0.0)
    assert ours.compound(1.0)[1] == rtcp.RECEIVER_REPORT
    sender.packet(b"x", 160, 1.0)
    assert ours.compound(2.0)[1] == rtcp.SENDER_REPORT
    assert ours.compound(3.0)[1] == rtcp.RECEIVER_REPORT


def test_reports_are_about_five_seconds_apart_and_never_in_step() -> None:
    ours, _, _ = end(1, 0.0)
    ours.schedule(0.0)
    assert 1.0 < ours.due_at < 3.1
    waits = []
    for _ in range(200):
        ours.schedule(100.0)
        waits.append(ours.due_at - 100.0)
    assert 2.0 < min(waits) < 2.5 < 5.5 < max(waits) < 6.2


def test_the_name_we_go_by_tells_nothing_of_the_machine() -> None:
    first, second = (end(1, 0.0)[0].compound(1.0) for _ in range(2))
    assert first != second
    assert b"@call" in first
