"""What the engine and a call process say to each other of music on hold. Pure."""

from dataclasses import dataclass
from typing import Literal

from callengine.core.control.words import LegName


@dataclass(frozen=True, slots=True)
class MusicWanted:
    """A party is on hold: have it hear what is set to be heard then. See `MusicReady`."""

    leg: LegName


@dataclass(frozen=True, slots=True)
class MusicReady:
    """The answer, unless nothing is set: a file of 16-bit samples comes with the message."""

    call: str
    leg: LegName
    rate_hz: Literal[8000, 16000]
