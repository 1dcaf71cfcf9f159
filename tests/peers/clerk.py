"""`manage.py` kept running: it loads Django once and then runs command after command.

Run as a process of its own, in the checkout whose `manage.py` it stands for. Reads a JSON list of
arguments a line; answers `{"status", "stdout", "stderr"}` a line.
"""

import contextlib
import io
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 60.0


class Done(NamedTuple):
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


class Clerk:
    """The process, and what it is asked; threads take turns."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=root,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Done:
        """Run one command to its end."""
        assert self._process.stdin
        assert self._process.stdout
        with self._turn:
            self._process.stdin.write(json.dumps(arguments) + "\n")
            self._process.stdin.flush()
            answered, _, _ = select.select([self._process.stdout], [], [], TIMEOUT_S)
            assert answered, f"manage.py {arguments} takes more than {TIMEOUT_S:g} s"
            answer = self._process.stdout.readline()
        assert answer, f"the clerk ended with {self._process.wait(10)}"
        return Done(**json.loads(answer))

    def stop(self) -> None:
        """End it, by the end of its input."""
        self._process.communicate(timeout=30)


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
    # Modules are those of the checkout, not those beside this file.
    sys.path[0] = os.getcwd()
    _serve()
