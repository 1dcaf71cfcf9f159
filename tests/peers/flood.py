"""A flood of datagrams from one address at a steady rate, from a thread of its own."""

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

PERIOD_S = 0.01


class Flood:
    """Sends `message(number)` to `server` so many times a second while the context is open."""

    def __init__(
        self,
        message: Callable[[int], bytes],
        *,
        server: tuple[str, int],
        host: str,
        per_second: int,
    ) -> None:
        self._message, self._server, self._per_second = message, server, per_second
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
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

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()
