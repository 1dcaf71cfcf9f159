"""Which legs a call process may speak of: those it was given, of the kind its message is of."""

from callengine.core.control.agents import (
    AgentFacts,
    AgentLine,
    AgentTool,
    ConnectAgent,
    TransferAsked,
)
from callengine.core.control.browsers import BrowserWanted
from callengine.core.control.calls import (
    LegFacts,
    OfCall,
    QualityMeasured,
    RedirectAsked,
    TimelineNote,
    TransferOver,
)
from callengine.core.control.language import ControlError
from callengine.core.control.levels import LevelsMeasured
from callengine.core.control.music import MusicWanted
from callengine.core.control.speech import SpeechWanted
from callengine.engine.calls.livecall import LiveCall


def check_legs(call: LiveCall, message: OfCall) -> None:
    """Raise ControlError if a message names a leg that the call was not given."""
    given = set(call.labels)
    match message:
        case QualityMeasured(legs) | LevelsMeasured(legs):
            names = set(legs)
        case LegFacts(name=leg) | RedirectAsked(leg=leg) | MusicWanted(leg=leg):
            names = {leg}
        case TimelineNote(leg=leg):
            names = {leg} - {""}
        case TransferOver(str(leg)):
            names = {leg}
        case SpeechWanted(leg=leg):
            names, given = {leg}, call.selftests
        case BrowserWanted(leg=leg):
            names, given = {leg}, call.browsers
        case (
            ConnectAgent(leg=leg)
            | AgentFacts(leg=leg)
            | AgentLine(leg=leg)
            | AgentTool(leg=leg)
            | TransferAsked(leg=leg)
        ):
            names, given = {leg}, set(call.agents.orders)
        case _:
            return
    if unknown := names - given:
        raise ControlError(f"{type(message).__name__} of {min(unknown)}, which was not ordered")
