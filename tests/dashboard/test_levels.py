"""At which level something is said, and when it is said no more, by times of the test's."""

import datetime as dt

import pytest

from dashboard.overview.levels import Level

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
LEVEL = Level(at=50, below=25)


def every(minutes: float, *, since: float, until: float = 0) -> list[dt.datetime]:
    """Return times before noon: so often, from so many minutes before to so many."""
    count = int((since - until) / minutes)
    return [NOON - dt.timedelta(minutes=since - minutes * each) for each in range(count)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([49, 50, 49, 50, 25, 24, 49], [False, True, True, True, True, False, False]),
        ([90, 20, 30], [True, False, False]),
    ],
)
def test_what_swings_about_its_level_stays_said(values: list[float], said: list[bool]) -> None:
    is_said, told = False, []
    for value in values:
        is_said = LEVEL.holds(value, before=is_said)
        told.append(is_said)
    assert told == said


@pytest.mark.parametrize(
    ("times", "is_said"),
    [
        ([], False),
        (every(1.0, since=60), True),
        (every(1.3, since=240), False),  # 46 an hour, and never more
        (every(1.3, since=120) + every(1.0, since=180, until=120), True),
        (every(1.0, since=240, until=180) + every(1.3, since=60), False),  # it had stopped
        (every(0.1, since=90, until=50), True),  # a burst, an hour has not gone by
        (every(0.1, since=90, until=61), False),
    ],
)
def test_it_is_told_by_the_times_alone(times: list[dt.datetime], *, is_said: bool) -> None:
    assert LEVEL.holds_of(times, NOON, of=HOUR) is is_said
    assert LEVEL.holds_of(times[::-1], NOON, of=HOUR) is is_said
