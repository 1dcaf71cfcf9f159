"""When a caller's frames go: a moment after its packets arrive, and never off their own time."""

import random
from itertools import pairwise

import pytest

from callengine.worker.agent.pace import AFTER_S, MAX_BEHIND_S, RIDES_S, SLEW_S, Pace

FRAME_S = 0.02


def frames_of(arrivals: list[float], until: float, frame_s: float = FRAME_S) -> list[float]:
    """Return when frames go that are woken for by packets, and else by the time that is due."""
    pace, gone, waiting = Pace(frame_s, 0.0), [], list(arrivals)
    now = 0.0
    while now < until:
        if waiting and waiting[0] <= pace.due_at:
            now = waiting.pop(0)
            pace.arrived(now)
        else:
            now = pace.due_at
        if pace.is_due(now):
            gone.append(now)
            pace.step(now)
    return gone


def test_a_caller_that_is_silent_gets_a_frame_each_20_ms() -> None:
    gone = frames_of([], 1.0)
    assert gone == pytest.approx([number * FRAME_S for number in range(len(gone))])


def test_frames_go_along_with_packets() -> None:
    arrivals = [0.013 + number * FRAME_S for number in range(500)]
    gone = frames_of(arrivals, 10.0)
    assert len(set(gone) & set(arrivals)) > 490


@pytest.mark.parametrize("drift", [0.9998, 1.0, 1.0002])
def test_frames_keep_the_time_of_the_callers_clock_in_spite_of_jitter(drift: float) -> None:
    chance = random.Random(7)
    arrivals = [
        0.007 + number * FRAME_S * drift + chance.uniform(0, 0.002) for number in range(3000)
    ]
    gone = frames_of(arrivals, 60.0)
    assert len(gone) == pytest.approx(60.0 / FRAME_S / drift, abs=3)
    assert max(later - at for at, later in pairwise(gone)) <= (FRAME_S + RIDES_S + SLEW_S)


def test_a_caller_whose_clock_is_wrong_is_not_followed() -> None:
    """Else the agent's speech would run away with it."""
    gone = frames_of([number * FRAME_S * 0.9 for number in range(1000)], 10.0)
    assert len(gone) == pytest.approx(500, abs=2)


@pytest.mark.parametrize("frame_s", [0.03, 0.06])
def test_longer_frames_go_along_as_well(frame_s: float) -> None:
    arrivals = [0.005 + number * FRAME_S for number in range(500)]
    gone = frames_of(arrivals, 9.0, frame_s)
    assert len(gone) == pytest.approx(9.0 / frame_s, abs=2)


def test_what_was_missed_is_made_up_for_only_if_it_is_little() -> None:
    pace = Pace(FRAME_S, 0.0)
    assert pace.step(0.05) == 0
    assert pace.due_at == FRAME_S
    assert pace.step(1.0) == pytest.approx(1.0 - FRAME_S)
    assert pace.due_at == 1.0 + FRAME_S
    assert MAX_BEHIND_S < 1.0


def test_the_first_packet_sets_the_time_and_no_frame_waits_longer_for_it() -> None:
    pace = Pace(FRAME_S, 0.0)
    pace.step(0.0)
    pace.arrived(0.005)
    assert pace.due_at == 0.005 + AFTER_S
    assert pace.is_due(0.005)
    assert not pace.is_due(0.006)
