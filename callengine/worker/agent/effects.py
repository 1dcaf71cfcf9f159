"""Where a conversation stands, and what it asks of its thread beside what its dialect does."""

from dataclasses import dataclass
from enum import Enum

from agents.dialects.interface import AgentNote, Handshake, Line, Send, Tool, TransferTo
from callengine.core.reasons import Reason


class Phase(Enum):
    """Where a conversation stands."""

    CONNECTING = "connecting"
    "The engine connects."
    OPENING = "opening"
    "The websocket opens, or is open and the agent not ready."
    READY = "ready"
    WAITING = "waiting"
    "A socket has failed, and the next attempt is to come."
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class AskSocket:
    """Have the engine connect to the agent's host; there is no other socket."""


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """Open a websocket on what the engine has connected."""

    handshake: Handshake
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Send a closing frame, and wait for the agent's."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class DropSocket:
    """Send a closing frame if it is open, and wait for nothing."""


@dataclass(frozen=True, slots=True)
class AgentReady:
    """The agent can be talked to for the first time."""


@dataclass(frozen=True, slots=True)
class Left:
    """All is over; there is no socket any more."""

    reason: Reason | None
    "None: we were asked to end it."
    detail: str = ""
    "A clause in the agent's or the network's own words."


Effect = (
    AskSocket | OpenSocket | Send | CloseSocket | DropSocket
    | AgentReady | Left | Line | Tool | AgentNote | TransferTo
)  # fmt: skip
