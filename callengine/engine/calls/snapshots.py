"""What is heard of a call, as its snapshot has it. No state of its own."""

from datetime import datetime
from typing import Any

from callengine.core.control.calls import LegFacts
from callengine.core.snapshot import CallSnapshot, LegSnapshot, QualitySnapshot, iso
from callengine.edge.interface import Attempt, LegAnchor


def leg_snapshot(
    facts: LegFacts, *, label: str, call_id: str, quality: QualitySnapshot | None
) -> LegSnapshot:
    """Return a leg as its call process tells of it; `quality` is its last sample."""
    return {
        "name": facts.name,
        "label": label,
        "call_id": call_id,
        "user_agent": facts.user_agent,
        "offered": list(facts.offered),
        "allowed": list(facts.allowed),
        "codec": facts.codec,
        "payload_type": facts.payload_type,
        "remote": facts.remote,
        "encryption": facts.encryption,
        "state": facts.state,
        "quality": quality,
    }


def take_attempt(snapshot: CallSnapshot, anchor: LegAnchor, attempt: Attempt) -> None:
    """Have a snapshot tell that a gateway was sent the INVITE, or what came of it."""
    attempts = snapshot.setdefault("attempts", [])
    row = next((one for one in attempts if one["leg"] == anchor.name), None)
    if row is None:
        row = {
            "leg": anchor.name,
            "trunk": anchor.trunk,
            "gateway": anchor.gateway,
            "name": anchor.via,
            "target": anchor.flow,
            "at": iso(attempt.at),
            "took_s": None,
            "code": 0,
            "said": "",
        }
        attempts.append(row)
    # A challenge is answered by a second INVITE of the same attempt.
    began = datetime.fromisoformat(row["at"]).timestamp()
    row["took_s"] = round(max(attempt.at - began, 0.0), 3) if attempt.code else None
    row["code"], row["said"] = attempt.code, attempt.said


def copied(value: Any) -> Any:
    """Return a copy of plain data; `copy.deepcopy` takes ten times as long."""
    if isinstance(value, dict):
        return {
            name: copied(item) if isinstance(item, dict | list) else item
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [copied(item) if isinstance(item, dict | list) else item for item in value]
    return value
