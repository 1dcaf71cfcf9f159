"""Levels at which something is said, and under which it is said no more. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """Said from `at` on, and then until it is below `below`: what swings about `at` stays said."""

    at: float
    below: float

    def holds(self, value: float, *, before: bool) -> bool:
        """Tell whether it is said of a value; `before`: it was said until now."""
        return value >= self.at or (before and value >= self.below)

    def holds_of(self, times: Sequence[dt.datetime], now: dt.datetime, *, of: dt.timedelta) -> bool:
        """Tell whether it is said now of how many times there were in the last stretch `of`.

        `times` reach as far back as is known; all of the last stretch, or the newest `at` of it.
        """
        steps = [(time, 1) for time in times]
        steps += [(time + of, -1) for time in times if time + of <= now]
        count, is_said = 0, False
        for _, step in sorted(steps):
            count += step
            is_said = self.holds(count, before=is_said)
        return is_said
