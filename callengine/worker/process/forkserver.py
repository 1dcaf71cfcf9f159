"""A small process that has loaded pjsua2 but not started it, and has call processes forked.

Run as `python -m callengine.worker.process.forkserver FD`. On the socket FD arrive `Fork` messages,
each with the call process's end of its control socket as ancillary data (SCM_RIGHTS). Back go one
`Confined`, and a `Forked` and an `Exited` for each process.

It forks one template for each bridge rate, in which pjsua2 is started, and that forks the call
processes. If one ends it ends too, and all of them with it; the engine starts another then.
"""

import faulthandler
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence

from callengine.core.control.forking import TO_FORK_SERVER, Confined, Fork
from callengine.core.control.language import MAX_MESSAGE_BYTES
from callengine.worker.native import loading
from callengine.worker.process.children import Children
from callengine.worker.process.confinement import confine
from callengine.worker.process.sharing import share

logger = logging.getLogger(__name__)


class Forker:
    """Pass requests on to templates; end when the engine's end of the socket closes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._templates: dict[int, socket.socket] = {}
        "By bridge rate in Hz."

    def run(self) -> None:
        """Give up what call processes do not need; then serve until the engine is gone."""
        from callengine.worker.process.template import say  # it loads pjsua2

        said = Confined(tuple(confine()), loading.load())
        share()
        say(self._socket, said)
        with Children() as templates:
            going = True
            while going:
                ready, _, _ = select.select([self._socket.fileno(), templates.fileno()], [], [])
                if templates.fileno() in ready and (lost := list(templates.reaped())):
                    logger.error("a template of call processes ended with %s", lost[0][1])
                    os._exit(1)
                if self._socket.fileno() in ready:
                    going = self._request(templates)
        for template in self._templates.values():
            template.close()
        for _ in self._templates:
            os.wait()

    def _request(self, templates: Children) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, MAX_MESSAGE_BYTES, 1)
        except ConnectionError:  # the engine left without reading what we said
            return False
        if not data:
            return False
        request = TO_FORK_SERVER.decode(data)
        template = self._templates.get(request.bridge_rate_hz)
        if template is None:
            template = self._begun(request, templates, descriptors)
        try:
            socket.send_fds(template, [data], descriptors)
        except OSError:
            logger.exception("a template of call processes does not take requests")
            os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _begun(
        self, request: Fork, templates: Children, descriptors: Sequence[int]
    ) -> socket.socket:
        """Fork a template of a rate; `descriptors` are not for it but for what it forks."""
        from callengine.worker.process.control import socket_pair
        from callengine.worker.process.template import Template

        parent = os.getpid()
        here, there = socket_pair()
        if os.fork() == 0:
            try:
                templates.forget()
                for descriptor in descriptors:
                    os.close(descriptor)
                for other in (here, *self._templates.values()):
                    other.close()
                # There until the process ends: taking pjsua2 down with it waits for a second.
                template = Template(there, self._socket)
                template.run(request, parent=parent)
            except BaseException:  # the process ends here, and would not print it
                logger.exception("a template of call processes fails")
            finally:
                sys.stderr.flush()
                os._exit(0)
        there.close()
        self._templates[request.bridge_rate_hz] = here
        return here


def main() -> None:
    """Load what call processes need, then serve."""
    # Ctrl-C goes to the whole terminal group; calls end when the engine says so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A crash in C says where it was, also of what is forked: no process of calls leaves a core.
    faulthandler.enable()
    loading.load()  # before pjsua2
    from callengine.worker import plugins
    from callengine.worker.pjsua.library import quieten

    quieten()
    import encodings.ascii  # named when files are read; no file is once processes are confined
    import encodings.idna  # noqa: F401

    import callengine.worker.process.template  # noqa: F401  (loads pjsua2 before the forks)
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
