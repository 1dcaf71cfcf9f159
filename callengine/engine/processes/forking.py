"""The fork server as the engine sees it: asked for processes, heard, replaced when it ends."""

import asyncio
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from callengine.core.control.forking import FROM_FORK_SERVER, Fork, FromForkServer
from callengine.core.control.language import MAX_MESSAGE_BYTES, encode
from callengine.worker.process.confinement import environment
from callengine.worker.process.control import socket_pair

logger = logging.getLogger(__name__)

FORK_SERVER = "callengine.worker.process.forkserver"
END_TIMEOUT_S = 3.0
"How long a fork server whose socket was closed may take before it is killed."
RESTART_DELAY_S = 1.0
"One that cannot start is not tried again in a tight loop."


class ForkServer:
    """A process that has loaded pjsua2 and forks call processes on request.

    `on_message(message)` is called on the event loop with what it says, `on_restart()` after one
    that ended by itself has been replaced.
    """

    def __init__(
        self,
        *,
        on_message: Callable[[FromForkServer], None],
        on_restart: Callable[[], None],
    ) -> None:
        self._on_message = on_message
        self._on_restart = on_restart
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._started = 0.0
        self._stopping = False
        self.is_up = False
        "Whether this one has spoken: it does once it can fork."

    def start(self, delay_s: float = 0.0) -> None:
        """Start the process; what is asked of it before it is there waits in its socket.

        Raises OSError if there are no descriptors or no memory for it.
        """
        ours, theirs = socket_pair()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        self._socket, self.is_up = ours, False
        loop.add_reader(ours, self._readable)
        if delay_s:
            loop.call_later(delay_s, self._run_later, ours, theirs)
        else:
            self._run(theirs)

    def ask(self, request: Fork, theirs: socket.socket) -> None:
        """Send a request with one descriptor; one that cannot be sent is logged."""
        if self._socket is None:
            return  # it is being replaced; whoever closes `theirs` ends what was asked for
        try:
            socket.send_fds(self._socket, [encode(request)], [theirs.fileno()])
        except OSError:
            logger.exception("the fork server does not take requests")

    def kill(self) -> None:
        """End a process that hangs, and start another in its place."""
        if self._process is not None and self._socket is not None:
            self._process.kill()
            self._lost()

    def will_stop(self) -> None:
        """Note that its end, from now on, is no accident."""
        self._stopping = True

    async def stop(self) -> None:
        """End the process."""
        self._stopping = True
        self._close_socket()
        if self._process is not None:
            await asyncio.to_thread(_end, self._process)

    def _run(self, theirs: socket.socket) -> None:
        with theirs:
            if self._stopping:
                return
            if self._process is not None:
                # Its socket may close a moment before it is a process to be waited for.
                asyncio.get_running_loop().run_in_executor(None, _end, self._process)
            self._started = time.monotonic()
            self._process = subprocess.Popen(  # noqa: S603 (our own module, a number)
                [sys.executable, "-m", FORK_SERVER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment(),
                cwd=Path(__file__).resolve().parents[3],  # where `callengine` can be imported from
            )

    def _run_later(self, ours: socket.socket, theirs: socket.socket) -> None:
        if self._socket is not ours:  # killed, or stopped, meanwhile
            theirs.close()
            return
        try:
            self._run(theirs)
        except OSError as error:  # its socket has closed with it, which has another started
            logger.error("the fork server cannot be started: %s", error.strerror)

    def _readable(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.is_up = True
            self._on_message(FROM_FORK_SERVER.decode(data))
        else:
            self._lost()

    def _lost(self) -> None:
        self._close_socket()
        if self._stopping:
            return
        logger.error("the fork server ended; starting another")
        lived_s = time.monotonic() - self._started
        self._start_again(delay_s=0.0 if lived_s > RESTART_DELAY_S else RESTART_DELAY_S)

    def _start_again(self, delay_s: float = 0.0) -> None:
        if self._stopping:
            return
        try:
            self.start(delay_s)
        except OSError as error:
            logger.error("the fork server cannot be started: %s", error.strerror)
            self._close_socket()
            asyncio.get_running_loop().call_later(RESTART_DELAY_S, self._start_again)
            return
        self._on_restart()

    def _close_socket(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None


def _end(server: "subprocess.Popen[bytes]") -> None:
    try:
        server.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
