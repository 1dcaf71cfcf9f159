"""A TCP peer that asks and never reads, until the engine has something unsent for it."""

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL_AFTER = 4
"Requests whose answers the kernel did not take any more: the program holds them then."
MOST_REQUESTS = 600
SETTLES_S = 0.05


@contextmanager
def deaf_peer(server: tuple[str, int]) -> Iterator[socket.socket]:
    """Connect, have the server's kernel filled with answers, and stay connected without reading."""
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        peer.connect(server)
        queued, unchanged = 0, 0
        for _ in range(MOST_REQUESTS):
            peer.sendall(_request(server, peer.getsockname()))
            time.sleep(SETTLES_S)
            now = _unsent_bytes(server, peer.getsockname())
            unchanged = unchanged + 1 if now <= queued and now else 0
            queued = max(queued, now)
            if unchanged == FULL_AFTER:
                break
        else:
            raise AssertionError("the kernel takes all answers for a peer that does not read")
        yield peer


def _request(server: tuple[str, int], own: tuple[str, int]) -> bytes:
    """Return a request with so many Via headers that its answer is large (RFC 3261 8.2.6.2)."""
    mark = secrets.token_hex(8)
    vias = [f"Via: SIP/2.0/TCP hop{n}.example;x={'y' * 3000}" for n in range(9)]
    lines = (
        f"OPTIONS sip:{server[0]}:{server[1]} SIP/2.0",
        f"Via: SIP/2.0/TCP {own[0]}:{own[1]};branch=z9hG4bK{mark}",
        *vias,
        "Max-Forwards: 70",
        f"From: <sip:deaf@{own[0]}>;tag={mark}",
        f"To: <sip:{server[0]}:{server[1]}>",
        f"Call-ID: {mark}",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _unsent_bytes(server: tuple[str, int], peer: tuple[str, int]) -> int:
    """Return what the server's kernel holds for the peer; /proc/net/tcp, tx_queue."""
    wanted = [f"{_hex(server[0])}:{server[1]:04X}", f"{_hex(peer[0])}:{peer[1]:04X}"]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1:3] == wanted:
            return int(words[4].partition(":")[0], 16)
    raise AssertionError("the server has closed the connection")


def _hex(host: str) -> str:
    return socket.inet_aton(host)[::-1].hex().upper()
