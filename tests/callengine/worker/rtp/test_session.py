"""A leg's sockets, against another's on loopback."""

import select
import socket
from collections.abc import Iterator

import pytest

from callengine.worker.rtp import rtcp
from callengine.worker.rtp.heard import Heard, Key, Sound, StreamFormat
from callengine.worker.rtp.packets import RtpPacket, build, parse
from callengine.worker.rtp.session import RtpSession

STREAM = StreamFormat(0, 8000, len, events={101: 8000})


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)
    return sock


class Phone:
    """The other end: plain sockets."""

    def __init__(self) -> None:
        self.rtp, self.rtcp = bound(), bound()
        self.ssrc = 0x1234

    def send(self, number: int, payload: bytes = b"\x7f" * 160, **changes: int) -> RtpPacket:
        values = {"payload_type": 0, "sequence": number, "timestamp": number * 160}
        packet = RtpPacket(**{**values, "ssrc": self.ssrc, **changes}, payload=payload)
        self.rtp.sendto(build(packet), self.at)
        return packet

    def hear(self) -> RtpPacket:
        packet = parse(self.rtp.recv(2000))
        assert packet is not None
        return packet

    def meet(self, session: RtpSession) -> None:
        assert session.rtcp is not None
        self.at, self.reports_at = session.rtp.getsockname(), session.rtcp.getsockname()


@pytest.fixture
def phone() -> Iterator[Phone]:
    made = Phone()
    yield made
    made.rtp.close()
    made.rtcp.close()


@pytest.fixture
def session(phone: Phone) -> Iterator[RtpSession]:
    made = RtpSession(
        bound().detach(), bound().detach(), STREAM, remote=phone.rtp.getsockname(), now=0.0
    )
    made.remote_reports = phone.rtcp.getsockname()
    phone.meet(made)
    yield made
    made.close(99.0)


def received(session: RtpSession, now: float = 0.5) -> list[Heard]:
    assert select.select([session.rtp], [], [], 5)[0]
    return session.receive(now)


def told(session: RtpSession, phone: Phone, now: float) -> rtcp.Report:
    session.tick(now)
    report = rtcp.parse_compound(phone.rtcp.recv(2000))[0]
    assert isinstance(report, rtcp.Report)
    return report


def test_what_a_phone_sends_is_heard_and_what_is_sent_it_hears(
    session: RtpSession, phone: Phone
) -> None:
    payload = bytes(range(256))[:160]
    phone.send(1, payload)
    assert received(session) == [Sound(payload, 160, None)]
    session.send(b"\x55" * 160, 1.0)
    packet = phone.hear()
    assert (packet.payload, packet.payload_type, packet.marker) == (b"\x55" * 160, 0, True)
    session.send(b"\x56" * 160, 1.02)
    following = phone.hear()
    assert (following.sequence - packet.sequence) % 65536 == 1
    assert (following.timestamp - packet.timestamp) % (1 << 32) == 160
    assert session.first_sent_at == 1.0


def test_a_leg_on_hold_sends_nothing(session: RtpSession, phone: Phone) -> None:
    session.is_held = True
    session.send(b"held", 1.0)
    session.tick(50.0)
    session.is_held = False
    session.send(b"sent", 2.0)
    assert phone.hear().payload == b"sent"
    phone.rtcp.setblocking(False)
    with pytest.raises(BlockingIOError):
        phone.rtcp.recv(100)


def test_what_is_sent_goes_where_the_peer_sends_from(session: RtpSession, phone: Phone) -> None:
    """Behind an address translator the description names another port than they come from."""
    with bound() as moved:
        kept, phone.rtp = phone.rtp, moved
        phone.send(1)
        received(session)
        assert session.remote == kept.getsockname(), "one packet may be anybody's"
        phone.send(2)
        received(session)
        session.send(b"here", 1.0)
        assert phone.hear().payload == b"here"
        session.follows_source = False
        phone.rtp = kept
        for number in (3, 4, 5):
            phone.send(number)
            received(session)
        assert session.remote == moved.getsockname()


@pytest.mark.parametrize("remote", [None, ("0.0.0.0", 4000), ("127.0.0.1", 0)])
def test_where_nobody_is_named_the_first_packet_tells(
    session: RtpSession, phone: Phone, remote: tuple[str, int] | None
) -> None:
    session.remote = remote
    session.send(b"to nobody", 0.5)
    phone.send(1)
    received(session)
    session.send(b"to the phone", 1.0)
    assert phone.hear().payload == b"to the phone"


