"""What the engine, its fork server and its call processes say to each other. Pure.

One type a message; its name is the message's type on the socket. Both ends are of one release, so
nothing is optional and nothing unknown is let pass. A call process reads what strangers send: what
it says is checked as a stranger's words are, and one that says anything else is ended.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, TypeVar

from agents.formats import Encoding
from agents.limits import MAX_PROMPT, MAX_TOOLS
from callengine.core.orders import CallOrder, TransferOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.shapes import Most, ShapeError, UnixTime, Within, plain, prepare, read
from callengine.core.snapshot import QualitySnapshot
from callengine.core.states import CallState

MAX_MESSAGE_BYTES = 256 * 1024

LegName = Annotated[str, Most(4)]
CodecName = Annotated[str, Most(20)]
StatusCode = Annotated[int, Within(0, 699)]
"A SIP status code (RFC 3261 section 7.2), or 0 where there was none."
ProcessId = Annotated[int, Within(1, 2**31)]
Port = Annotated[int, Within(1, 65535)]
AgentKey = Annotated[str, Most(200)]
"What a voice agent's platform calls one line, or one call of a tool."
AgentState = Literal["connecting", "opening", "ready", "reconnecting", "ended"]
AgentMoment = Literal[
    "asked", "connected", "ready", "first_agent_audio", "first_rtp_out", "ended"
]  # fmt: skip
MAX_SETTINGS = MAX_PROMPT + MAX_TOOLS + 20_000
"Characters of what is changed of a session: with room for being quoted as JSON."


# From the engine to a call process


@dataclass(frozen=True, slots=True)
class TakeCall:
    """Carry this call; its INVITE follows at once."""

    order: CallOrder


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the call for this reason."""

    termination: Termination


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Ring somebody else for the caller."""

    order: TransferOrder


@dataclass(frozen=True, slots=True)
class FollowRedirect:
    """The answer to `RedirectAsked`: ring these instead of a leg, or nobody."""

    call: str
    leg: LegName
    waves: tuple[WaveOrder, ...]
    why: str
    "Why it is not followed, if there are no waves."


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
class Stop:
    """End with the call that is up, or at once."""


# From a call process to the engine


@dataclass(frozen=True, slots=True)
class Ready:
    """It can take a call."""

    sip_port: Port
    codecs: tuple[CodecName, ...]
    unavailable: dict[CodecName, str]
    "Codec name -> why it cannot be used."


@dataclass(frozen=True, slots=True)
class Taken:
    """It carries the call; from now on it speaks for it."""


@dataclass(frozen=True, slots=True)
class Unable:
    """It cannot carry the call, of which nothing has been answered, and ends."""

    reason: Literal[Reason.INVITE_NOT_TAKEN, Reason.NO_WORKING_CALL_PROCESS]
    why: Annotated[str, Most(1000)]


@dataclass(frozen=True, slots=True)
class Idle:
    """The call is over and all of it has been told."""

    recycle: bool
    "Whether the process ends, to be replaced."


@dataclass(frozen=True, slots=True)
class StateReached:
    """Where the call stands now."""

    state: CallState
    at: UnixTime


@dataclass(frozen=True, slots=True)
class LegFacts:
    """What is known of one leg; sent anew, whole, when something of it changes."""

    name: LegName
    call_id: Annotated[str, Most(255)]
    user_agent: Annotated[str, Most(255)]
    offered: tuple[CodecName, ...]
    allowed: tuple[CodecName, ...]
    codec: CodecName | None
    "None until the other party has heard the leg."
    payload_type: Annotated[int, Within(0, 127)] | None
    remote: Annotated[str, Most(100)]
    """Where its audio is sent, `HOST:PORT`; empty until the other party has heard the leg. A voice
    agent's leg has this and no codec."""
    state: Literal["up", "ended"]


@dataclass(frozen=True, slots=True)
class TimelineNote:
    """A line for the timeline."""

    kind: Annotated[str, Most(40)]
    leg: LegName
    "Empty: the whole call's."
    text: Annotated[str, Most(4000)]
    at: UnixTime


@dataclass(frozen=True, slots=True)
class TransferOver:
    """A transfer has ended."""

    leg: LegName | None
    "The new callee's; None if the call goes on as it was, or ends."
    at: UnixTime


