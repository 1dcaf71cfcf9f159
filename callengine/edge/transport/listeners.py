"""Bound sockets: for what peers reach, and for what call processes reach."""

import contextlib
import errno
import socket

from callengine.edge.flow import Transport

SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
"socket(7) of Linux; Python does not name them."


class AddressTakenError(OSError):
    """A listening address cannot be used; the message names it and says what to do."""


def bind(transport: Transport, host: str, port: int) -> socket.socket:
    """Return a bound non-blocking socket.

    Raises:
        AddressTakenError: the address is taken, not ours, or not permitted.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if transport.is_reliable else socket.SOCK_DGRAM
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    if transport.is_reliable:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        _enlarge(sock)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise address_taken(transport, host, port, error) from error
    return sock


def _enlarge(sock: socket.socket) -> None:
    """Give a socket large buffers: what the kernel cannot hold while we are busy is lost."""
    for name, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
        sock.setsockopt(socket.SOL_SOCKET, name, SOCKET_BUFFER_BYTES)
        with contextlib.suppress(OSError):  # beyond the system's limit, if we are allowed to
            sock.setsockopt(socket.SOL_SOCKET, forced, SOCKET_BUFFER_BYTES)


def address_taken(transport: Transport, host: str, port: int, error: OSError) -> AddressTakenError:
    """Return what a listening address that cannot be used raises."""
    where = f"{transport.name}:{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        advice = f"{where} is already taken by another program; choose another SIP listening port"
    else:
        advice = f"cannot listen on {where}: {error.strerror}"
    return AddressTakenError(error.errno, advice)
