"""When the journal writes: at once what comes alone, together what keeps coming."""

from itertools import pairwise

import pytest

from callengine.record.pace import WritingPace

TOOK_S = 0.005


@pytest.fixture
def pace() -> WritingPace:
    return WritingPace(times=20.0, most_s=0.4)


def written(pace: WritingPace, at: float) -> float:
    """Have a change come, and be written as soon as may be; return when that was."""
    began = max(at, pace.next_at(at))
    pace.begun(began)
    pace.ended(began + TOOK_S)
    return began


def test_what_comes_alone_waits_for_nothing(pace: WritingPace) -> None:
    assert [written(pace, at) for at in (10.0, 11.0, 12.0)] == [10.0, 11.0, 12.0]


def test_what_follows_at_once_waits_a_little(pace: WritingPace) -> None:
    written(pace, 10.0)
    assert written(pace, 10.02) == pytest.approx(10.1)


def test_the_longer_changes_keep_coming_the_more_are_written_together(pace: WritingPace) -> None:
    began = [written(pace, 10.0)]
    while began[-1] < 20.0:
        began.append(written(pace, began[-1] + 0.01))
    pauses = [later - earlier for earlier, later in pairwise(began)]
    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[-1] == pytest.approx(0.4)
    assert max(pauses) <= 0.4 + 1e-9


def test_after_a_silence_nothing_waits_any_more(pace: WritingPace) -> None:
    at = 10.0
    for _ in range(10):
        at = written(pace, at) + 0.01
    assert written(pace, at + 1.0) == at + 1.0
    assert written(pace, at + 1.02) == pytest.approx(at + 1.1)
