"""What a page and engines say to each other so that somebody hears what codecs make of a sound.

A page finds an engine for it as the codec lab does (`notices.lab`) and asks there.
"""

from dataclasses import dataclass

from callengine.notices.wire import command, notice


@command("audition-ask")
@dataclass(frozen=True, slots=True)
class AskForAuditions:
    """Ask who can make a sound heard; answered with `LabOffer` or `LabBusy`."""

    reply: str


@command("audition")
@dataclass(frozen=True, slots=True)
class MakeHeard:
    """Have a sound encoded and decoded; sent to the engine that offered to."""

    reply: str
    sound: str
    codecs: list[str]
    "As `core.audition.Audition` has them."
    loss_percent: int


@notice("audition.heard")
@dataclass(frozen=True, slots=True)
class MadeHeard:
    """What is heard, and what was measured as it was made (`core.audition.AuditionFacts`)."""

    rate_hz: int
    packets: int
    lost: int
    wire_bps: list[int]
    lack: str
    "A sentence on what is heard in place of speech; empty if it is that."
    samples: str
    "16 bits, mono, little-endian, as base64."
