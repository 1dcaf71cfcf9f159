"""A connected TCP socket that never blocks, with TLS or without."""

import socket
import ssl
from functools import cache

CLOSED_BY_PEER = "the connection was closed"


class StreamError(Exception):
    """The connection has failed; the text is a clause in the network's own words."""


@cache
def tls_context() -> ssl.SSLContext:
    """Return how every agent's certificate is checked.

    Made before call processes are confined: they may not read the authorities' files.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Stream:
    """One connection; `descriptor` becomes its own. Raises StreamError from everything."""

    def __init__(self, descriptor: int, *, tls_host: str = "") -> None:
        """`tls_host` is whose certificate is expected; empty: no TLS."""
        sock = socket.socket(fileno=descriptor)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wants_write = self._is_shaking = bool(tls_host)
        self._socket = sock
        if tls_host:
            try:
                self._socket = tls_context().wrap_socket(
                    sock, server_hostname=tls_host, do_handshake_on_connect=False
                )
            except (OSError, ValueError) as error:
                sock.close()
                raise StreamError(f"TLS could not begin: {_words(error)}") from error

    def fileno(self) -> int:
        """Return the descriptor, to wait on."""
        return self._socket.fileno()

    @property
    def is_open(self) -> bool:
        """Whether data may be sent: TLS is agreed on, if there is any."""
        if self._is_shaking:
            self._shake()
        return not self._is_shaking

    @property
    def has_more(self) -> bool:
        """Whether data can be received of which the descriptor does not tell."""
        sock = self._socket
        return isinstance(sock, ssl.SSLSocket) and not self._is_shaking and sock.pending() > 0

    def receive(self, size: int) -> bytes | None:
        """Return what has arrived, at most `size` bytes; None if nothing, b"" at its end."""
        if self._is_shaking and not self.is_open:
            return None
        try:
            return self._socket.recv(size)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            raise StreamError(_words(error)) from error

    def send(self, data: bytearray) -> int:
        """Send what there is room for, and return how many bytes that were."""
        if self._is_shaking and not self.is_open:
            return 0
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            raise StreamError(_words(error)) from error

    def close(self) -> None:
        """Close it; what was sent still goes out."""
        self._socket.close()

    def _shake(self) -> None:
        assert isinstance(self._socket, ssl.SSLSocket)
        self.wants_write = False
        try:
            self._socket.do_handshake()
            self._is_shaking = False
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self.wants_write = True
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message.rstrip(".")
            raise StreamError(f"its certificate is not accepted: {why}") from error
        except OSError as error:
            raise StreamError(f"TLS failed: {_words(error)}") from error


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
