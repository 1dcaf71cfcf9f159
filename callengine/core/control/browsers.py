"""What the engine and a call process say to each other of a leg that is a browser. Pure."""

from dataclasses import dataclass

from callengine.core.control.words import LegName


@dataclass(frozen=True, slots=True)
class BrowserSocket:
    """A browser's page is there for this leg: its socket comes with the message."""

    call: str
    leg: LegName


@dataclass(frozen=True, slots=True)
class BrowserWanted:
    """Have the page that a leg leads to ring, and connect. See `BrowserSocket`."""

    leg: LegName
