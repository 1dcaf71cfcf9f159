"""What a line of a list says of a call's sound. Pure."""

from collections.abc import Sequence

from callengine.core.parties import CallLegs
from callengine.core.snapshot import CallSnapshot
from dashboard.calls.shown import RowFigures
from dashboard.calls.silence import NO_FIGURE, mos_badge
from dashboard.parts.shown import Badge

Measured = tuple[float | None, float | None]
"MOS and loss in percent; None where nothing is measured now."


def of_call(call: CallSnapshot, legs: CallLegs, *, live: bool) -> RowFigures:
    """Return the figures of this second, or the worst of a call that is over."""
    if live:
        now = [_now(leg) for leg in (legs.caller, legs.callee)]
        return row_figures(now[0], now[1])
    kept = call.get("figures")
    worst = (kept["worst_mos_a"], kept["worst_mos_b"]) if kept else (None, None)
    return row_figures((worst[0], None), (worst[1], None))


def _now(leg: object) -> Measured:
    quality = leg["quality"] if isinstance(leg, dict) and leg["state"] != "ended" else None
    return (quality["mos"], quality["loss_percent"]) if quality else (None, None)


def row_figures(a: Measured, b: Measured) -> RowFigures:
    """Return what is said of both legs."""
    losses = [loss for _, loss in (a, b) if loss is not None]
    measured = [mos for mos, _ in (a, b) if mos is not None]
    return RowFigures(
        mos=(_badge(a[0]), _badge(b[0])),
        loss=f"{max(losses):.1f} %" if losses else "",
        worst=min(measured, default=None),
    )


def post_dial(call: CallSnapshot) -> str:
    """Return how long it took to be reached, in seconds; empty if it is not known."""
    kept = call.get("figures")
    seconds = kept["post_dial_s"] if kept else None
    return "" if seconds is None else f"{seconds:.1f} s"


def _badge(mos: float | None) -> Badge:
    return Badge(NO_FIGURE, "idle") if mos is None else Badge(f"{mos:.1f}", mos_badge(mos).tone)


def measured(values: Sequence[float | None]) -> Measured:
    """Return what a notice says of one leg."""
    mos, loss = (*values, None, None)[:2]
    return mos, loss
