"""What marked frames tell: delays, gaps and losses of each direction."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

MATCHED_WITHIN_NS = 190_000_000
"A loud frame that comes later is of the next one sent."
EDGE_NS = 300_000_000
"Of the time measured, what may have been sent before or come after."
MOST_TO_MS, MOST_BACK_MS, MOST_GAP_MS = 5.0, 45.0, 40.0
Marks = Sequence[tuple[int, int | None]]
Ends = tuple[Mapping[str, Marks], Mapping[str, Marks] | None]


@dataclass
class Direction:
    """One direction of all calls."""

    delays_ms: list[float] = field(default_factory=list)
    longest_gap_ms: float = 0.0
    lost: int = 0

    def add(self, sent: Marks, came: Marks, span: tuple[int, int], *, is_counted: bool) -> None:
        """Take one call's: what was sent at one end and what came at the other."""
        began, ended = span
        times = [at for at, _ in came if began <= at <= ended]
        gaps = (later - at for at, later in pairwise(times))
        self.longest_gap_ms = max(self.longest_gap_ms, max(gaps, default=ended - began) / 1e6)
        inside = [(at, n) for at, n in sent if began + EDGE_NS <= at <= ended - EDGE_NS]
        match = _counted(came) if is_counted else _loud(came)
        for at, number in inside:
            if not is_counted and not number:
                continue
            arrived = match(at, number)
            if arrived is None:
                self.lost += 1
            else:
                self.delays_ms.append((arrived - at) / 1e6)

    def percentile(self, share: float) -> float:
        """Return the delay that this share of all stays within, ms."""
        ordered = sorted(self.delays_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 9999.0

    @property
    def p99_ms(self) -> float:
        """The delay that 99 of 100 stay within."""
        return self.percentile(0.99)


@dataclass
class Result:
    """What calls of one kind did; `percent` of a core is of all that ran beside each other."""

    percent: float
    to: Direction
    back: Direction

    def row(self) -> str:
        """Return the figures as a line of the table."""
        to, back = self.to, self.back
        return (
            f"{self.percent:>11.2f}  {to.percentile(0.5):>6.1f}/{to.p99_ms:<7.1f}"
            f"  {back.percentile(0.5):>6.1f}/{back.p99_ms:<7.1f}"
            f"  {to.longest_gap_ms:.0f}/{back.longest_gap_ms:.0f}, {to.lost}/{back.lost}"
            f" of {len(to.delays_ms) + to.lost}/{len(back.delays_ms) + back.lost}"
        )

    def missed(self, wire: "Result") -> list[str]:
        """Return which lines are not held, given what a plain wire takes."""
        to_ms, back_ms = self.to.p99_ms - wire.to.p99_ms, self.back.p99_ms - wire.back.p99_ms
        gap_ms = max(self.to.longest_gap_ms, self.back.longest_gap_ms)
        lost = self.to.lost + self.back.lost
        return [
            *([f"to the agent {to_ms:.1f} ms"] if to_ms > MOST_TO_MS else []),
            *([f"back {back_ms:.1f} ms"] if back_ms > MOST_BACK_MS else []),
            *([f"a gap of {gap_ms:.0f} ms"] if gap_ms > MOST_GAP_MS else []),
            *([f"{lost} lost"] if lost else []),
        ]


def result(
    calls: Sequence[Ends], *, is_counted: bool, span: tuple[int, int], percent: float
) -> Result:
    """Return the result of calls, each its caller's marks and its agent's."""
    to, back = Direction(), Direction()
    for phone, agent in calls:
        there = agent or {"sent": [], "came": []}
        to.add(phone["sent"], there["came"], span, is_counted=is_counted)
        back.add(there["sent"], phone["came"], span, is_counted=is_counted)
    return Result(percent, to, back)


def _counted(came: Marks) -> Any:
    first: dict[int, int] = {}
    for at, number in came:
        if number is not None:
            first.setdefault(number, at)
    return lambda at, number: first.get(number)


def _loud(came: Marks) -> Any:
    loud = [at for at, is_loud in came if is_loud]

    def match(at: int, number: int) -> int | None:
        place = bisect_left(loud, at)
        is_near = place < len(loud) and loud[place] - at < MATCHED_WITHIN_NS
        return loud[place] if is_near else None

    return match
