"""A leg's quality over a whole call in a bounded number of points: neighbours are merged."""

from dataclasses import dataclass, field
from typing import TypedDict

MAX_POINTS = 600


class Summary(TypedDict):
    """One measure over the whole call, from every sample."""

    best: float
    worst: float
    average: float
    """Of packets, not of samples: one lost of three, in what is left of a second when a call
    begins or a process was held up, would count like seventeen lost of fifty."""


class QualityHistory(TypedDict):
    """Columns of equal length, oldest first; a leg without audio has none at all.

    A point made of several samples holds the worst of each measure: no dip is averaged away. It is
    None where nothing was measured in all of its time.
    """

    t: list[float]
    "Seconds since the call began."
    mos: list[float | None]
    loss_percent: list[float | None]
    jitter_ms: list[float | None]
    samples: int
    "How many seconds were measured."
    packets: int
    "That came in these seconds or were lost."
    summary: dict[str, Summary]
    "By measure: `mos`, `loss_percent`, `jitter_ms`; empty if nothing was measured."


MEASURES = ("mos", "loss_percent", "jitter_ms")
_Point = tuple[float, float, float, float]
_Gap = tuple[float, None, None, None]
"A second without audio: it has a place in time, and no figures."


@dataclass(slots=True)
class Recorder:
    """Takes a sample a second; when full, every two neighbours become one and the step doubles."""

    max_points: int = MAX_POINTS
    weight: int = 1
    "How many samples make a point."
    points: list[_Point | _Gap] = field(default_factory=list)
    _waiting: list[_Point | _Gap] = field(default_factory=list)
    _count: int = 0
    _packets: int = 0
    _sums: list[float] = field(default_factory=lambda: [0.0] * 3)
    _lows: list[float] = field(default_factory=lambda: [float("inf")] * 3)
    _highs: list[float] = field(default_factory=lambda: [float("-inf")] * 3)

    def add(
        self, t: float, mos: float, loss_percent: float, jitter_ms: float, *, packets: int
    ) -> None:
        """Take one sample, of so many packets, at `t` seconds since the call began."""
        values = (mos, loss_percent, jitter_ms)
        self._count += 1
        self._packets += packets
        for index, value in enumerate(values):
            self._sums[index] += value * packets
            self._lows[index] = min(self._lows[index], value)
            self._highs[index] = max(self._highs[index], value)
        self._append((t, *values))

    def add_gap(self, t: float) -> None:
        """Take a second in which nothing could be measured."""
        self._append((t, None, None, None))

    def _append(self, point: _Point | _Gap) -> None:
        self._waiting.append(point)
        if len(self._waiting) < self.weight:
            return
        self.points.append(_worst(self._waiting))
        self._waiting.clear()
        if len(self.points) >= self.max_points:
            pairs = [self.points[index : index + 2] for index in range(0, len(self.points), 2)]
            self.points = [_worst(pair) for pair in pairs]
            self.weight *= 2

    @property
    def worst_mos(self) -> float | None:
        """The worst MOS of all samples; None if nothing was measured."""
        return round(self._lows[0], 2) if self._count else None

    def history(self) -> QualityHistory:
        """Return a copy of all points, with what has not made a whole point yet as the last."""
        points = [*self.points, _worst(self._waiting)] if self._waiting else self.points
        mos, loss, jitter = ([_rounded(p[index]) for p in points] for index in (1, 2, 3))
        return {
            "t": [round(point[0], 2) for point in points],
            "mos": mos,
            "loss_percent": loss,
            "jitter_ms": jitter,
            "samples": self._count,
            "packets": self._packets,
            "summary": self._summaries() if self._count else {},
        }

    def _summaries(self) -> dict[str, Summary]:
        return {name: self._summary(index) for index, name in enumerate(MEASURES)}

    def _summary(self, index: int) -> Summary:
        ends = (round(self._lows[index], 2), round(self._highs[index], 2))
        worst, best = ends if MEASURES[index] == "mos" else ends[::-1]
        average = round(self._sums[index] / self._packets, 2)
        return {"best": best, "worst": worst, "average": average}


def _worst(points: list[_Point | _Gap]) -> _Point | _Gap:
    measured = [point for point in points if point[1] is not None]
    if not measured:
        return (points[-1][0], None, None, None)
    return (
        points[-1][0],
        min(point[1] for point in measured),
        max(point[2] for point in measured),
        max(point[3] for point in measured),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
