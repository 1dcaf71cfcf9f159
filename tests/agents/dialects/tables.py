"""What the tables of all dialects use: a session, and what was sent."""

import json
from collections.abc import Iterable
from typing import Any

from agents.dialects.interface import Effect, Send, Session
from agents.formats import AudioFormat, Encoding

PCMU = AudioFormat(Encoding.PCMU)
CALL = "0123456789abcdef" * 2


def session(**settings: Any) -> Session:
    """Return a session in mu-law, of a call from +1202... to +1203..."""
    values: dict[str, Any] = {
        "url": "wss://agent.example.com/ws",
        "input": PCMU,
        "output": PCMU,
        "call_uuid": CALL,
        "sip_call_id": "abc@example.com",
        "from_user": "+12025550100",
        "to_user": "+12035550177",
        "account": "AC1",
    }
    return Session(**values | settings)


def sent(effects: Iterable[Effect]) -> list[dict[str, Any]]:
    """Return the messages among effects."""
    return [json.loads(effect.text) for effect in effects if isinstance(effect, Send)]


def others(effects: Iterable[Effect]) -> list[Effect]:
    """Return what is no message."""
    return [effect for effect in effects if not isinstance(effect, Send)]


def text(**message: Any) -> str:
    """Return a message of the agent's."""
    return json.dumps(message)
