"""What the engine and a call process say to each other of a voice agent's leg. Pure."""

from dataclasses import dataclass
from typing import Annotated, Literal

from agents.formats import Encoding
from agents.limits import MAX_PROMPT, MAX_TOOLS
from callengine.core.control.words import LegName, StatusCode
from callengine.core.shapes import Most, UnixTime, Within

AgentKey = Annotated[str, Most(200)]
"What a voice agent's platform calls one line, or one call of a tool."
AgentState = Literal["connecting", "opening", "ready", "reconnecting", "ended"]
AgentMoment = Literal[
    "asked", "connected", "ready", "first_agent_audio", "first_rtp_out", "ended"
]  # fmt: skip
MAX_SETTINGS = MAX_PROMPT + MAX_TOOLS + 20_000
"Characters of what is changed of a session: with room for being quoted as JSON."


@dataclass(frozen=True, slots=True)
class AgentSocket:
    """The answer to `ConnectAgent`: a connected TCP socket comes with the message, or an error.

    It is not blocking, and nothing has been written to it.
    """

    call: str
    leg: LegName
    error: Annotated[str, Most(500)]
    "One sentence on why there is none; empty if there is one."
    address: Annotated[str, Most(100)]
    "`HOST:PORT` that was reached; empty if none was."


@dataclass(frozen=True, slots=True)
class ChangeAgent:
    """Change settings of a voice agent's session while it lasts."""

    call: str
    leg: LegName
    settings: Annotated[str, Most(MAX_SETTINGS)]
    "As JSON: what `Dialect.change` takes."
    by: Annotated[str, Most(150)]


@dataclass(frozen=True, slots=True)
class TransferRefused:
    """A transfer that a voice agent asked for rings nobody."""

    call: str
    leg: LegName
    key: AgentKey
    code: StatusCode
    why: Annotated[str, Most(4000)]


@dataclass(frozen=True, slots=True)
class ConnectAgent:
    """Connect to a voice agent's host: call processes may not. Answered by `AgentSocket`.

    One of a leg may be waited for at a time; where to, stands in its order.
    """

    leg: LegName


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What is known of a voice agent's session; sent anew, whole, when something of it changes.

    Figures alone (`queue_ms`, `barge_ins`) are sent once a second at most.
    """

    leg: LegName
    dialect: Annotated[str, Most(20)]
    session_id: Annotated[str, Most(200)]
    state: AgentState
    moments: dict[AgentMoment, UnixTime]
    "When what came to pass, for the first time."
    queue_ms: Annotated[float, Within(0, 1e9)]
    "Audio of the agent that waits to be played."
    barge_ins: Annotated[int, Within(0, 1e9)]
    close_code: Annotated[int, Within(0, 65535)] | None
    "Of the websocket (RFC 6455 section 7.4); None while it is open."
    close_reason: Annotated[str, Most(500)]
    input: Encoding
    output: Encoding
    how_in: Annotated[str, Most(200)]
    "What is done to the caller's audio: `bytes pass untouched`; empty before it is known."
    how_out: Annotated[str, Most(200)]


@dataclass(frozen=True, slots=True)
class AgentLine:
    """What was said, as far as it is known; one of the same `key` replaces the former."""

    leg: LegName
    key: AgentKey
    who: Literal["caller", "agent"]
    text: Annotated[str, Most(4000)]
    is_final: bool
    is_interrupted: bool
    at: UnixTime


@dataclass(frozen=True, slots=True)
class AgentTool:
    """A voice agent has called a tool."""

    leg: LegName
    name: Annotated[str, Most(200)]
    outcome: Annotated[str, Most(1000)]
    at: UnixTime


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """A voice agent wants the caller connected with somebody else.

    It is told by `TransferRefused` if nobody is rung; if somebody is, the call's machine tells it
    how that ended.
    """

    leg: LegName
    key: AgentKey
    target: Annotated[str, Most(255)]
