"""What a leg's peer is heard to do, in order. Times are ticks of the codec's RTP clock. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

COMFORT_NOISE = 13
"The payload type of comfort noise (RFC 3389)."


class Sound(NamedTuple):
    """One packet's audio."""

    payload: bytes
    ticks: int
    "How long it lasts."
    skipped: int | None = 0
    """How long the peer sent no audio before it, though nothing is lost (silence suppression).

    None: it does not follow on what was before."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Packets that are lost, or so late that they count as lost."""

    ticks: int
    "How long what was in them lasted."
    following: bytes = b""
    "The payload after the gap, which may carry a copy of what is missing (OPUS)."


@dataclass(frozen=True, slots=True)
class Pause:
    """The peer is there and sends no audio now: comfort noise, or a key is pressed."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key was pressed."""

    digit: str


Heard = Sound | Gap | Pause | Key


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What was agreed on for a leg's RTP, both ways."""

    payload_type: int
    clock_hz: int
    ticks_of: Callable[[bytes], int] = field(compare=False)
    "How long a payload lasts; 0 for one that is none."
    frame_ms: int = 20
    "How long each packet that is sent lasts."
    events: Mapping[int, int] = field(default_factory=dict)
    "Payload type -> clock rate in Hz of telephone-events the peer may send (RFC 4733)."
    comfort_noise: frozenset[int] = frozenset((COMFORT_NOISE,))
    sent_as: int | None = None
    "Payload type of what is sent, if that is another."
