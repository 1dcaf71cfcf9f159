"""What the browser phone's pages and engines say to each other about calls; sound goes elsewhere.

A page asks every engine and has the first that offers place its call, as the codec lab does. What
an engine answers names where the page's sound is to go: a TCP address and a token that is good
once. A page that takes calls says so again and again, to every engine.
"""

from dataclasses import dataclass
from typing import Annotated

from callengine.core.shapes import Most
from callengine.notices.wire import command, notice

Word = Annotated[str, Most(255)]


@command("phone-ask")
@dataclass(frozen=True, slots=True)
class AskForPhone:
    """Ask who can place a call from a browser."""

    reply: Word


@command("phone-place")
@dataclass(frozen=True, slots=True)
class PlacePhoneCall:
    """Place a call from a browser; sent to the engine that offered it."""

    reply: Word
    to: Word
    "What was typed or chosen."
    connection: Word
    "SIP user of whose rights and lists it has; empty: nobody's."
    by: Word
    "Name of the user whose browser it is."
    order: Word
    """Its key, which the answer to it has: a page may have hung up meanwhile, and called somebody
    else."""


@command("phone-listen")
@dataclass(frozen=True, slots=True)
class ListenToCall:
    """Let somebody hear a call; only the engine that holds it answers."""

    call: Word
    "UUID with hyphens."
    reply: Word
    by: Word


@command("phone-there")
@dataclass(frozen=True, slots=True)
class PhoneThere:
    """A page takes the calls of a connection; said again every `SAYS_EVERY_S`."""

    page: Word
    "Its key."
    channel: Word
    "Where it hears that it rings."
    connection: Word
    "SIP user."
    by: Word


@command("phone-gone")
@dataclass(frozen=True, slots=True)
class PhoneGone:
    """A page takes no calls any more."""

    page: Word


@notice("phone.offer")
@dataclass(frozen=True, slots=True)
class PhoneOffer:
    """An engine can place a call now, and takes the order on a channel of its own."""

    engine: Word


@notice("phone.refused")
@dataclass(frozen=True, slots=True)
class PhoneRefused:
    """The call was not placed; the text says why and what to do."""

    text: Annotated[str, Most(4000)]
    call: Word = ""
    "UUID of its record, if it has one."
    is_offer: bool = False
    "Whether the engine said so before it was told what to place."
    order: Word = ""
    "Which one was not placed; empty: none had been given."


@notice("phone.placed")
@dataclass(frozen=True, slots=True)
class PhonePlaced:
    """The call is under way: where the page's sound goes."""

    call: Word
    "UUID with hyphens."
    host: Word
    port: int
    token: Word
    order: Word = ""
    "Which one it is; empty: somebody listens to it."


@notice("phone.rings")
@dataclass(frozen=True, slots=True)
class PhoneRings:
    """A page that takes calls is called."""

    call: Word
    host: Word
    port: int
    token: Word
    caller: Word
    "What the caller is called, and the number."
    caller_name: Word


SAYS_EVERY_S = 10.0
FORGOTTEN_AFTER_S = 25.0
