"""A flood of datagrams from one address at a steady rate, from a thread of its own."""

import socket
import time
from collections.abc import Callable

from tests.peers.background import Background

PERIOD_S = 0.01


class Flood(Background):
    """Sends `message(number)` to `server` so many times a second while the context is open."""

    def __init__(
        self,
        message: Callable[[int], bytes],
        *,
        server: tuple[str, int],
        host: str,
        per_second: int,
    ) -> None:
        super().__init__()
        self._message, self._server, self._per_second = message, server, per_second
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.sent = 0

    @property
    def port(self) -> int:
        """Where it sends from."""
        return int(self._socket.getsockname()[1])

    def _run(self) -> None:
        began = time.monotonic()
        while not self._over.wait(PERIOD_S):
            due = int((time.monotonic() - began) * self._per_second)
            while self.sent < due:
                self._socket.sendto(self._message(self.sent), self._server)
                self.sent += 1

    def _close(self) -> None:
        self._socket.close()
