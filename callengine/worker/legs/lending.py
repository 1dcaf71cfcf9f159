"""The media of a leg, lent to a party that reads and writes it itself, be it RTP or sound.

See `SipLeg.lend` and `BrowserLeg.lend`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from callengine.worker.legs.party import Counters
from callengine.worker.legs.soundline import SoundLine
from callengine.worker.rtpguard.streams import RtpEnd


@dataclass(frozen=True, slots=True)
class LentMedia:
    """What a leg has agreed on with its peer, on sockets of ours."""

    port: int
    "Ours, of RTP; that of RTCP is the next."
    codec: str
    "As in the catalogue."
    payload_type: int
    "Of what comes."
    fmtp: str
    "The peer's format parameters of it."
    ptime_ms: int
    events: Mapping[int, int]
    "Payload types of telephone-event, and their clock rates in Hz."
    remote: tuple[str, int]
    remote_reports: tuple[str, int]
    sends: bool
    "Whether the peer is to be sent audio; else it holds the call."
    sent_as: int | None = None
    "Payload type of what is sent, if another: an answer may want to hear it so (RFC 3264, 6.1)."


class Borrower(RtpEnd, Protocol):
    """Who reads and writes a leg's media meanwhile; used on the call's thread."""

    def counters(self) -> Counters | None:
        """Return the counters of its RTP; None if it has none."""

    def level(self) -> float | None:
        """Return how loud its peer is now, 0 to 1; None if it has no audio."""

    def pause(self, *, is_paused: bool) -> None:
        """Neither send nor listen, or go on: there is no agreed media now, or again."""

    def give_back(self) -> None:
        """Let go of the sockets: nothing is read from them or written once this returns."""


@runtime_checkable
class Lender(Protocol):
    """A party that can lend its media."""

    def lend(self, borrower: Borrower) -> LentMedia | SoundLine:
        """Lend it, or return what is lent by now. Raises PartyError."""

    def take_back(self) -> None:
        """Have it back; again does no harm."""

    def descriptors(self) -> tuple[int, ...]:
        """Return new descriptors for the borrower to close: the sockets of RTP and RTCP.

        Of a line, what tells that sound waits. Raises PartyError.
        """
