"""A small process that has loaded pjsua2 but not started it, and forks call processes.

Run as `python -m callengine.worker.forkserver FD`. On the socket FD arrive `Fork` messages, each
with the call process's end of its control socket as ancillary data (SCM_RIGHTS). Back go one
`Confined`, and a `Forked` and an `Exited` for each process.
"""

import logging
import os
import select
import signal
import socket
import sys

from callengine.core.control.forking import (
    TO_FORK_SERVER,
    Confined,
    Exited,
    Fork,
    Forked,
    FromForkServer,
)
from callengine.core.control.language import MAX_MESSAGE_BYTES, encode
from callengine.worker.confinement import confine, confine_further
from callengine.worker.native import loading
from callengine.worker.sharing import share

logger = logging.getLogger(__name__)


class Forker:
    """Fork on request, report exits, end when the engine's end of the socket closes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def run(self) -> None:
        """Give up what call processes do not need; then serve until the engine is gone."""
        said = Confined(tuple(confine()), loading.load())
        share()
        self._send(said)
        wake_read, wake_write = socket.socketpair()
        wake_write.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        with wake_read, wake_write:
            going = True
            while going:
                ready, _, _ = select.select([self._socket, wake_read], [], [])
                if wake_read in ready:
                    wake_read.recv(4096)
                    self._reap()
                if self._socket in ready:
                    going = self._request()
            signal.set_wakeup_fd(-1)  # a child that ends now must find no closed descriptor

    def _request(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, MAX_MESSAGE_BYTES, 1)
        except ConnectionError:  # the engine left without reading what we said
            return False
        if not data:
            return False
        request = TO_FORK_SERVER.decode(data)
        pid = os.fork()
        if pid == 0:
            self._become_call_process(request, descriptors[0])
        for descriptor in descriptors:
            os.close(descriptor)
        self._send(Forked(request.number, pid))
        return True

    def _become_call_process(self, request: Fork, descriptor: int) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._socket.close()
            confine_further()
            from callengine.worker.process import serve

            with socket.socket(fileno=descriptor) as control:
                status = serve(control, request)
        except BaseException:  # the process ends here, and would not print it
            logger.exception("a call process fails")
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._send(Exited(pid, os.waitstatus_to_exitcode(status)))

    def _send(self, message: FromForkServer) -> None:
        try:
            self._socket.send(encode(message))
        except OSError:
            os._exit(0)


def main() -> None:
    """Load what call processes need, then serve."""
    # Ctrl-C goes to the whole terminal group; calls end when the engine says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    loading.load()  # before pjsua2
    from callengine.worker import plugins
    from callengine.worker.endpoint import quieten

    quieten()
    import encodings.ascii  # named when files are read; no file is once processes are confined
    import encodings.idna  # noqa: F401

    import callengine.worker.process  # noqa: F401  (loads pjsua2 before the forks)
    from callengine.worker.agent import preloading
    from callengine.worker.native.media import media

    media()
    plugins.preload()
    preloading.preload()
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        Forker(sock).run()
    sys.stderr.flush()
    os._exit(0)  # see `share`


if __name__ == "__main__":
    main()
