"""What call processes say, taken: into the record, to the edge, to the parts that answer them."""

from collections.abc import Mapping

from callengine.core.causes import q850_reason
from callengine.core.control.browsers import BrowserWanted
from callengine.core.control.calls import (
    CallEnded,
    Idle,
    LegFacts,
    OfCall,
    QualityMeasured,
    RedirectAsked,
    StateReached,
    Taken,
    TimelineNote,
    TransferOver,
    TransferProgress,
    Unable,
)
from callengine.core.control.capture import PacketsRecorded
from callengine.core.control.levels import LevelsMeasured
from callengine.core.control.music import MusicWanted
from callengine.core.control.speech import SpeechWanted
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.snapshot import QualitySnapshot
from callengine.core.states import CallState
from callengine.edge.frontdoor import Edge
from callengine.engine.arrivals.assignment import Assignment
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.captures.recording import Captures
from callengine.engine.messages.namedlegs import check_legs
from callengine.engine.messages.publisher import Publisher
from callengine.engine.moves.pickups import PickUps
from callengine.engine.moves.redirects import Redirects
from callengine.engine.moves.transfers import Transfers
from callengine.engine.parties.agents import Agents
from callengine.engine.parties.browsers import Browsers
from callengine.engine.parties.holdmusic import HoldPlayer
from callengine.engine.parties.speech import CodecSpeaker
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess

ENDED_UNEXPECTEDLY = "ended unexpectedly"


class Hearing:
    """Takes each message of a call process, and the end of one."""

    def __init__(
        self,
        *,
        assignment: Assignment,
        book: CallBook,
        pool: Pool,
        edge: Edge,
        transfers: Transfers,
        pickups: PickUps,
        redirects: Redirects,
        agents: Agents,
        speech: CodecSpeaker,
        music: HoldPlayer,
        captures: Captures,
        browsers: Browsers,
        publisher: Publisher,
    ) -> None:
        self._assignment = assignment
        self._book = book
        self._pool = pool
        self._edge = edge
        self._transfers = transfers
        self._pickups = pickups
        self._redirects = redirects
        self._agents = agents
        self._speech = speech
        self._music = music
        self._captures = captures
        self._browsers = browsers
        self._publisher = publisher

    def message(self, process: CallProcess, message: Unable | Idle | OfCall) -> None:
        """Take a message; raises ControlError for one that no process says of its call."""
        match message:
            case Idle(recycle):
                self._idle(process, recycle=recycle)
            case Unable(reason, why):
                self._assignment.unable(process, Reason(reason), why)
            case _:
                call = self._assignment.call_of(process)
                if call is not None and not call.ended:
                    self._of_call(call, message)

    def _of_call(self, call: LiveCall, message: OfCall) -> None:
        """Take what a process says of its call; raises ControlError for a leg it was not given."""
        check_legs(call, message)
        match message:
            case Taken():
                self._assignment.taken(call)
                self._captures.taken(call)
            case StateReached():
                self._state(call, message)
            case LegFacts():
                call.set_leg(message)
                self._book.changed(call)
            case TimelineNote(kind, leg, text, at):
                self._book.note(call, kind=kind, leg=leg, text=text, at=at)
            case TransferProgress() | TransferOver():
                self._of_transfer(call, message)
            case RedirectAsked():
                self._redirects.hear(call, message)
            case QualityMeasured() | LevelsMeasured() | PacketsRecorded():
                self._measured(call, message)
            case CallEnded(termination, at):
                self._ended(call, termination, at)
            case SpeechWanted() | MusicWanted() | BrowserWanted():
                self._of_sound(call, message)
            case _:
                self._agents.hear(call, message)
        call.news.set()

    def _ended(self, call: LiveCall, termination: Termination, at: float | None = None) -> None:
        """Close a call, and tell those whose calls were to become one with it."""
        self._transfers.call_ended(call)
        self._pickups.ended(call)
        self._book.close(call, termination, at)

    def _measured(
        self, call: LiveCall, message: QualityMeasured | LevelsMeasured | PacketsRecorded
    ) -> None:
        if isinstance(message, PacketsRecorded):
            self._captures.heard(call, message)
            return
        if isinstance(message, LevelsMeasured):
            self._publisher.levels(call.id, message.legs)
            return
        urgent = _takes_back(call, message.legs)
        self._book.quality(call, message.legs)
        self._publisher.quality(call.id, message.legs, urgent=urgent)

    def _of_transfer(self, call: LiveCall, message: TransferProgress | TransferOver) -> None:
        if isinstance(message, TransferProgress):
            self._transfers.progress(call, message.code)
        else:
            self._transfers.ended(call, message)

    def _of_sound(
        self, call: LiveCall, message: SpeechWanted | MusicWanted | BrowserWanted
    ) -> None:
        if isinstance(message, SpeechWanted):
            self._speech.hear(call, message)
        elif isinstance(message, BrowserWanted):
            self._browsers.ring(call, message.leg)
        else:
            self._music.hear(call, message.leg)

    def _state(self, call: LiveCall, message: StateReached) -> None:
        call.set_state(message.state, message.at)
        if message.state is CallState.ENDED:
            self._edge.let_go(call.plan.call)
        elif message.state.is_talking:  # whoever is taken over may hold the call
            self._pickups.answered(call)
        self._book.changed(call)

    def _idle(self, process: CallProcess, *, recycle: bool) -> None:
        call = self._assignment.forget(process)
        if call is not None and not call.ended:
            self._ended(call, _died(process))
        if process.call is not None:
            self._edge.close_call(process.call)
        self._pool.release(process, recycle=recycle)

    def death(self, process: CallProcess) -> None:
        """Take that a process is gone: an untaken call goes to another, a taken one ends."""
        call = self._assignment.call_of(process)
        if call is not None and not call.taken:
            why = f"it {process.ended_for or ENDED_UNEXPECTEDLY}"
            self._assignment.unable(process, Reason.NO_WORKING_CALL_PROCESS, why)
            return
        self._assignment.forget(process)
        if process.call is None:
            return
        self._edge.abandon(process.call, code=500, reason=q850_reason(500))
        if call is not None and not call.ended:
            self._ended(call, _died(process))


def _takes_back(call: LiveCall, samples: Mapping[str, QualitySnapshot]) -> bool:
    """Tell whether no audio arrives any more from a party from which it did."""
    return any(
        samples[leg["name"]]["audio"] == "missing"
        and (leg["quality"] is None or leg["quality"]["audio"] != "missing")
        for leg in call.snapshot["legs"]
        if leg["name"] in samples
    )


def _died(process: CallProcess) -> Termination:
    was_ended = f"{process.ended_for} and was ended" if process.ended_for else ENDED_UNEXPECTEDLY
    advice = (
        f"The process that carried this call {was_ended}; no other call was touched. "
        "Look into the engine's log and report it."
    )
    return Termination("engine", Reason.CALL_PROCESS_DIED, 500, advice)
