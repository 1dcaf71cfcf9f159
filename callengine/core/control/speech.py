"""What the engine and a call process say to each other of a voice that says a codec. Pure."""

from dataclasses import dataclass
from typing import Annotated, Literal

from callengine.core.control.words import CodecName, LegName
from callengine.core.shapes import Most


@dataclass(frozen=True, slots=True)
class SpeechReady:
    """The answer to `SpeechWanted`: a file of 16-bit samples comes with the message."""

    call: str
    leg: LegName
    lack: Annotated[str, Most(500)]
    "A sentence on what is heard in place of a voice; empty if it is one."


@dataclass(frozen=True, slots=True)
class SpeechWanted:
    """Have a voice say a codec's name: call processes start no program. See `SpeechReady`."""

    leg: LegName
    codec: CodecName
    rate_hz: Literal[8000, 16000]
    "Samples a second that the file is to hold."
