"""A process that forks call processes of one bridge rate, with pjsua2 started in it.

What starting pjsua2 takes of memory is its own, and shared by all that it forks. Requests come
from the fork server; what becomes of them it tells the engine itself.
"""

import ctypes
import logging
import os
import select
import signal
import socket
import sys

from callengine.core.control.forking import TO_FORK_SERVER, Exited, Fork, Forked, FromForkServer
from callengine.core.control.language import MAX_MESSAGE_BYTES, encode
from callengine.worker.native.media import media
from callengine.worker.pjsua.library import Library
from callengine.worker.process.children import Children
from callengine.worker.process.confinement import confine_further
from callengine.worker.process.loop import serve
from callengine.worker.process.sharing import share

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1


class Template:
    """Fork on request, report exits, end when the fork server does."""

    def __init__(self, requests: socket.socket, engine: socket.socket) -> None:
        self._requests = requests
        self._engine = engine
        self._library: Library | None = None

    def run(self, first: Fork, *, parent: int) -> None:
        """Start pjsua2 as `first` says, and serve; `parent` is the fork server's process id.

        Without the media extension pjsua2 has a thread, which is lost in a fork: then each process
        starts its own.
        """
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            return
        if media() is not None:
            self._library = Library(first.bridge_rate_hz, first.user_agent)
        share()
        with Children() as children:
            going = True
            while going:
                ready, _, _ = select.select([self._requests.fileno(), children.fileno()], [], [])
                if children.fileno() in ready:
                    for pid, status in children.reaped():
                        say(self._engine, Exited(pid, status))
                if self._requests.fileno() in ready:
                    going = self._request(children)

    def _request(self, children: Children) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._requests, MAX_MESSAGE_BYTES, 1)
        if not data:
            return False
        request = TO_FORK_SERVER.decode(data)
        pid = os.fork()
        if pid == 0:
            self._become_call_process(request, descriptors[0], children)
        for descriptor in descriptors:
            os.close(descriptor)
        say(self._engine, Forked(request.number, pid))
        return True

    def _become_call_process(self, request: Fork, descriptor: int, children: Children) -> None:
        status = 1
        try:
            children.forget()
            self._requests.close()
            self._engine.close()
            confine_further()
            with socket.socket(fileno=descriptor) as control:
                status = serve(control, request, self._library)
        except BaseException:  # the process ends here, and would not print it
            logger.exception("a call process fails")
        finally:
            sys.stderr.flush()
            os._exit(status)


def say(engine: socket.socket, message: FromForkServer) -> None:
    """Tell the engine; end if it is gone."""
    try:
        engine.send(encode(message))
    except OSError:
        os._exit(0)