@dataclass(frozen=True, slots=True)
class RedirectAsked:
    """A leg answered 3xx: whom to ring instead? Answered by `FollowRedirect`."""

    leg: LegName
    code: StatusCode
    contacts: tuple[str, ...]


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


@dataclass(frozen=True, slots=True)
class QualityMeasured:
    """One second's statistics; of no leg, it is a sign of life."""

    legs: dict[LegName, QualitySnapshot]


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Why and when the call ended."""

    termination: Termination
    at: UnixTime


# To and from the fork server


@dataclass(frozen=True, slots=True)
class Fork:
    """Fork a call process; its end of a control socket comes with the message."""

    number: int
    "The engine's, for the answer."
    bridge_rate_hz: int
    rtp_port: Port
    "First of the ports the process may use."
    user_agent: str
    calls_before_recycling: int


@dataclass(frozen=True, slots=True)
class Confined:
    """It has given up what call processes do not need."""

    left: tuple[str, ...]
    "One sentence for each thing that could not be given up here."


@dataclass(frozen=True, slots=True)
class Forked:
    """A call process has been forked."""

    number: int
    pid: ProcessId


@dataclass(frozen=True, slots=True)
class Exited:
    """A call process has ended."""

    pid: ProcessId
    status: int
    "Its exit status; below zero, the signal that ended it."


ToCallProcess = (
    TakeCall
    | EndCall
    | TransferCall
    | FollowRedirect
    | AgentSocket
    | ChangeAgent
    | TransferRefused
    | Stop
)
OfCall = (
    Taken
    | StateReached
    | LegFacts
    | TimelineNote
    | TransferOver
    | RedirectAsked
    | ConnectAgent
    | AgentFacts
    | AgentLine
    | AgentTool
    | TransferAsked
    | QualityMeasured
    | CallEnded
)
"What a call process says of its call."
FromCallProcess = Ready | Unable | Idle | OfCall
FromForkServer = Confined | Forked | Exited

M = TypeVar("M")


class ControlError(ValueError):
    """Bytes that are no message; the text names the message and the field."""


@dataclass(frozen=True, slots=True)
class Language(Generic[M]):
    """The messages that one end may send."""

    kinds: Mapping[str, type[M]] = field(repr=False)

    def __post_init__(self) -> None:
        """Prepare for reading: before call processes are forked, each of which reads few orders."""
        for kind in self.kinds.values():
            prepare(kind, exact=True)

    def decode(self, data: bytes) -> M:
        """Return the message that `encode` wrote; raises ControlError for anything else."""
        if len(data) > MAX_MESSAGE_BYTES:
            raise ControlError(f"a message of {len(data)} bytes is too long")
        fields = _parsed(data)
        name = fields.pop("type", None) if isinstance(fields, dict) else None
        kind = self.kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            raise ControlError(f"there is no message {str(name)[:60]!r} here")
        try:
            return read(kind, fields, exact=True)
        except ShapeError as error:
            raise ControlError(str(error.inside(kind.__name__))) from None


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"it is no JSON: {str(error)[:100]}") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _language(union: Any) -> Language[Any]:
    return Language({kind.__name__: kind for kind in union.__args__})


TO_CALL_PROCESS: Language[ToCallProcess] = _language(ToCallProcess)
FROM_CALL_PROCESS: Language[FromCallProcess] = _language(FromCallProcess)
TO_FORK_SERVER: Language[Fork] = Language({"Fork": Fork})
FROM_FORK_SERVER: Language[FromForkServer] = _language(FromForkServer)


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"As JSON writes it, and not where the backslash is itself escaped."


def encode(message: ToCallProcess | FromCallProcess | Fork | FromForkServer) -> bytes:
    """Return a message as it is written to its socket; raises ControlError if it is too long.

    What the reader would not take of a peer's text, a lone surrogate or U+0000, is replaced.
    """
    fields = {"type": type(message).__name__, **plain(message)}
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if r"\u0000" in text:
        text = _NUL.sub(r"\1?", text)
    data = text.encode(errors="replace")
    if len(data) > MAX_MESSAGE_BYTES:
        raise ControlError(f"a {type(message).__name__} of {len(data)} bytes is too long")
    return data
