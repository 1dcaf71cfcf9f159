"""A socket of pjmedia's is opened to both families under its number, shut to everybody at first."""

import errno
import socket
from collections.abc import Iterator

import pytest

from callengine.worker.rtpguard import sockets
from callengine.worker.rtpguard.programs import DROP_ALL, MediaSource, host_network, program

NEIGHBOURS = (MediaSource(host_network("::1")), MediaSource(host_network("127.0.0.1")))


@pytest.fixture
def narrow() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        sock.settimeout(1)
        yield sock


def test_it_takes_both_families_at_the_same_port_once_its_filter_lets_them(
    narrow: socket.socket,
) -> None:
    descriptor, port = narrow.fileno(), narrow.getsockname()[1]
    (found,) = sockets.find(port)
    assert found is not None
    wide = found.widen(program(DROP_ALL))
    assert wide.descriptor == descriptor
    assert wide.cookie != found.cookie
    with pytest.raises(sockets.SocketGoneError):
        found.attach(program(DROP_ALL))
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four,
        socket.socket(fileno=socket.dup(descriptor)) as ours,
    ):
        senders = {six: ("::1", port), four: ("127.0.0.1", port)}
        for sender, to in senders.items():
            sender.sendto(b"a stranger's", to)
        assert wide.dropped() == 2
        assert wide.widen(program(NEIGHBOURS)) == wide
        for sender, to in senders.items():
            sender.sendto(b"the peer's", to)
        heard = [ours.recvfrom(64) for _ in senders]
        assert [data for data, _ in heard] == [b"the peer's"] * 2
        assert {source[0] for _, source in heard} == {"::1", "::ffff:127.0.0.1"}


def test_nobody_else_gets_the_port(narrow: socket.socket) -> None:
    port = narrow.getsockname()[1]
    (found,) = sockets.find(port)
    assert found is not None
    found.widen(program(DROP_ALL))
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family, socket.SOCK_DGRAM) as another:
            another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use") as taken:
                another.bind((host, port))
            assert taken.value.errno == errno.EADDRINUSE
