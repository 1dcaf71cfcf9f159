"""`manage.py` kept running: it loads Django once and then runs command after command."""

import json
import select
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.peers.nursery import nursery

TIMEOUT_S = 230.0
PROGRAM = Path(__file__).with_name("desk.py")


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
        self._desk = nursery(root).converse([str(PROGRAM)], self.environment)

    def run(self, *arguments: str) -> Done:
        """Run one command to its end."""
        with self._turn:
            self._desk.told.write(json.dumps(arguments) + "\n")
            self._desk.told.flush()
            answered, _, _ = select.select([self._desk.said], [], [], TIMEOUT_S)
            assert answered, f"manage.py {arguments} takes more than {TIMEOUT_S:g} s"
            answer = self._desk.said.readline()
        assert answer, "the clerk has ended"
        return Done(**json.loads(answer))

    def stop(self) -> None:
        """End it."""
        self._desk.stop()
