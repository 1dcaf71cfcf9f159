"""How a call of the codec lab went, beside what was predicted of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callengine.core.lab import LABEL, LabCase
from callengine.core.parties import CALLER, parties
from callengine.core.snapshot import CallSnapshot
from dashboard.parts.cases import query
from dashboard.parts.shown import Badge

NO_CODEC = "none"


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the comparison."""

    what: str
    predicted: str
    happened: str
    same: bool
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the lab predicted and what its call did."""

    badge: Badge
    lines: tuple[Compared, ...]
    settled: bool
    "Whether the call's outcome is known."


@dataclass(frozen=True, slots=True)
class LabCallView:
    """What a lab call's page says of the lab."""

    by: str
    query: str
    "Leads back to the case."
    comparison: Comparison


def present_lab_call(call: CallSnapshot, plan: Mapping[str, Any]) -> LabCallView | None:
    """Return how a call went beside its prediction; None for calls from elsewhere."""
    placed = plan.get("lab")
    if not placed or not call["source"].startswith(LABEL):
        return None
    return LabCallView(
        by=placed["by"],
        query=query(LabCase.from_dict(placed["case"])),
        comparison=compare(placed["predicted"], call),
    )


def compare(predicted: Mapping[str, Any], call: CallSnapshot) -> Comparison:
    """Hold a lab call against `Prediction.summary` as it stood when the call was placed."""
    codecs = parties(call["legs"], call.get("near", CALLER)).codecs
    answered = call["answered"] is not None
    ended = call["termination"] is not None
    # A voice agent's leg has none: it is no SIP.
    awaited = codecs[:1] if call["destination"].startswith(f"{LABEL}agent:") else codecs
    settled = (answered and all(awaited)) or ended
    end = call["termination"]
    failed = end if end is not None and not answered else None
    happened = {
        "Outcome": _outcome(failed["code"] if failed else None, failed["reason"] if failed else ""),
        "Leg A": (codecs[0] if answered else None) or NO_CODEC,
        "Leg B": (codecs[1] if answered else None) or NO_CODEC,
    }
    expected = {
        "Outcome": _outcome(predicted.get("code"), str(predicted.get("reason", ""))),
        "Leg A": predicted.get("codec_a") or NO_CODEC,
        "Leg B": predicted.get("codec_b") or NO_CODEC,
    }
    lines = tuple(
        Compared(
            what=what,
            predicted=str(expected[what]),
            happened=str(happened[what]) if settled else "waiting",
            same=expected[what] == happened[what],
            waiting=not settled,
        )
        for what in expected
    )
    return Comparison(_verdict(lines, settled=settled), lines, settled)


def _outcome(code: int | None, reason: str) -> str:
    if not code:
        return "Answered"
    return f"Declined {code} {reason}" if code >= 400 else f"Ended before the answer: {reason}"


def _verdict(lines: Sequence[Compared], *, settled: bool) -> Badge:
    if not settled:
        return Badge("Waiting for the phones", "wait")
    if all(line.same for line in lines):
        return Badge("As predicted", "up")
    return Badge("Differs from the prediction", "fail")
