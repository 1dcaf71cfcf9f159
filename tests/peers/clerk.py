"""`manage.py` kept running: it loads Django once and then runs command after command.

Each is forked from a process that has imported what every Django does, once for a test process;
in the checkout whose `manage.py` it stands for. Reads a JSON list of arguments a line; answers
`{"status", "stdout", "stderr"}` a line.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 230.0
MAX_REQUEST_BYTES = 1024 * 1024
IMPORTED = (
    "cryptography.x509",
    "daphne.server",
    "django.core.management",
    "django.db.models",
    "django.forms",
    "django.views.generic",
    "dns.asyncresolver",
    "phonenumbers",
    "pydantic",
    "yaml",
)
"What takes long and asks no settings."


class Done(NamedTuple):
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


class Nursery:
    """The process that clerks are forked from."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if not k.startswith("DJANGO_")},
            )

    def fork(self, root: Path, environment: Mapping[str, str], descriptors: list[int]) -> None:
        """Have a clerk begin, with these as its standard input, output and errors."""
        request = json.dumps([str(root), dict(environment)]).encode()
        socket.send_fds(self._socket, [request], descriptors)

    def close(self) -> None:
        """End it, by the end of its input."""
        self._socket.close()
        self._process.wait(30)


@functools.cache
def nursery() -> Nursery:
    """Return the one of this process."""
    made = Nursery()
    atexit.register(made.close)
    return made


class Clerk:
    """The process, and what it is asked; threads take turns."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._turn = threading.Lock()
        read, asked = os.pipe()
        answered, written = os.pipe()
        self._requests, self._answers = os.fdopen(asked, "w"), os.fdopen(answered)
        try:
            nursery().fork(root, self.environment, [read, written, 2])
        finally:
            os.close(read)
            os.close(written)

    def run(self, *arguments: str) -> Done:
        """Run one command to its end."""
        with self._turn:
            self._requests.write(json.dumps(arguments) + "\n")
            self._requests.flush()
            answered, _, _ = select.select([self._answers], [], [], TIMEOUT_S)
            assert answered, f"manage.py {arguments} takes more than {TIMEOUT_S:g} s"
            answer = self._answers.readline()
        assert answer, "the clerk has ended"
        return Done(**json.loads(answer))

    def stop(self) -> None:
        """End it, by the end of its input."""
        self._requests.close()
        select.select([self._answers], [], [], 30)
        self._answers.close()


def _nurse(descriptor: int) -> None:
    # Modules are those of the checkout, not those beside this file.
    del sys.path[0]
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a clerk
    with socket.socket(fileno=descriptor) as asked:
        while True:
            request, descriptors, _, _ = socket.recv_fds(asked, MAX_REQUEST_BYTES, 3)
            if not request:
                return
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                asked.close()
                _become_clerk(*json.loads(request), descriptors)
            for one in descriptors:
                os.close(one)


def _become_clerk(root: str, environment: dict[str, str], descriptors: list[int]) -> None:
    try:
        for number, one in enumerate(descriptors):
            os.dup2(one, number)
            os.close(one)
        os.chdir(root)
        os.environ.clear()
        os.environ.update(environment)
        sys.path.insert(0, root)
        _serve()
    except BaseException:  # noqa: BLE001 - the process ends here, and would not print it
        traceback.print_exc()
    finally:
        # To take Django apart object by object takes longer than most commands.
        os._exit(0)


def _serve() -> None:
    # What belongs to the conversation is not for commands to write to.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import manage

    for line in sys.stdin:
        out, err, status = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                sys.argv = ["manage.py", *json.loads(line)]
                manage.main()
            except SystemExit as ended:
                status = _status(ended.code, err)
            except Exception as error:  # noqa: BLE001 - the one who asked is told
                status = 1
                err.write(repr(error))
        json.dump({"status": status, "stdout": out.getvalue(), "stderr": err.getvalue()}, answers)
        answers.write("\n")
        answers.flush()


def _status(code: str | int | None, errors: io.StringIO) -> int:
    """Do as the interpreter does with what `sys.exit` was given."""
    if isinstance(code, str):
        errors.write(code)
        return 1
    return code or 0


if __name__ == "__main__":
    _nurse(int(sys.argv[1]))
