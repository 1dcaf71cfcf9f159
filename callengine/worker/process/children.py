"""The processes that this one has forked: told of when they end, and what came of them."""

import os
import signal
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Self


class Children:
    """Readable, for `select`, once one has ended; a context manager, of the first thread."""

    def __enter__(self) -> Self:
        self._woken, self._wakes = socket.socketpair()
        self._wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)  # one that ends now must find no closed descriptor
        self._woken.close()
        self._wakes.close()

    def forget(self) -> None:
        """Be without children, in a process that has just been forked."""
        self.__exit__(None, None, None)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._woken.fileno()

    def reaped(self) -> Iterator[tuple[int, int]]:
        """Yield id and exit status of those that have ended; to be called once it is readable."""
        self._woken.recv(4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            yield pid, os.waitstatus_to_exitcode(status)
