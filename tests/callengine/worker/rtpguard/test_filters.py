"""A guard's filters on real sockets: swapped when others may be heard, and then alone."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from callengine.worker.rtpguard.guard import RtpGuard
from callengine.worker.rtpguard.programs import Instruction
from callengine.worker.rtpguard.sockets import MediaSocket
from callengine.worker.rtpguard.streams import PjmediaStream
from tests.peers.ports import free_port_range

PEER, OTHER = "127.0.0.2", "127.0.0.3"


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The descriptors that were given a filter, each time."""
    descriptors: list[int] = []
    attach = MediaSocket.attach

    def noted(sock: MediaSocket, instructions: tuple[Instruction, ...]) -> None:
        attach(sock, instructions)
        descriptors.append(sock.descriptor)

    monkeypatch.setattr(MediaSocket, "attach", noted)
    return descriptors


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Sockets as pjmedia opens them for a leg."""
    port, _ = free_port_range(2)
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as rtp,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as rtcp,
    ):
        rtp.bind(("0.0.0.0", port))
        rtcp.bind(("0.0.0.0", port + 1))
        rtp.settimeout(0.2)
        yield rtp, rtcp


def hears(sock: socket.socket, host: str) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.bind((host, 0))
        sender.sendto(b"words", ("127.0.0.1", sock.getsockname()[1]))
    try:
        return sock.recv(100) == b"words"
    except TimeoutError:
        return False


def test_a_filter_that_is_there_is_not_put_there_again(
    pair: tuple[socket.socket, socket.socket], attached: list[int]
) -> None:
    rtp, rtcp = pair
    guard = RtpGuard("A")
    guard.shut(f"m=audio {rtp.getsockname()[1]} RTP/AVP 0\r\n")
    assert sorted(attached) == sorted([rtp.fileno(), rtcp.fileno()])
    assert not hears(rtp, PEER)
    guard.open(PjmediaStream(rtp, 0, 0), remote=f"{PEER}:4000", sends=False)
    assert len(attached) == 4
    # Most descriptions are heard from the host that they name.
    guard.heard_from(PEER)
    assert len(attached) == 4
    assert (hears(rtp, PEER), hears(rtp, OTHER)) == (True, False)
    guard.heard_from(OTHER)
    assert len(attached) == 6
    assert hears(rtp, OTHER)
