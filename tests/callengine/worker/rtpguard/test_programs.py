"""Filter programs, attached to real sockets: what arrives and what does not."""

import ipaddress
import itertools
import socket
import struct
from collections.abc import Iterator, Sequence

import pytest

from callengine.worker.rtpguard import sockets
from callengine.worker.rtpguard.programs import (
    DROP_ALL,
    MAX_INSTRUCTIONS,
    MediaSource,
    host_network,
    program,
)

PEER, STRANGER = "127.0.0.2", "127.0.0.3"
SSRC = 0xDEADBEEF
_numbers = itertools.count(1)


def rtp(ssrc: int = SSRC, *, version: int = 2, size: int = 172) -> bytes:
    """Return an RTP packet of its own kind: its sequence number tells it from all others."""
    header = struct.pack("!BBHII", version << 6, 0, next(_numbers), 160, ssrc)
    return (header + bytes(200))[:size]


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)


class Ears:
    """A socket with a filter, and senders at several addresses."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.family = family
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]
        self.senders: dict[str, socket.socket] = {}
        [found] = sockets.find(self.port)
        assert found is not None
        self.found = found

    def sender(self, host: str) -> socket.socket:
        if host not in self.senders:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.senders[host] = socket.socket(family, socket.SOCK_DGRAM)
            self.senders[host].bind((host, 0))
        return self.senders[host]

    def port_of(self, host: str) -> int:
        port: int = self.sender(host).getsockname()[1]
        return port

    def let(self, *sources: MediaSource, show_others: bool = False) -> None:
        self.found.attach(program(sources, show_others=show_others))

    def hears(self, host: str, data: bytes) -> bytes | None:
        """Send from there; loopback delivers before `sendto` returns."""
        to = "::1" if ":" in host else "127.0.0.1"
        self.sender(host).sendto(data, (to, self.port))
        try:
            return self.sock.recv(2048)
        except BlockingIOError:
            return None

    def close(self) -> None:
        for sock in (self.sock, *self.senders.values()):
            sock.close()


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["v4", "dual-stack"])
def ears(request: pytest.FixtureRequest) -> Iterator[Ears]:
    opened = Ears(request.param)
    yield opened
    opened.close()


@pytest.fixture
def both() -> Iterator[Ears]:
    opened = Ears(socket.AF_INET6)
    yield opened
    opened.close()


def test_nothing_passes_a_closed_filter(ears: Ears) -> None:
    ears.let(*DROP_ALL)
    assert [ears.hears(host, rtp()) for host in (PEER, STRANGER)] == [None, None]


def test_a_host_passes_from_any_port_with_whatever_it_sends(ears: Ears) -> None:
    ears.let(MediaSource(network(PEER)))
    for data in (rtp(), rtp(1, version=0), b"", b"\r\n", b"x" * 1400):
        assert ears.hears(PEER, data) == data
        assert ears.hears(STRANGER, data) is None


def test_a_port_must_match_too(ears: Ears) -> None:
    ears.let(MediaSource(network(PEER), ears.port_of(PEER)))
    data = rtp()
    assert ears.hears(PEER, data) == data
    ears.senders.pop(PEER).close()
    ears.let(MediaSource(network(PEER), ears.port_of(PEER) ^ 1))
    assert ears.hears(PEER, data) is None


@pytest.mark.parametrize(
    ("data", "passes"),
    [
        (rtp(), True),
        (rtp(size=20), True),
        (rtp(SSRC ^ 1), False),
        (rtp(version=1), False),
        (rtp(version=3), False),
        (rtp(size=11), False),
        (rtp(size=1), False),
        (b"", False),
    ],
    ids=["stream", "short", "other-ssrc", "version-1", "version-3", "cut", "one-byte", "empty"],
)
def test_a_stream_passes_by_its_ssrc_from_anywhere(ears: Ears, data: bytes, passes: bool) -> None:
    ears.let(MediaSource(ssrc=SSRC))
    for host in (PEER, STRANGER):
        assert ears.hears(host, data) == (data if passes else None)


def test_a_stream_of_one_host(ears: Ears) -> None:
    ears.let(MediaSource(network(PEER), ssrc=SSRC))
    data = rtp()
    assert ears.hears(PEER, data) == data
    assert ears.hears(STRANGER, data) is None
    assert ears.hears(PEER, rtp(7)) is None


def test_what_is_too_short_for_one_source_still_passes_by_the_next(ears: Ears) -> None:
    ears.let(MediaSource(ssrc=SSRC), MediaSource(network(PEER)))
    assert ears.hears(PEER, b"\0") == b"\0"
    assert ears.hears(STRANGER, b"\0") is None


@pytest.mark.parametrize(
    ("block", "peer", "stranger"),
    [
        ("127.0.0.2/31", True, True),
        ("127.0.0.0/30", True, True),
        ("127.0.0.2/32", True, False),
        ("127.0.0.3/32", False, True),
        ("0.0.0.0/0", True, True),
        ("128.0.0.0/1", False, False),
    ],
)
def test_blocks_of_addresses(ears: Ears, block: str, peer: bool, stranger: bool) -> None:
    ears.let(MediaSource(network(block)))
    assert (ears.hears(PEER, b"1") is not None) is peer
    assert (ears.hears(STRANGER, b"2") is not None) is stranger


@pytest.mark.parametrize(
    ("block", "six", "four"),
    [
        ("::1", True, False),
        ("::/127", True, False),
        ("::/0", True, False),
        ("::2", False, False),
        ("2001:db8::/32", False, False),
        ("127.0.0.2", False, True),
        ("0.0.0.0/0", False, True),
    ],
)
def test_ipv6_and_ipv4_on_one_socket(both: Ears, block: str, six: bool, four: bool) -> None:
    both.let(MediaSource(network(block)))
    assert (both.hears("::1", b"6") is not None) is six
    assert (both.hears(PEER, b"4") is not None) is four


def test_an_ipv6_stream_by_host_port_and_ssrc(both: Ears) -> None:
    both.let(MediaSource(network("::1"), both.port_of("::1"), SSRC))
    data = rtp()
    assert both.hears("::1", data) == data
    assert both.hears("::1", rtp(1)) is None
    both.let(MediaSource(network("::1"), both.port_of("::1") ^ 1, SSRC))
    assert both.hears("::1", data) is None


def test_others_show_themselves_by_one_byte(ears: Ears) -> None:
    ears.let(MediaSource(network(PEER)), show_others=True)
    data = rtp()
    assert ears.hears(PEER, data) == data
    assert ears.hears(STRANGER, data) == data[:1]
    assert ears.hears(STRANGER, b"") == b""


def test_many_networks_fit_and_too_many_are_refused(ears: Ears) -> None:
    many = [MediaSource(network(f"2001:db8:{n:x}::/128"), 5000, SSRC) for n in range(150)]
    ears.let(*many, MediaSource(network(PEER)))
    assert ears.hears(PEER, b"x") == b"x"
    assert ears.hears(STRANGER, b"x") is None
    with pytest.raises(ValueError, match="too long"):
        program(tuple(many * (MAX_INSTRUCTIONS // 1000)))


def test_what_was_dropped_is_counted(ears: Ears) -> None:
    ears.let(MediaSource(network(PEER)))
    before = ears.found.dropped()
    for _ in range(7):
        assert ears.hears(STRANGER, rtp()) is None
    assert ears.hears(PEER, rtp())
    assert ears.found.dropped() - before == 7


def test_a_full_queue_is_counted_apart(ears: Ears) -> None:
    ears.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before, errors = ears.found.dropped(), sockets.other_errors()
    for _ in range(50):
        ears.sender(PEER).sendto(rtp(), ("127.0.0.1", ears.port))
    dropped = ears.found.dropped() - before
    assert 0 < dropped <= sockets.other_errors() - errors


def test_a_closed_descriptor_or_another_socket_on_it_is_left_alone() -> None:
    ears = Ears()
    number = ears.found.descriptor
    ears.sock.close()
    with pytest.raises(sockets.SocketGoneError):
        ears.found.attach(program(DROP_ALL))
    others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    assert number in [sock.fileno() for sock in others]
    with pytest.raises(sockets.SocketGoneError):
        ears.found.attach(program(DROP_ALL))
    with pytest.raises(sockets.SocketGoneError):
        ears.found.dropped()
    for sock in others:
        sock.getsockname()  # nothing closed it
        sock.close()
    assert sockets.find(ears.port) == [None]


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("[2001:db8::1]", "2001:db8::1/128"),
        ("fe80::1%eth0", "fe80::1/128"),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
        ("phone.example", None),
        ("", None),
    ],
)
def test_hosts_as_networks(host: str, found: str | None) -> None:
    assert host_network(host) == (network(found) if found else None)


def test_the_sources_of_programs_are_compared_as_values() -> None:
    sources: Sequence[MediaSource] = [
        MediaSource(network(PEER), 5, 6),
        MediaSource(network(PEER), 5, 6),
    ]
    assert len(set(sources)) == 1
