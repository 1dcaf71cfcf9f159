"""What a page of the codec lab and engines say to each other.

The page asks every engine; each answers with an offer or says why not. The page takes the first
offer and has that engine alone place the call, so however many hear, one does it. Answers come on
the channel `reply`, which is the page's alone.
"""

from dataclasses import dataclass
from typing import Any

from callengine.notices.wire import command, notice


@command("lab-ask")
@dataclass(frozen=True, slots=True)
class AskForLab:
    """Ask who can place a call of the lab."""

    reply: str


@command("lab-place")
@dataclass(frozen=True, slots=True)
class PlaceLabCall:
    """Place this call; sent to the engine that offered it."""

    reply: str
    case: dict[str, Any]
    "As `LabCase.to_dict` wrote it."
    predicted: dict[str, Any]
    "`Prediction.summary` as the page showed it."
    by: str
    "Name of the user who pressed the button."
    talk_s: float


@notice("lab.offer")
@dataclass(frozen=True, slots=True)
class LabOffer:
    """An engine can place a call now, and takes the order on a channel of its own."""

    engine: str
    "The channel on which it alone hears the order."


@notice("lab.busy")
@dataclass(frozen=True, slots=True)
class LabBusy:
    """An engine cannot place a call now; the text says why and what to do."""

    text: str


@notice("lab.refused")
@dataclass(frozen=True, slots=True)
class LabRefused:
    """The engine did not place what it was told to; the text says why and what to do."""

    text: str


@notice("lab.placed")
@dataclass(frozen=True, slots=True)
class LabPlaced:
    """The call is on the record: its page can be opened."""

    call: str
    "Its key of 32 digits."
