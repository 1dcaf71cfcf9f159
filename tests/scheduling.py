"""Which worker runs what: the last ones run in the background, and what only computes.

Tests that start processes mostly wait. What processors are left then is for the others, by workers
that give way to everybody else; those of the foreground take what is left of them at the end.
"""

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.peers.readymade import made_once

BACKGROUND = "TESTS_BACKGROUND"
"Names how many workers run in the background; by bin/test."
NICENESS = 5
_FILES = "files-that-start-processes"


def note(items: Iterable[pytest.Item]) -> None:
    """Tell the scheduler, which sees names alone, which files start processes."""
    files = {item.nodeid.split("::")[0] for item in items if item.get_closest_marker("processes")}

    def write(path: Path) -> None:
        path.write_text("\n".join(sorted(files)))

    made_once(_FILES, write)


def give_way(config: pytest.Config) -> None:
    """Let others go first, if this is a worker of the background."""
    told = getattr(config, "workerinput", None)
    if told and _is_behind(told["workerid"], told["workercount"]):
        os.nice(NICENESS)


def _is_behind(worker: str, workers: int) -> bool:
    """Tell whether it is one of the last; one that takes the place of another is not."""
    behind = int(os.environ.get(BACKGROUND, "0"))
    return workers - behind <= int(worker.removeprefix("gw")) < workers


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]
    """A file is one worker's; none that starts processes goes to the background."""

    def _assign_work_unit(self, node: Any) -> None:
        if self._is_behind(node) and (last := self._last_for_behind()):
            self.workqueue.move_to_end(last, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        if self.workqueue and self._is_behind(node) and not self._last_for_behind():
            node.shutdown()
        else:
            super()._reschedule(node)

    def _is_behind(self, node: Any) -> bool:
        return _is_behind(node.gateway.id, self.numnodes)

    def _last_for_behind(self) -> str | None:
        return next((file for file in reversed(self.workqueue) if file not in self._starting), None)

    @functools.cached_property
    def _starting(self) -> set[str]:
        def nobody_told(path: Path) -> None:
            path.touch()

        return set(made_once(_FILES, nobody_told).read_text().splitlines())
