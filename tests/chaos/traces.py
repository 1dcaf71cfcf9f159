"""What is left behind: processes, descriptors and rows in states they should not be in."""

import asyncio
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.callengine.engine.forked import templates_of
from tests.peers.engine import Engine

LOOK_EVERY_S = 0.4
STARTED = 19
"Of the fields of proc(5)'s stat, counted from the state."
LEFT = """
import json
from callengine.models import Call
from connections.models import Registration
in_order = Call.objects.order_by("started")
print(json.dumps({
    "unended": [str(call) for call in in_order.filter(ended=None)],
    "unexplained": [str(call) for call in in_order.exclude(ended=None).filter(reason="")],
    "bindings": sorted(Registration.objects.values_list("connection__sip_user", flat=True)),
}))
"""


Process = tuple[int, int]
"Its id, and when it started: ids are given out again."


@dataclass(frozen=True)
class Traces:
    """What there is of an engine at one moment."""

    processes: int
    "Below the engine, and those that were once and have outlived the fork server."
    call_processes: int
    "Of these: all but the fork server and the templates it has, some only once they are needed."
    descriptors: Counter[str]
    "Of the engine itself, by what they lead to; one socket for each call process among them."
    rows: dict[str, Any]


class Watch:
    """Remembers every process that was ever seen below an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: set[Process] = set()

    def look(self) -> None:
        found = ((pid, _stat(pid)) for pid in self._engine.children())
        self._seen |= {(pid, int(stat[STARTED])) for pid, stat in found if stat}

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def states(self) -> Counter[str]:
        """Return how many of those seen are still there, by the kernel's letter."""
        self.look()
        found = ((_stat(pid), started) for pid, started in self._seen)
        return Counter(stat[0] for stat, started in found if stat and int(stat[STARTED]) == started)

    def traces(self) -> Traces:
        (serving,) = self._engine.processes.values()
        lines = self._engine.shell(LEFT).splitlines()
        rows = json.loads(next(line for line in lines if line.startswith("{")))
        processes, others = self.states().total(), 1 + len(templates_of(self._engine))
        return Traces(processes, processes - others, _descriptors(serving.pid), rows)


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5)'s stat from the state on; none if it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _descriptors(pid: int) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue  # closed meanwhile
        kinds[target.partition(":")[0] if ":[" in target else target] += 1
    return kinds
