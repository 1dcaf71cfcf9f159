"""Whether the machine lets a test measure: alone where it must be, and told where it did not.

A test marked `alone` measures what other tests beside it would be blamed for: while it runs, the
test processes of the run begin no other. Tests with processes of their own judge audio and timers
in real time, several at once on few processors: a failure says for how long this process was
kept from running meanwhile.
"""

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

LOOK_EVERY_S = 0.01


class Watch:
    """How late this process was let run at the latest, since a test began; in seconds."""

    latest_s = 0.0
    thread: threading.Thread | None = None


def begin() -> None:
    """Note that a test with processes begins, before anything is set up for it."""
    if Watch.thread is None:
        Watch.thread = threading.Thread(target=_watch, name="steadiness", daemon=True)
        Watch.thread.start()
    Watch.latest_s = 0.0


def _watch() -> None:
    while True:
        before = time.monotonic()
        time.sleep(LOOK_EVERY_S)
        Watch.latest_s = max(Watch.latest_s, time.monotonic() - before - LOOK_EVERY_S)


def note(item: pytest.Item, report: pytest.TestReport) -> None:
    """Write beside a failure how late this process was let run."""
    if report.failed and item.get_closest_marker("processes"):
        late_ms = Watch.latest_s * 1000
        report.sections.append(("machine", f"this process was let run {late_ms:.0f} ms late"))


class Room:
    """What the test processes of a run share, so that a test can be alone."""

    def __init__(self, folder: Path) -> None:
        # Open until the process ends.
        self._gate = os.open(folder / "gate", os.O_CREAT | os.O_RDWR)
        self._room = os.open(folder / "room", os.O_CREAT | os.O_RDWR)
        self._is_alone = False

    def enter(self, item: pytest.Item) -> None:
        """Wait until nobody is alone; to be alone, until all others are out as well."""
        if self._is_alone:
            return
        self._is_alone = _is_alone(item)
        how = fcntl.LOCK_EX if self._is_alone else fcntl.LOCK_SH
        # Who wants to be alone keeps the gate: with others coming, the room would never be empty.
        fcntl.flock(self._gate, how)
        fcntl.flock(self._room, how)
        if not self._is_alone:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def leave(self, following: pytest.Item | None) -> None:
        """Let others in, unless the test that follows is to be alone as well."""
        self._is_alone = self._is_alone and following is not None and _is_alone(following)
        if not self._is_alone:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
            fcntl.flock(self._room, fcntl.LOCK_UN)


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
