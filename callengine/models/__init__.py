"""The record: calls and all that belongs to them, what was rejected, and which engines run."""

from callengine.models.agents import AgentSession, AgentSessionLine
from callengine.models.calls import MAX_PARTY_LENGTH, Call, CallEvent, CallHeader, Leg
from callengine.models.captures import PacketCapture
from callengine.models.messages import Direction, SipMessage
from callengine.models.nodes import EngineNode
from callengine.models.rejections import Ban, Rejection
from callengine.models.shares import CallShare

__all__ = [
    "MAX_PARTY_LENGTH",
    "AgentSession",
    "AgentSessionLine",
    "Ban",
    "Call",
    "CallEvent",
    "CallHeader",
    "CallShare",
    "Direction",
    "EngineNode",
    "Leg",
    "PacketCapture",
    "Rejection",
    "SipMessage",
]
