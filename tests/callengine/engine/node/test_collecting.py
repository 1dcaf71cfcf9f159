"""When an engine looks for garbage: it stands still meanwhile."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from callengine.engine.node.collecting import (
    BLOCKS_PER_S,
    MOST_BLOCKS,
    NEVER,
    SOONEST_S,
    Collecting,
)


@pytest.fixture
def _taken_over() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.set_threshold(*thresholds[:2], NEVER)
    yield
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("_taken_over")
def test_garbage_is_looked_for_when_little_lives_or_it_is_long_overdue() -> None:
    begun: list[float] = []
    now, lives = 100.0, 5_000_000
    collecting = Collecting(lambda: begun.append(now), lambda: lives)
    for now in (100.0, 100.0 + SOONEST_S - 1, 100.0 + SOONEST_S, 103.0 + SOONEST_S):
        collecting.look(now)
    assert begun == [100.0 + SOONEST_S]
    lives += 600_000
    overdue_s = 600_000 / BLOCKS_PER_S
    for now in (300.0, 1000.0, 159.0 + overdue_s):
        collecting.look(now)
    assert len(begun) == 1, "a burst is not stopped for it"
    now = 161.0 + overdue_s
    collecting.look(now)
    assert begun[1:] == [now]
    lives -= 700_000
    now += SOONEST_S
    collecting.look(now)
    assert begun[2:] == [now]
    lives += MOST_BLOCKS + 1
    again = now + SOONEST_S
    for now in (again - 1, again, again + SOONEST_S):
        collecting.look(now)
    assert len(begun) == 4, "what grows without end is collected, once"


def test_as_long_as_python_collects_by_itself_nobody_else_does() -> None:
    begun: list[None] = []
    collecting = Collecting(lambda: begun.append(None), lambda: 0)
    for now in (0.0, SOONEST_S, 2 * SOONEST_S):
        collecting.look(now)
    assert not begun


SETTLED = """
import gc, django
django.setup()
from callengine.engine.running import settle

full = []
settle()
gc.callbacks.append(lambda phase, about: full.append((phase, about["generation"])))
kept = [[number] for number in range(500_000)]
begun = [full.count(("start", generation)) for generation in range(3)]
print(begun[0] > 100, begun[1] > 10, begun[2])
"""


def test_python_begins_no_full_collection_in_an_engine_however_much_comes_to_live() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split() == ["True", "True", "0"]
