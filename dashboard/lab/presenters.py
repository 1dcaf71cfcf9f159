"""What the codec lab shows: a prediction, and beside it what happened. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from audiocodecs.chips import Chip, chip
from audiocodecs.negotiation import Negotiation
from callengine.core.lab import LabCase, Prediction
from callengine.core.outcomes import Rejection, Termination
from callengine.core.snapshot import LegSnapshot
from dashboard.calls.presenters import codec_path, present_leg
from dashboard.calls.shown import BridgeView, LegView, TerminationView
from dashboard.parts.shown import Badge


@dataclass(frozen=True, slots=True)
class LabLeg:
    """One leg of the lab: its two lists compared, and each step in words."""

    view: LegView
    steps: tuple[tuple[str, str], ...]
    "Mark (`chosen`, `shared`, `refused`) and sentence of each codec, in the order of the walk."


@dataclass(frozen=True, slots=True)
class LabView:
    """The outcome of one case."""

    badge: Badge
    bridge: BridgeView | None
    "None if the call would not connect."
    codec_path: str
    leg_a: LabLeg | None
    leg_b: LabLeg | None
    termination: TerminationView | None
    remarks: tuple[str, ...]
    agent: str
    "Name of the voice agent that is called, if one is: it has no leg B to negotiate."
    callable: bool
    "Whether a call can be placed: what is refused before it becomes one cannot."


def present_lab(
    case: LabCase,
    prediction: Prediction,
    *,
    remarks: Sequence[str] = (),
) -> LabView:
    """Return what the lab shows of a prediction."""
    end, plan = _end(prediction), prediction.plan
    connected = end is None
    chip_a = _chip(prediction.leg_a) if connected else None
    chip_b = _chip(prediction.leg_b) if connected else None
    leg_a = leg_b = None
    if plan is not None and prediction.leg_a is not None:
        leg_a = _leg("A", "caller", prediction.leg_a, plan.vn_a_source)
    if plan is not None and prediction.leg_b is not None:
        leg_b = _leg("B", plan.waves[0].label, prediction.leg_b, plan.vn_b_source)
    agent = case.destination_name if case.destination == "agent" else ""
    transcoded = bool(chip_a and chip_b and chip_a.name != chip_b.name)
    path = codec_path(chip_a, chip_b, transcoded=transcoded)
    if agent and chip_a:
        path = f"{chip_a.name} on the caller's leg"
    bridge = BridgeView(chip_a, chip_b, transcoded=transcoded, agent=agent) if chip_a else None
    return LabView(
        badge=end.badge if end else Badge("Connected", "up"),
        bridge=bridge,
        codec_path=path,
        leg_a=leg_a,
        leg_b=leg_b,
        termination=end,
        remarks=tuple(remarks),
        agent=agent,
        callable=prediction.rejection is None,
    )


def _chip(met: Negotiation | None) -> Chip | None:
    return chip(met.codec) if met and met.codec else None


def _leg(name: str, label: str, met: Negotiation, source: str) -> LabLeg:
    leg: LegSnapshot = {
        "name": name,
        "label": label,
        "call_id": "",
        "user_agent": "",
        "offered": list(met.theirs),
        "allowed": list(met.ours),
        "codec": met.codec,
        "payload_type": None,
        "remote": "",
        "encryption": "",
        "state": "",
        "quality": None,
    }
    view = present_leg(leg, source=source, live=False)
    marks = {line.chip.name: line.mark for line in (*view.ours, *view.theirs)}
    return LabLeg(view, tuple((marks[step.codec], step.sentence) for step in met.steps))


def _end(prediction: Prediction) -> TerminationView | None:
    if prediction.rejection is not None:
        return _refused(prediction.rejection)
    return _declined(prediction.termination) if prediction.termination else None


def _declined(end: Termination) -> TerminationView:
    by = {"engine": "the engine", "callee": "the callee"}.get(end.by, end.by)
    return TerminationView(
        badge=Badge(f"Declined {end.code}", "fail"),
        what=f"Declined by {by}",
        rule=end.reason,
        code=end.code,
        advice=end.advice,
    )


def _refused(rejection: Rejection) -> TerminationView:
    return TerminationView(
        badge=Badge(f"Refused {rejection.code}", "fail"),
        what="Refused before it becomes a call",
        rule=rejection.rule,
        code=rejection.code,
        advice=rejection.advice,
    )
