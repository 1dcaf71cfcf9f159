"""What is said of a leg's quality over the whole call, beside its plots. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from callengine.core.history import QualityHistory


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure over the whole call, in words."""

    key: str
    word: str
    unit: str
    best: str
    worst: str
    average: str


_MEASURES = (
    ("mos", "MOS", "", 1),
    ("loss_percent", "Loss", "%", 1),
    ("jitter_ms", "Jitter", "ms", 0),
)


def present_history(history: QualityHistory) -> tuple[Measure, ...]:
    """Return best, worst and average of each measure; nothing of a leg without audio."""
    if not history.get("t"):
        return ()
    return tuple(
        Measure(
            key=key,
            word=word,
            unit=unit,
            **{
                name: f"{value:.{digits}f}"
                for name, value in _summary(history, key).items()
                if name in ("best", "worst", "average")
            },
        )
        for key, word, unit, digits in _MEASURES
    )


def _summary(history: QualityHistory, key: str) -> Mapping[str, float]:
    known = history["summary"].get(key)
    return dict(known) if known else {"best": 0.0, "worst": 0.0, "average": 0.0}  # type: ignore[arg-type]
