"""Levels are read while somebody looks, and not a moment longer."""

from typing import Any

import pytest

from callengine.core.control.levels import LevelsMeasured
from callengine.worker.legs.levels import INTERVAL_S, Levels, loudness


class Loud:
    def level(self) -> float | None:
        return 0.4


class Unheard:
    def level(self) -> float | None:
        return None


def test_levels_are_told_five_times_a_second_while_somebody_looks() -> None:
    told: list[LevelsMeasured] = []
    legs: dict[str, Any] = {"A": Loud(), "B": Unheard(), "B2": object()}
    levels = Levels(legs, told.append)
    levels.step(100.0)
    assert (told, levels.next_step()) == ([], None)
    levels.tell(1.0, 100.0)
    levels.tell(0.1, 100.0)  # somebody else who looks takes nothing from it
    steps = 0
    while (due := levels.next_step()) is not None:
        steps += 1
        assert steps < 20
        levels.step(due)
    assert told == [LevelsMeasured({"A": 0.4})] * steps
    assert 1.0 / INTERVAL_S <= steps <= 1.0 / INTERVAL_S + 1


def test_loudness_is_heard_as_ears_hear_it() -> None:
    assert [loudness(level) for level in (0, 255, 300, -1)] == [0, 1, 1, 0]
    assert loudness(128) == pytest.approx(0.875, abs=0.01), "half is 6 dB less, of 48"
    assert 0 <= loudness(1) < 0.01
