"""What is said of a leg's quality over the whole call, beside its plots. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from callengine.core.history import QualityHistory
from dashboard.calls.shown import CallView, LegView, Measure

_MEASURES = (
    ("mos", "MOS", "", 1),
    ("loss_percent", "Loss", "%", 1),
    ("jitter_ms", "Jitter", "ms", 0),
)


def with_measures(call: CallView, histories: Mapping[str, QualityHistory]) -> CallView:
    """Return a call whose two legs tell of their quality; `histories` are by leg name."""

    def told(leg: LegView | None) -> LegView | None:
        return replace(leg, measures=present_history(histories.get(leg.name))) if leg else None

    return replace(call, leg_a=told(call.leg_a), leg_b=told(call.leg_b))


def present_history(history: QualityHistory | None) -> tuple[Measure, ...]:
    """Return best, worst and average of each measure, `-` where nothing was measured."""
    measures = []
    for key, word, unit, digits in _MEASURES:
        measured = history["summary"].get(key) if history else None
        values = (measured["best"], measured["worst"], measured["average"]) if measured else ()
        best, worst, average = (f"{value:.{digits}f}" for value in values) if values else "---"
        measures.append(Measure(key, word, unit, digits, best, worst, average))
    return tuple(measures)
