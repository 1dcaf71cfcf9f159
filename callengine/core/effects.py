"""What the state machine of a call asks its process to do."""

from dataclasses import dataclass

from callengine.core.orders import LegOrder
from callengine.core.outcomes import Termination
from callengine.core.parties import CALLER


@dataclass(frozen=True, slots=True)
class Dial:
    """Send an INVITE offering `codecs` in order."""

    leg: LegOrder
    codecs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RingCaller:
    """Send a provisional response to the caller; with early media, from `early_media_leg`."""

    code: int
    early_media_leg: str | None


@dataclass(frozen=True, slots=True)
class AnswerCaller:
    """Send 200 to the caller."""


@dataclass(frozen=True, slots=True)
class DeclineCaller:
    """Send a final failure to the caller; `reason` is the value of a Reason header."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class EndLeg:
    """End a leg with CANCEL, BYE or a final response, whichever its state calls for."""

    leg: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Bridge:
    """Connect this leg's audio with the other's alone, both ways; nobody hears ringing any more."""

    leg: str
    other: str = CALLER


@dataclass(frozen=True, slots=True)
class PlayRinging:
    """Have this leg hear it ring, and nobody else; from its agent if it talks to one."""

    leg: str


@dataclass(frozen=True, slots=True)
class SendDigit:
    """Send a telephone-event on a leg."""

    leg: str
    digit: str


@dataclass(frozen=True, slots=True)
class MatchLeg:
    """Have a leg use one of these codecs: re-offer it if it uses another.

    `LegMatched` says how that went.
    """

    codecs: tuple[str, ...]
    leg: str = CALLER


@dataclass(frozen=True, slots=True)
class RedirectWanted:
    """Ask the engine whom to ring instead of a leg that answered 3xx.

    `RedirectDecided` says what came of it.
    """

    leg: str
    code: int
    contacts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """A transfer is over; another one may begin."""

    leg: str | None
    "The new callee's leg; None if the call goes on as it was, or ends."
    vn_a: tuple[str, ...] = ()
    "The list of who waited for it from now on, if there is a new callee."
    is_fallback: bool = False
    "Nobody ordered it: who stands in for an agent was rung."


@dataclass(frozen=True, slots=True)
class TellReferrer:
    """Tell who referred the other party (RFC 3515) how far that has come."""

    code: int


@dataclass(frozen=True, slots=True)
class TellTransferFailed:
    """Tell a voice agent that the transfer it asked for has failed: the caller stays with it."""

    leg: str
    key: str
    "Its word for its request."
    code: int
    why: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the timeline."""

    kind: str
    leg: str
    text: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The call's state, for the record."""

    state: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The call is over; its process may take another."""

    termination: Termination


Effect = (
    Dial
    | RingCaller
    | AnswerCaller
    | DeclineCaller
    | EndLeg
    | Bridge
    | PlayRinging
    | SendDigit
    | MatchLeg
    | RedirectWanted
    | TransferEnded
    | TellReferrer
    | TellTransferFailed
    | Note
    | StateChanged
    | Finish
)
