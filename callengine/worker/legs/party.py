"""What the runner needs of a leg, so that a leg need not be a SIP call.

A party says what happens to it through the `Post` it was made with, from any thread, and is
otherwise used on the call's own thread alone. What it reports and answers is ours: no object of a
library leaves it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeGuard, TypeVar, runtime_checkable

from callengine.core.control.agents import (
    AgentFacts,
    AgentLine,
    AgentTool,
    ConnectAgent,
    TransferAsked,
)
from callengine.core.control.browsers import BrowserWanted
from callengine.core.control.calls import TimelineNote
from callengine.core.control.speech import SpeechWanted
from callengine.core.events import Event
from callengine.core.orders import LegOrder
from callengine.worker.rtpguard.guard import RtpGuard

Role = TypeVar("Role")
ForEngine = (
    ConnectAgent
    | AgentFacts
    | AgentLine
    | AgentTool
    | TransferAsked
    | SpeechWanted
    | BrowserWanted
    | TimelineNote
)
"What a party says to the engine alone."
Post = Callable[["Party", Event | ForEngine | None], None]
"Takes an event of a party, or a word to the engine; None says that something of it has changed."


class PartyError(Exception):
    """A party could not do it, as when its peer was quicker; the text says why."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE that has arrived for a leg A."""

    slot: int
    "Where pjsua keeps it."
    message: str


NO_INVITE = Invite(-1, "")
"A caller that is a browser sends none."


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a party agreed on."""

    codec: str | None
    "None for a party without RTP: its formats are its own affair."
    payload_type: int
    remote: str
    encryption: str = ""
    "The suite of its SRTP, if it is encrypted."
    sends: bool = True
    "Whether it is to send us audio."
    least_ms: int = 0
    "Packets of less than this are not heard; 0: all are."


@dataclass(frozen=True, slots=True)
class Counters:
    """The running counters of a party's RTP (RFC 3550 section 6.4); a new stream begins at 0."""

    received: int
    lost: int
    jitter_us: int
    sent: int
    reports: int
    "RTCP reports received."
    round_trips: int
    round_trip_us: int
    "The last one measured."
    arrived_at: float | None = None
    "When the last packet was received (monotonic, seconds); None: that is not known."


class Party(Protocol):
    """One leg of a call. Whatever it is asked for may raise PartyError where that is said."""

    allowed: tuple[str, ...]
    "Our list on this leg."

    @property
    def name(self) -> str:
        """`A`, or `B`, `B2`, `B3` ..."""

    @property
    def offered(self) -> tuple[str, ...]:
        """The party's own list: the caller's offer, the callee's answer."""

    @property
    def sip_call_id(self) -> str:
        """The Call-ID on loopback; empty if there is none."""

    @property
    def user_agent(self) -> str:
        """What the party calls itself."""

    @property
    def media(self) -> MediaFacts | None:
        """What was agreed on last."""

    @property
    def has_audio(self) -> bool:
        """Whether it can be joined with another now."""

    @property
    def ended(self) -> bool:
        """Whether it is over."""

    @property
    def is_rematched(self) -> bool:
        """Whether `match` made it change its codec."""

    @property
    def keys_readable(self) -> bool:
        """Whether keys of its SRTP travelled so that they could be read on the way."""

    @property
    def guard(self) -> RtpGuard | None:
        """What keeps strangers' RTP out, if it has RTP."""

    # Doing

    def prefer(self, codec: str) -> None:
        """Answer what the party offers with this codec, if it has it; empty: by our list alone."""

    def dial(self) -> None:
        """Begin to ring a callee. Raises PartyError."""

    def respond(self, code: int) -> None:
        """Give the caller a provisional response or 200. Raises PartyError."""

    def end(self, code: int, reason: str) -> None:
        """End it as its state calls for; `reason` is a Reason header's value (RFC 3326).

        Raises PartyError. Its end is reported all the same.
        """

    def join(self, other: "Party") -> None:
        """Let a callee and the caller hear each other; again does no harm. Raises PartyError."""

    def part(self, other: "Party") -> None:
        """Undo `join`. Raises PartyError."""

    def send_digit(self, digit: str) -> None:
        """Have a key pressed (RFC 4733). Raises PartyError if it was not agreed on."""

    def settle(self) -> bool:
        """Have both sides send the one codec our list chooses; tell if that took an offer."""

    def match(self, codecs: Sequence[str]) -> None:
        """Use a codec of this list as soon as can be, and report `LegMatched`."""

    def stop_matching(self) -> None:
        """Try no more: what it was for is over."""

    # Time

    def next_step(self) -> float | None:
        """Return when `step` is due (monotonic, seconds), or None."""

    def step(self, now: float) -> None:
        """Do what is due."""

    def look(self) -> None:
        """See, once a second, where from its audio has come."""

    def counters(self) -> Counters | None:
        """Return the counters of its RTP; None if there is none."""

    def explained(self, event: Event) -> Event:
        """Return an event of its own with what is known by the time it is handled."""


