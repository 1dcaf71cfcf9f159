"""Free ports on loopback."""

import random
import socket

LOOPBACK = "127.0.0.1"


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM, host: str = LOOPBACK) -> int:
    """Return a port nobody has now; another process may still be quicker."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def free_sip_port(host: str = LOOPBACK) -> int:
    """Return a port free for both UDP and TCP."""
    for _ in range(50):
        port = free_port(host=host)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return port
    raise OSError("no port is free for both UDP and TCP")


def free_port_range(size: int, host: str = LOOPBACK) -> tuple[int, int]:
    """Return the first and last of `size` neighbouring free UDP ports; the first is even.

    They lie below the ports the kernel gives to any program, so nobody takes one meanwhile.
    """
    for _ in range(200):
        first = random.randrange(10000, 32000 - size, 2)
        if _all_free(host, first, size):
            return first, first + size - 1
    raise OSError(f"no {size} neighbouring UDP ports are free")


def _all_free(host: str, first: int, size: int) -> bool:
    for port in range(first, first + size):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
