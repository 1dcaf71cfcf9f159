"""Free ports on loopback.

They lie below the ports the kernel gives to any program, so nobody is given one between the
moment it is found and the moment it is bound. Ranges for RTP and single ports keep apart, and so
do the workers of a test run: an engine binds most of its range long after it was found free.
"""

import functools
import os
import random
import socket
from pathlib import Path

from tests.peers import moments

LOOPBACK = "127.0.0.1"
IPV6_LOOPBACK = "::1"
UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM
_LISTENS = "0A"
"State of a socket in /proc/net/tcp."
_kept: set[int] = set()
"What was asked for while modules were imported."


class Region:
    """Ports given out in turn, from a place of chance, so that no two tests are given one.

    After the last comes the first again; but what a module asks for as it is imported is its own
    for good, as its tests may be the last of the run.
    """

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end
        self.next = random.SystemRandom().randrange(first, end, 2)

    def neighbours(self, size: int, kinds: tuple[socket.SocketKind, ...], host: str) -> int:
        """Return the first of `size` free neighbours; it is even."""
        for _ in range((self.end - self.first) // 2):
            first, self.next = self.next, self.next + size + size % 2
            wanted = range(first, first + size)
            if self.next > self.end:
                self.next = self.first
            elif _kept.isdisjoint(wanted) and all(
                _is_free(host, port, kind) for port in wanted for kind in kinds
            ):
                if not moments.began():
                    _kept.update(wanted)
                return first
        raise OSError(f"no {size} neighbours are free between {self.first} and {self.end}")


@functools.cache
def _share(first: int, end: int) -> Region:
    """Return this worker's part of a region; the workers may be forked from one process."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = (end - first) // workers & ~1
    return Region(first + number * size, first + (number + 1) * size)


os.register_at_fork(after_in_child=_share.cache_clear)
RANGES, SINGLE = (10000, 24000), (24000, 32000)


def free_port(kind: socket.SocketKind = UDP, host: str = LOOPBACK) -> int:
    """Return a port nobody has now; another process may still be quicker."""
    return _share(*SINGLE).neighbours(1, (kind,), host)


def free_sip_port(host: str = LOOPBACK) -> int:
    """Return a port free for both UDP and TCP, as the one above it is, where SIP over TLS goes."""
    return _share(*SINGLE).neighbours(2, (UDP, TCP), host)


def free_port_range(size: int, host: str = LOOPBACK) -> tuple[int, int]:
    """Return the first and last of `size` neighbouring free UDP ports; the first is even."""
    first = _share(*RANGES).neighbours(size, (UDP,), host)
    return first, first + size - 1


def rtp_pair(host: str = LOOPBACK) -> tuple[socket.socket, socket.socket]:
    """Return sockets for RTP and RTCP on neighbouring ports, the first even (RFC 3550 section 11).

    Whoever left the second to others had theirs hear reports that were meant for it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        first = socket.socket(family, UDP)
        first.bind((host, 0))
        port = first.getsockname()[1]
        second = socket.socket(family, UDP)
        try:
            if not port % 2:
                second.bind((host, port + 1))
                return first, second
        except OSError:
            pass
        first.close()
        second.close()


def is_held(host: str, port: int) -> bool:
    """Tell whether a program has this address for UDP, or listens there for TCP.

    The port alone says nothing: many programs of a run have the same one, each at its own address.
    """
    own = f"{_as_the_kernel_has_it(host)}:{port:04X}"
    return any(
        words[1] == own and (kind == "udp" or words[3] == _LISTENS)
        for kind in ("udp", "tcp")
        for line in Path(f"/proc/net/{kind}{'6' * (':' in host)}").read_text().splitlines()[1:]
        if (words := line.split())
    )


def _as_the_kernel_has_it(host: str) -> str:
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = (packed[n : n + 4][::-1] for n in range(0, len(packed), 4))
    return b"".join(words).hex().upper()


def _is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def in_uri(host: str) -> str:
    """Return a host as a URI has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