@pytest.mark.parametrize("remote", [("example.org", 4000), ("127.0.0.1", 70_000)])
def test_a_name_or_a_wrong_port_is_refused(session: RtpSession, remote: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match=r"example|70000"):
        session.remote = remote


def test_what_is_no_packet_is_counted_and_does_no_harm(session: RtpSession, phone: Phone) -> None:
    for nonsense in (b"", b"\x80", b"GET / HTTP/1.0\r\n\r\n", b"\x80" * 11):
        phone.rtp.sendto(nonsense, phone.at)
    phone.send(1)
    heard: list[Heard] = []
    while not heard:
        heard += received(session)
    assert heard == [Sound(b"\x7f" * 160, 160, None)]
    assert session.unused["malformed"] == 4


def test_a_key_is_heard_beside_the_audio(session: RtpSession, phone: Phone) -> None:
    phone.send(1)
    phone.send(2, b"\x03\x0a\x00\xa0", payload_type=101)
    heard: list[Heard] = []
    while len(heard) < 3:
        heard += received(session)
    assert heard[2] == Key("3")


def test_the_guard_is_told_where_from_what_and_how_much(session: RtpSession, phone: Phone) -> None:
    before = session.seen()
    assert (before.host, before.port, before.ssrc, before.reports_from) == ("", 0, None, "")
    phone.send(1)
    received(session)
    seen = session.seen()
    assert (seen.host, seen.port) == phone.rtp.getsockname()
    assert seen.ssrc == phone.ssrc
    assert seen.mark != before.mark
    with bound() as stranger:  # the guard lets one byte of others through when it looks for them
        stranger.sendto(b"\x80", phone.at)
        received(session)
        looked = session.seen()
        assert (looked.host, looked.port) == stranger.getsockname()
        assert looked.mark == seen.mark
        assert session.remote == phone.rtp.getsockname()


def test_counters_and_reports_tell_loss_both_ways(session: RtpSession, phone: Phone) -> None:
    for number in (1, 2, 4, 5):
        phone.send(number)
        received(session)
    session.tick(0.6)
    session.send(bytes(160), 3.0)
    report = told(session, phone, 20.0)
    assert report.ntp is not None
    (block,) = report.blocks
    assert (block.ssrc, block.lost, block.highest) == (phone.ssrc, 1, 5)
    counters = session.counters()
    assert (counters.received, counters.lost, counters.sent) == (4, 1, 1)


def test_a_round_trip_is_measured_and_reports_come_from_where_they_are_sent_to(
    session: RtpSession, phone: Phone
) -> None:
    session.send(bytes(160), 3.0)
    report = told(session, phone, 20.0)
    assert report.ntp is not None
    ours = phone.hear().ssrc
    block = rtcp.ReportBlock(ours, 0, 0, 0, 0, rtcp.middle(report.ntp), 65536)
    answer = rtcp.build_report(phone.ssrc, "phone", sent=None, received=block)
    with bound() as elsewhere:
        elsewhere.sendto(answer, phone.reports_at)
        assert session.rtcp is not None
        select.select([session.rtcp], [], [], 5)
        session.receive_reports(21.25)
        assert session.remote_reports == elsewhere.getsockname()
    counters = session.counters()
    assert (counters.reports, counters.round_trips) == (1, 1)
    assert counters.round_trip_us == pytest.approx(250_000, abs=1000)
    assert session.seen().reports_from == "127.0.0.1"


def test_reports_on_the_port_of_rtp_are_reports(session: RtpSession, phone: Phone) -> None:
    phone.rtp.sendto(rtcp.build_report(1, "x", sent=None, received=None), phone.at)
    assert received(session) == []
    assert session.counters().reports == 1
    assert session.unused["malformed"] == 0


def test_the_end_is_told_and_the_sockets_are_closed(session: RtpSession, phone: Phone) -> None:
    session.close(5.0)
    parts = rtcp.parse_compound(phone.rtcp.recv(2000))
    assert isinstance(parts[-1], rtcp.Goodbye)
    session.close(6.0)
    assert session.rtp.fileno() < 0


def test_one_who_hands_the_leg_on_says_no_goodbye(session: RtpSession, phone: Phone) -> None:
    session.close(5.0, goodbye=False)
    phone.rtcp.setblocking(False)
    with pytest.raises(BlockingIOError):
        phone.rtcp.recv(100)


def test_a_burst_is_read_in_turns(session: RtpSession, phone: Phone) -> None:
    for number in range(200):
        phone.send(number)
    first = received(session)
    assert len(first) == 128
    assert len(received(session)) == 72
