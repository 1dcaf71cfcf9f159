"""What a call process tells of its agent."""

from typing import Any

from agents.formats import Encoding
from callengine.core.control.agents import AgentFacts


def agent_facts(**different: Any) -> AgentFacts:
    """Return the facts of a session that is up, changed as told."""
    same: dict[str, Any] = {
        "leg": "B",
        "dialect": "twilio",
        "session_id": "MZ1",
        "state": "ready",
        "moments": {"asked": 1.0, "ready": 1.5},
        "queue_ms": 20.0,
        "barge_ins": 0,
        "close_code": None,
        "close_reason": "",
        "input": Encoding.PCMU,
        "output": Encoding.PCMU,
        "how_in": "bytes pass untouched",
        "how_out": "bytes pass untouched",
    }
    return AgentFacts(**same | different)
