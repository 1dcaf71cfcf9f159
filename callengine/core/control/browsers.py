"""What the engine and a call process say to each other of a leg that is a browser. Pure."""

from dataclasses import dataclass
from typing import Annotated

from callengine.core.control.words import LegName
from callengine.core.shapes import Most


@dataclass(frozen=True, slots=True)
class BrowserSocket:
    """A browser's page is there for this leg: its socket comes with the message."""

    call: str
    leg: LegName


@dataclass(frozen=True, slots=True)
class BrowserWanted:
    """Have the page that a leg leads to ring, and connect. See `BrowserSocket`."""

    leg: LegName


@dataclass(frozen=True, slots=True)
class ListenerSocket:
    """Somebody listens to the call: the socket of their page comes with the message."""

    call: str
    by: Annotated[str, Most(255)]
    "User name, as everybody who looks is told."
