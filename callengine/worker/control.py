"""The control socket between the engine and one call process: JSON messages, both ways."""

import json
import select
import socket
from typing import Any

MAX_MESSAGE_BYTES = 256 * 1024
SEND_TIMEOUT_S = 2.0


class ControlClosedError(ConnectionError):
    """The other end of a control socket is gone."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return a connected pair that keeps message boundaries (SOCK_SEQPACKET)."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_MESSAGE_BYTES)
    return pair


def encode(message: dict[str, Any]) -> bytes:
    """Return one message as it is written to the socket."""
    return json.dumps(message, separators=(",", ":")).encode()


def decode(data: bytes) -> dict[str, Any]:
    """Return the message that `encode` wrote."""
    message: dict[str, Any] = json.loads(data)
    return message


class Control:
    """The call process's end: sending blocks briefly, receiving never does."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock

    def fileno(self) -> int:
        """Return the descriptor, to wait on."""
        return self._socket.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; raises ControlClosedError if the engine is gone or stuck."""
        data = encode(message)
        try:
            try:
                self._socket.send(data)
            except BlockingIOError:
                select.select([], [self._socket], [], SEND_TIMEOUT_S)
                self._socket.send(data)
        except OSError as error:
            raise ControlClosedError("the engine does not read its control socket") from error

    def receive(self) -> list[dict[str, Any]]:
        """Return the messages that have arrived; raises ControlClosedError at the end."""
        messages: list[dict[str, Any]] = []
        while True:
            try:
                data = self._socket.recv(MAX_MESSAGE_BYTES)
            except BlockingIOError:
                return messages
            except OSError as error:
                raise ControlClosedError("the control socket failed") from error
            if not data:
                raise ControlClosedError("the engine closed the control socket")
            messages.append(decode(data))