@runtime_checkable
class Waiting(Protocol):
    """A party that can have the caller hear ringing: the caller's own, or its agent."""

    def ring_back(self, *, is_on: bool) -> None:
        """Have ringing heard where nothing else is, or no more; again does no harm.

        Raises PartyError.
        """


Ear = Callable[[bytes], None]
"Takes 20 ms of sound, as `core.sounds` has it, on whatever thread."


@runtime_checkable
class Overheard(Protocol):
    """A party whose conversation is not on the bridge: who listens hears it from the party."""

    def overhear(self, *, says: Sequence[Ear], hears: Sequence[Ear]) -> None:
        """Have these hear what it says, and these what it hears; no others any more."""


@runtime_checkable
class Audible(Protocol):
    """A party whose loudness is known."""

    def level(self) -> float | None:
        """Return how loud it is now, 0 to 1 on a logarithmic scale; None if it has no audio."""


@runtime_checkable
class AgentParty(Protocol):
    """A party that is a voice agent, to which the engine connects."""

    def connected(self, descriptor: int | None, address: str, error: str) -> None:
        """Take a TCP socket, connected to `HOST:PORT`, as its own; or why there is none."""

    def change(self, settings: str, by: str) -> None:
        """Change settings of its session, as JSON."""

    def transfer_failed(self, key: str, code: int, why: str) -> None:
        """Tell it that a transfer it asked for has failed."""


@runtime_checkable
class SpeakingParty(Protocol):
    """A party that has the engine speak for it."""

    def speech(self, descriptor: int | None, lack: str) -> None:
        """Take a file of samples as its own, and a sentence on what it lacks."""


@runtime_checkable
class BrowserParty(Protocol):
    """A party that is a browser, whose page connects to the engine."""

    def attached(self, descriptor: int) -> None:
        """Take its page's socket as its own."""

    def told_why(self, text: str) -> None:
        """Tell its page why the call is over, if it called."""


def plays(party: object, role: Callable[..., Role]) -> TypeGuard[Role]:
    """Tell whether a party is of a kind above.

    By its class, once: `isinstance` looks through all members of a protocol each time.
    """
    kind: Any = type(party)
    return _plays(kind, role)


@cache
def _plays(kind: Any, role: Any) -> bool:
    return issubclass(kind, role)


class Parties(Protocol):
    """Makes the parties of one call, and holds what they share."""

    def obstacle(self, invite: Invite) -> str:
        """Return why this process cannot take the call, or an empty string."""

    def caller(
        self, order: LegOrder, invite: Invite, *, allowed: Sequence[str], post: Post
    ) -> Party:
        """Return who sent the INVITE. `offered` is what the INVITE offers."""

    def callee(self, order: LegOrder, *, allowed: Sequence[str], post: Post) -> Party:
        """Return somebody to dial."""

    def refuse(self, invite: Invite) -> None:
        """Decline a second INVITE."""

    def release(self) -> None:
        """Give back what the call's parties held."""
