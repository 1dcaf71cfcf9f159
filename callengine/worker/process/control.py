"""The socket between the engine and one call process, and the process's end of it."""

import os
import select
import socket
from dataclasses import dataclass

from callengine.core.control.agents import AgentSocket
from callengine.core.control.browsers import BrowserSocket, ListenerSocket
from callengine.core.control.calls import TO_CALL_PROCESS, FromCallProcess, ToCallProcess
from callengine.core.control.capture import RecordPackets
from callengine.core.control.language import MAX_MESSAGE_BYTES, MAX_TOGETHER, encode, together
from callengine.core.control.music import MusicReady
from callengine.core.control.speech import SpeechReady

SEND_TIMEOUT_S = 2.0
_WITH_DESCRIPTOR = SpeechReady | MusicReady | RecordPackets | BrowserSocket | ListenerSocket
MAX_DESCRIPTORS = 4
"Of one message; the kernel closes what is beyond."


class ControlClosedError(ConnectionError):
    """The other end of a control socket is gone."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return a connected pair that keeps message boundaries (SOCK_SEQPACKET)."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_MESSAGE_BYTES)
    return pair


@dataclass(frozen=True, slots=True)
class ReceivedOrder:
    """A message, and the descriptor that came with it, for whoever takes it to close."""

    message: ToCallProcess
    descriptor: int | None = None


class Control:
    """The call process's end: sending blocks briefly, receiving never does.

    What is said in one turn travels together: the engine wakes once for it.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._ready = select.poll()
        self._ready.register(sock, select.POLLIN)
        self._said: list[bytes] = []
        self._bytes = 0

    def fileno(self) -> int:
        """Return the descriptor, to wait on."""
        return self._socket.fileno()

    def send(self, message: FromCallProcess) -> None:
        """Send one message with the next `flush`; raises ControlClosedError as that does."""
        data = encode(message)
        self._bytes += len(data) + 1
        if self._bytes > MAX_MESSAGE_BYTES or len(self._said) == MAX_TOGETHER:
            self.flush()
            self._bytes = len(data) + 1
        self._said.append(data)

    def flush(self) -> None:
        """Send what was said; raises ControlClosedError if the engine is gone or stuck."""
        if not self._said:
            return
        data = together(self._said)
        self._said.clear()
        self._bytes = 0
        try:
            try:
                self._socket.send(data)
            except BlockingIOError:
                select.select([], [self._socket], [], SEND_TIMEOUT_S)
                self._socket.send(data)
        except OSError as error:
            raise ControlClosedError("the engine does not read its control socket") from error

    def receive(self) -> list[ReceivedOrder]:
        """Return the messages that have arrived; raises ControlClosedError at the end.

        Raises ControlError for what is no message: the engine's own fault, for which the process
        ends.
        """
        messages: list[ReceivedOrder] = []
        # Room for a message is a mapping of memory of its own: not made each second in vain.
        while self._ready.poll(0):
            try:
                data, descriptors, _, _ = socket.recv_fds(
                    self._socket, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return messages
            except OSError as error:
                raise ControlClosedError("the control socket failed") from error
            if not data:
                raise ControlClosedError("the engine closed the control socket")
            messages.append(_received(TO_CALL_PROCESS.decode(data), descriptors))
        return messages


def _received(message: ToCallProcess, descriptors: list[int]) -> ReceivedOrder:
    """Return a message with its descriptor; close what was not asked for."""
    asked_for = isinstance(message, _WITH_DESCRIPTOR) or (
        isinstance(message, AgentSocket) and not message.error
    )
    wanted = descriptors[:1] if asked_for else []
    for descriptor in descriptors[len(wanted) :]:
        os.close(descriptor)
    return ReceivedOrder(message, next(iter(wanted), None))
