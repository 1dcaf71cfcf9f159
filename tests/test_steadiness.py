"""A test that must be alone is."""

import fcntl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TextIO

from tests.steadiness import Room


def _item(*, alone: bool) -> Any:
    return SimpleNamespace(get_closest_marker=lambda name: name if alone else None)


def test_a_test_that_is_alone_waits_for_those_inside_and_keeps_out_those_that_come(
    tmp_path: Path,
) -> None:
    inside, other, lonely = Room(tmp_path), Room(tmp_path), Room(tmp_path)
    inside.enter(_item(alone=False))
    order: list[str] = []
    waiting = _entering(lonely, _item(alone=True), lambda: order.append("lonely"))
    _until_gate_is_kept(tmp_path)
    coming = _entering(other, _item(alone=False), lambda: order.append("other"))
    assert order == []
    inside.leave(None)
    waiting.join(20)
    assert order == ["lonely"]
    lonely.leave(_item(alone=True))
    lonely.enter(_item(alone=True))
    assert order == ["lonely"], "it stays alone while what follows is to be alone as well"
    lonely.leave(_item(alone=False))
    coming.join(20)
    assert order == ["lonely", "other"]
    other.leave(None)


def _entering(room: Room, item: Any, then: Callable[[], None]) -> threading.Thread:
    def enter() -> None:
        room.enter(item)
        then()

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    return thread


def _until_gate_is_kept(folder: Path) -> None:
    with (folder / "gate").open("w") as gate:
        while _may_enter(gate):
            time.sleep(0.01)


def _may_enter(gate: TextIO) -> bool:
    try:
        fcntl.flock(gate, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(gate, fcntl.LOCK_UN)
    return True
