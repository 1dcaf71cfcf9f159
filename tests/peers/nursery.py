"""A process that has imported what every process of ours does, and that others are forked from.

What a server imports costs ten times what it does in most tests. Here it is imported once for a
test process; settings each process reads by itself, from its own environment. Whether the programs
start by themselves is for `tests/setting_up` and `tests/voipnumber/test_process.py` to see.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

ROOT = Path(__file__).resolve().parents[2]
MAX_REQUEST_BYTES = 1024 * 1024
MAX_DESCRIPTORS = 8
OTHERS = (
    "autobahn.twisted.websocket",
    "channels.auth",
    "channels.generic.websocket",
    "cryptography.x509",
    "daphne.http_protocol",  # not its server: that one makes an event loop
    "daphne.ws_protocol",
    "django.core.management",
    "django.db.models",
    "django.forms",
    "django.views.generic",
    "dns.asyncresolver",
    "phonenumbers",
    "psycopg",
    "pydantic",
    "yaml",
)
"What servers of every checkout import, an old one too."
PRELOADED = "tests.peers.preloaded"
"The rest, of this one."


class Forked:
    """A process that was forked from a nursery, as `subprocess.Popen` would show it."""

    def __init__(self, pid: int, arguments: Sequence[str], ended: int) -> None:
        self.pid, self.args = pid, list(arguments)
        self.returncode: int | None = None
        self._ended = ended
        self._turn = threading.Lock()
        weakref.finalize(self, os.close, ended)

    def poll(self) -> int | None:
        """Return how it ended, if it has: its status, or the number of a signal below zero."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not after so many seconds.
        """
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return status

    def _look(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout_s)[0]:
            with self._turn:
                if self.returncode is None:
                    status = os.read(self._ended, 16)
                    assert status, "the nursery ended before its children"
                    self.returncode = int(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Talker(NamedTuple):
    """A process with the ends of its standard input and output."""

    process: Forked
    told: TextIO
    said: TextIO

    def stop(self) -> None:
        """Wait for its end, by the end of its input."""
        self.told.close()
        self.process.wait(30)
        self.said.close()


class Nursery:
    """The process of a checkout that others are forked from.

    With `program`, a module to be run, it has imported what that one does; else, what servers do.
    """

    def __init__(self, root: Path, program: str = "") -> None:
        self._turn = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(root), program, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if not k.startswith("DJANGO_")},
            )

    def fork(
        self, arguments: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]
    ) -> Forked:
        """Have the interpreter run these arguments in the checkout.

        The descriptors become its standard input, output and errors, and those that follow.
        """
        ended, theirs = os.pipe()
        try:
            request = json.dumps([list(arguments), dict(environment)]).encode()
            with self._turn:
                socket.send_fds(self._socket, [request], [*descriptors, theirs])
                pid = int(self._socket.recv(16))
        except BaseException:
            os.close(ended)
            raise
        finally:
            os.close(theirs)
        return Forked(pid, arguments, ended)

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, timeout_s: float
    ) -> "subprocess.CompletedProcess[str]":
        """Have the interpreter run these arguments to their end, whatever its exit status.

        Raises:
            subprocess.TimeoutExpired: it has not ended after so many seconds, and was killed.
        """
        with (
            open(os.devnull) as nothing,
            tempfile.TemporaryFile("w+") as said,
            tempfile.TemporaryFile("w+") as complained,
        ):
            files = [nothing.fileno(), said.fileno(), complained.fileno()]
            process = self.fork(arguments, environment, files)
            try:
                status = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            texts = []
            for file in (said, complained):
                file.seek(0)
                texts.append(file.read())
        return subprocess.CompletedProcess(process.args, status, *texts)

    def converse(self, arguments: Sequence[str], environment: Mapping[str, str]) -> "Talker":
        """Fork a process that is told lines and answers lines; its errors are ours."""
        read, told = os.pipe()
        said, written = os.pipe()
        ends = os.fdopen(told, "w"), os.fdopen(said)
        try:
            process = self.fork(arguments, environment, [read, written, 2])
        finally:
            os.close(read)
            os.close(written)
        return Talker(process, *ends)

    def close(self) -> None:
        """End it, by the end of its input."""
        self._socket.close()
        self._process.wait(30)


@functools.cache
def nursery(root: Path, program: str = "") -> Nursery:
    """Return the one that this process has for a checkout, or for one of its programs."""
    made = Nursery(root, program)
    atexit.register(made.close)
    return made


class _Forking:
    """What runs in the nursery: fork on request, tell how each child ended."""

    def __init__(self, root: str, asked: socket.socket) -> None:
        self._root, self._asked = root, asked
        self._ends: dict[int, int] = {}
        "Where it is told, by process id."

    def run(self) -> tuple[list[str], dict[str, str]] | None:
        """Serve until there is nobody to ask; in a child, return its arguments and environment."""
        woken, wakes = socket.socketpair()
        wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([self._asked, woken], [], [])
            if woken in ready:
                woken.recv(4096)
                self._reap()
            if self._asked not in ready:
                continue
            request, descriptors, _, _ = socket.recv_fds(
                self._asked, MAX_REQUEST_BYTES, MAX_DESCRIPTORS
            )
            if not request:
                return None
            *standard, end = descriptors
            pid = os.fork()
            if pid == 0:
                for one in (self._asked, woken, wakes):
                    one.close()
                for number in (end, *self._ends.values()):
                    os.close(number)
                arguments, environment = json.loads(request)
                self._become(environment, standard)
                return arguments, environment
            for number in standard:
                os.close(number)
            self._ends[pid] = end
            self._asked.send(str(pid).encode())

    def _reap(self) -> None:
        while self._ends:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            end = self._ends.pop(pid)
            os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(end)

    def _become(self, environment: Mapping[str, str], standard: Sequence[int]) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, one in enumerate(standard):
            os.dup2(one, number)
            os.close(one)
        # As the interpreter makes them when it starts.
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
        os.chdir(self._root)
        os.environ.clear()
        os.environ.update(environment)
        if preloaded := sys.modules.get(PRELOADED):
            preloaded.begin()


def _load(root: str, program: str) -> None:
    sys.path[0] = root  # modules are those of the checkout, not those beside this file
    if program:
        importlib.import_module(program)
        del sys.modules[program]  # it is yet to be run
    else:
        for name in OTHERS:
            importlib.import_module(name)
        if Path(root) == ROOT:
            importlib.import_module(PRELOADED).load()
    gc.collect()
    gc.freeze()


def _run(arguments: list[str]) -> None:
    """Do as `python` does with these arguments."""
    option, *rest = arguments
    if option == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(option, run_name="__main__")


def main() -> None:
    root, program, descriptor = sys.argv[1:]
    _load(root, program)
    with socket.socket(fileno=int(descriptor)) as asked:
        child = _Forking(root, asked).run()
    if child is not None:
        _run(child[0])


if __name__ == "__main__":
    main()
