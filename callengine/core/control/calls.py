"""What the engine and its call processes say to each other. Pure."""

from dataclasses import dataclass
from typing import Annotated, Literal

from callengine.core.control.agents import (
    AgentFacts,
    AgentLine,
    AgentSocket,
    AgentTool,
    ChangeAgent,
    ConnectAgent,
    TransferAsked,
    TransferRefused,
)
from callengine.core.control.browsers import BrowserSocket, BrowserWanted, ListenerSocket
from callengine.core.control.capture import PacketsRecorded, RecordPackets, StopRecording
from callengine.core.control.language import Language, language
from callengine.core.control.levels import LevelsMeasured, MeasureLevels
from callengine.core.control.music import MusicReady, MusicWanted
from callengine.core.control.speech import SpeechReady, SpeechWanted
from callengine.core.control.words import CodecName, LegName, Port, StatusCode, ThreadId
from callengine.core.orders import CallOrder, TransferOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.shapes import Most, UnixTime, Within
from callengine.core.snapshot import QualitySnapshot
from callengine.core.states import CallState, LegState

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
class AnswerCall:
    """Answer the caller and ring nobody any more: another call takes the caller's dialog over."""

    call: str
    within_s: Annotated[float, Within(0, 120)]
    otherwise: Termination
    "How the call ends if that has not come in time."


@dataclass(frozen=True, slots=True)
class ExpectTransfer:
    """A party has asked for a transfer by REFER: `TransferCall` or `TransferOff` follows."""

    call: str
    referrer: LegName
    within_s: Annotated[float, Within(0, 700)]
    "How long it may take; said again, it may take that long from then on."


@dataclass(frozen=True, slots=True)
class TransferOff:
    """What was expected rings nobody."""

    call: str
    code: StatusCode
    why: Annotated[str, Most(4000)]


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
class Stop:
    """End with the call that is up, or at once."""


# From a call process to the engine


@dataclass(frozen=True, slots=True)
class ProcessReady:
    """It can take a call."""

    sip_port: Port
    codecs: tuple[CodecName, ...]
    unavailable: dict[CodecName, str]
    "Codec name -> why it cannot be used."
    waiting_thread: ThreadId = 0
    "The thread that has calls heard, if it waits its turn like any other."


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
    state: LegState
    encryption: Annotated[str, Most(40)] = ""
    "The suite of its SRTP; empty for audio that is not encrypted."


@dataclass(frozen=True, slots=True)
class TimelineNote:
    """A line for the timeline."""

    kind: Annotated[str, Most(40)]
    leg: LegName
    "Empty: the whole call's."
    text: Annotated[str, Most(4000)]
    at: UnixTime


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far a transfer that one of the parties asked for has come, as a SIP status code."""

    code: StatusCode


@dataclass(frozen=True, slots=True)
class TransferOver:
    """A transfer has ended."""

    leg: LegName | None
    "The new callee's; None if the call goes on as it was, or ends."
    at: UnixTime
    is_fallback: bool = False
    "Nobody ordered it: who stands in for an agent was rung. One that is ordered is not over by it."


@dataclass(frozen=True, slots=True)
class RedirectAsked:
    """A leg answered 3xx: whom to ring instead? Answered by `FollowRedirect`."""

    leg: LegName
    code: StatusCode
    contacts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityMeasured:
    """One second's statistics; of no leg, it is a sign of life."""

    legs: dict[LegName, QualitySnapshot]


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Why and when the call ended."""

    termination: Termination
    at: UnixTime


ToCallProcess = (
    TakeCall
    | EndCall
    | AnswerCall
    | ExpectTransfer
    | TransferCall
    | TransferOff
    | FollowRedirect
    | AgentSocket
    | ChangeAgent
    | TransferRefused
    | SpeechReady
    | MusicReady
    | MeasureLevels
    | RecordPackets
    | StopRecording
    | BrowserSocket
    | ListenerSocket
    | Stop
)


OfCall = (
    Taken
    | StateReached
    | LegFacts
    | TimelineNote
    | TransferProgress
    | TransferOver
    | RedirectAsked
    | ConnectAgent
    | AgentFacts
    | AgentLine
    | AgentTool
    | TransferAsked
    | SpeechWanted
    | MusicWanted
    | BrowserWanted
    | QualityMeasured
    | LevelsMeasured
    | PacketsRecorded
    | CallEnded
)
"What a call process says of its call."


FromCallProcess = ProcessReady | Unable | Idle | OfCall


TO_CALL_PROCESS: Language[ToCallProcess] = language(ToCallProcess)


FROM_CALL_PROCESS: Language[FromCallProcess] = language(FromCallProcess)
