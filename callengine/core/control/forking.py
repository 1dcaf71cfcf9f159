"""What the engine and its fork server say to each other. Pure."""

from dataclasses import dataclass

from callengine.core.control.language import Language, language
from callengine.core.control.words import Port, ProcessId


@dataclass(frozen=True, slots=True)
class Fork:
    """Fork a call process; its end of a control socket comes with the message."""

    number: int
    "The engine's, for the answer."
    bridge_rate_hz: int
    rtp_port: Port
    "First of the ports the process may use."
    user_agent: str
    calls_before_recycling: int


@dataclass(frozen=True, slots=True)
class Confined:
    """It has given up what call processes do not need."""

    left: tuple[str, ...]
    "One sentence for each thing that could not be given up here."
    without_extension: str
    "Why call processes go without the media extension, as the end of a sentence; else empty."


@dataclass(frozen=True, slots=True)
class Forked:
    """A call process has been forked."""

    number: int
    pid: ProcessId


@dataclass(frozen=True, slots=True)
class Exited:
    """A call process has ended."""

    pid: ProcessId
    status: int
    "Its exit status; below zero, the signal that ended it."


FromForkServer = Confined | Forked | Exited

TO_FORK_SERVER: Language[Fork] = Language({"Fork": Fork})
FROM_FORK_SERVER: Language[FromForkServer] = language(FromForkServer)
