"""What the legs of a call report to its state machine."""

from dataclasses import dataclass

from callengine.core.limits import ORDER_TIMEOUT_S
from callengine.core.orders import TransferOrder, WaveOrder
from callengine.core.outcomes import EndedBy, Termination
from callengine.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class LegProgress:
    """A provisional response on a leg we dialled."""

    leg: str
    code: int
    early_media: bool
    "The response carried an SDP answer."


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """A leg has both a 2xx and agreed media."""

    leg: str


@dataclass(frozen=True, slots=True)
class AgentEnd:
    """How a voice agent's leg ended."""

    reason: Reason
    "One of `agentends.CODES`."
    detail: str = ""
    "What the agent or the network said, without a full stop."


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A leg is over."""

    leg: str
    code: int
    text: str
    by_peer: bool
    "The peer sent BYE, CANCEL or the final response; otherwise our side or a timer did."
    why: str = ""
    "What its answer lacked, if it was ended for that: `answered with no session description`."
    unreachable: str = ""
    "What the edge found out about a peer that said nothing. Empty: it spoke itself."
    redirects: tuple[str, ...] = ()
    "The Contacts of a 3xx, best first; `code` is the 3xx itself."
    is_expired: bool = False
    "Nobody refreshed its session in time (RFC 4028 section 10): our own side ended it."
    not_followed: str = ""
    "Why a 3xx was not followed."
    is_unanswerable: bool = False
    "It asked for credentials (401, 407) in no way that is spoken here, and was given none."
    agent: AgentEnd | None = None
    "If it led to a voice agent that was not told to end."


@dataclass(frozen=True, slots=True)
class LegWithoutMedia:
    """A leg is confirmed and has agreed on no audio."""

    leg: str


@dataclass(frozen=True, slots=True)
class DialFailed:
    """Our own side could not dial a leg; whoever it leads to was never rung."""

    leg: str
    text: str


@dataclass(frozen=True, slots=True)
class LegFailed:
    """Our own side failed while it dealt with a leg, and does not know how the leg now stands."""

    leg: str
    text: str
    "What failed, for the log's reader: `onCallState`."


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """A peer put us on hold or resumed (RFC 3264 section 8.4)."""

    leg: str
    held: bool
    is_off: bool = False
    "Whether it did so by switching its audio off (port 0)."


@dataclass(frozen=True, slots=True)
class DigitReceived:
    """A telephone-event (RFC 4733) arrived on a leg."""

    leg: str
    digit: str
    is_passed: bool = False
    "Whether its packets go to the other leg as they are."


@dataclass(frozen=True, slots=True)
class HangUpOrdered:
    """Somebody other than the two parties ends the call."""

    by: EndedBy
    reason: Reason
    code: int
    advice: str


@dataclass(frozen=True, slots=True)
class AnswerOrdered:
    """Another device takes the place of whoever is rung (RFC 3891): the caller waits for it."""

    within_s: float
    otherwise: Termination
    "How the call ends if nobody takes the caller over in that time."


@dataclass(frozen=True, slots=True)
class TransferOrdered:
    """One of the parties is to be connected with somebody else."""

    order: TransferOrder


@dataclass(frozen=True, slots=True)
class TransferExpected:
    """A party has asked by REFER; whom to ring is still being found out."""

    referrer: str
    "Its leg."
    within_s: float = ORDER_TIMEOUT_S
    "How long that may take, from now on."


@dataclass(frozen=True, slots=True)
class TransferCalledOff:
    """What was expected rings nobody."""

    code: int
    why: str


@dataclass(frozen=True, slots=True)
class LegMatched:
    """Whether a leg uses a codec of the list that `MatchLeg` asked for."""

    leg: str
    agreed: bool
    code: int
    "The final code of the re-INVITE; 200 if none was needed."


@dataclass(frozen=True, slots=True)
class RedirectDecided:
    """What the engine made of a `RedirectWanted`."""

    leg: str
    waves: tuple[WaveOrder, ...]
    "Whom to ring instead; none: it is not followed."
    why: str = ""
    "Why not."


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing but time; a deadline may be over."""


LegEvent = LegProgress | LegAnswered | LegEnded | LegWithoutMedia | DialFailed | LegFailed
"What only a leg that has not ended can report."

Event = (
    LegEvent
    | HoldChanged
    | DigitReceived
    | HangUpOrdered
    | AnswerOrdered
    | TransferExpected
    | TransferOrdered
    | TransferCalledOff
    | LegMatched
    | RedirectDecided
    | TimePassed
)
