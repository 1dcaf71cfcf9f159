"""What every dialect takes and answers. Pure: no I/O, no clock; time comes in as `now`, in seconds.

`now` is of any one clock that does not jump (that of `handshake` is Unix time).

A dialect holds the conversation of one websocket. Whoever owns the websocket hands it what arrives
and what happens in the call, carries out the effects it answers in their order, and owns the queue
of audio that waits to be played (the playout). A new websocket of the same call is a new dialect,
made with `Session.resume` if the former had a session that can be resumed. The owner limits how
long it waits for Ready; a dialect has timers only for what its agent must do in a conversation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from agents.formats import AudioFormat


@dataclass(frozen=True, slots=True)
class Session:
    """What one conversation is to be: the agent's settings, and what is told of the call."""

    url: str
    secret: str = field(default="", repr=False)
    agent_id: str = ""
    system_prompt: str = ""
    greeting: str = ""
    voice: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    keyterms: tuple[str, ...] = ()
    turn_detection: Mapping[str, Any] = field(default_factory=dict)
    input: AudioFormat = field(default_factory=AudioFormat)
    "Caller to agent."
    output: AudioFormat = field(default_factory=AudioFormat)
    "Agent to caller."
    volume: int | None = None
    "0 to 100; None leaves it to the agent."
    transcribes: bool = False
    "Whether what the caller says is to be written down, where the agent has to be asked for that."
    transcription_model: str = ""
    "What writes it down; empty leaves it to the dialect."
    parameters: Mapping[str, str] = field(default_factory=dict)
    "Of SIP headers, by the user's map."
    call_uuid: str = ""
    "Ours, 32 hexadecimal digits."
    sip_call_id: str = ""
    from_user: str = ""
    to_user: str = ""
    account: str = ""
    "The account id that dialects of carriers name."
    resume: str = ""
    "The id of a session whose socket was lost."
    transfers: tuple[str, ...] = ()
    "Keys of those it asked for then, and was told no end of."


@dataclass(frozen=True, slots=True)
class Handshake:
    """How the websocket is opened."""

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


# What a dialect wants done


class Send(NamedTuple):
    """Write a text message to the websocket."""

    text: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The agent can be talked to; what the caller said meanwhile may be sent now."""

    session_id: str = ""
    expires_at: float | None = None
    "Unix time."
    differences: tuple[str, ...] = ()
    "Sentences on what the agent has configured otherwise than we."


class Play(NamedTuple):
    """Queue audio for the caller, in the session's output format; any number of bytes."""

    audio: bytes
    item: str = ""
    "What it belongs to: a reply's or an item's id."


@dataclass(frozen=True, slots=True)
class Mark:
    """Call `mark_reached` once all audio queued before it has been played or was flushed.

    A name may come more than once; each is reached once, in their order.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Flush:
    """Throw away all audio that waits (barge-in), then call `flushed`."""

    why: str


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """The agent has sent all of a reply."""

    item: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What was said, as far as it is known; one of the same `key` replaces the former."""

    key: str
    who: Literal["caller", "agent"]
    text: str
    is_final: bool
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool was called, and what came of it; for the record."""

    name: str
    outcome: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call; once all that is queued has been heard if `after_goodbye`."""

    why: str
    after_goodbye: bool = True


@dataclass(frozen=True, slots=True)
class KeepCall:
    """A hang-up that waits for the goodbye is off: the caller interrupted it."""


@dataclass(frozen=True, slots=True)
class TransferTo:
    """Connect the caller with this number or SIP user; then call `transfer_over`."""

    target: str
    key: str


class Failure(StrEnum):
    """In which way an agent cannot be talked to."""

    REFUSED = "refused"
    "It does not want us, or what we ask for."
    BUSY = "busy"
    "It has no place for one more call."
    LOST = "lost"
    "It has failed, or its websocket has."
    LATE = "late"
    "It was not ready in time, it says."
    EXPIRED = "expired"
    "It allows no longer session."


@dataclass(frozen=True, slots=True)
class Failed:
    """The agent cannot be talked to, or no longer."""

    kind: Failure
    code: str
    "The agent's own word, such as `unauthorized`, or that of its websocket: `closed 1011`."
    message: str
    is_retryable: bool
    "Whether a new websocket may do better."
    keeps_session: bool = True
    "Whether that may resume the session there was; without it, it begins anew."


@dataclass(frozen=True, slots=True)
class SessionOver:
    """The agent has ended the session in good order."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the websocket now."""

    code: int = 1000
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AgentNote:
    """Something for the timeline that changes nothing."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Odd:
    """A message that was ignored; counted by `what`, noted once."""

    what: str


Effect = (
    Send | Ready | Play | Mark | Flush | ReplyDone | Line | Tool | HangUp | KeepCall | TransferTo
    | Failed | SessionOver | Close | AgentNote | Odd
)  # fmt: skip


class ImmutableError(ValueError):
    """A setting that cannot change while the session lasts; the text names it and says why."""


class Dialect(Protocol):
    """One websocket's conversation."""

    @property
    def name(self) -> str:
        """What it is called in files and records."""

    @property
    def takes_digits(self) -> bool:
        """Whether the agent can be told of keys that are pressed."""

    @property
    def max_message_bytes(self) -> int:
        """Of one message; a longer one is a reason to close with 1009."""

    def handshake(self, now: float) -> Handshake:
        """Return how to open the websocket; `now` is Unix time here."""

    def opened(self, now: float) -> list[Effect]:
        """Take that the websocket is open."""

    def received(self, message: str | bytes, now: float) -> list[Effect]:
        """Take a message of the agent's; never raises."""

    def closed(self, code: int, reason: str, now: float) -> list[Effect]:
        """Take that the websocket has closed; Failed, SessionOver or HangUp says what it means."""

    def caller_audio(self, audio: bytes) -> list[Send]:
        """Send a frame of the caller's, in the input format."""

    def digit(self, digit: str) -> list[Effect]:
        """Tell of a key that the caller pressed."""

    def mark_reached(self, name: str, *, is_played: bool) -> list[Effect]:
        """Take that all audio before a mark has been played, or that some was thrown away."""

    def flushed(self, played_ms: Mapping[str, float]) -> list[Effect]:
        """Take that a flush is done; of each item that was queued, how much had been heard.

        Counted from the item's beginning, whole; an item that had been heard out is left out.
        """

    def transfer_over(self, key: str, code: int, why: str, now: float) -> list[Effect]:
        """Take that a transfer has failed with this SIP code; one that succeeds ends the leg."""

    def change(self, settings: Mapping[str, Any]) -> list[Effect]:
        """Change settings while the session lasts. Raises ImmutableError.

        Keys are of `system_prompt`, `tools`, `keyterms`, `turn_detection` and `volume`, with values
        as in Session; which of them may change, the dialect's `DialectKind.mutable` says.
        """

    def end(self, now: float) -> list[Effect]:
        """Say goodbye: the call is over. Close follows, from here or from `tick` or `received`."""

    def next_deadline(self) -> float | None:
        """Return when `tick` is due, by the clock of `now`, or None."""

    def tick(self, now: float) -> list[Effect]:
        """Take that time has passed."""
