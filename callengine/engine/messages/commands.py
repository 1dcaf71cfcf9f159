"""What pages ask of this engine: heard over the channel layer and done, or failed and told."""

import asyncio
import contextlib
import logging
import time
from typing import Any, Protocol

from channels.layers import get_channel_layer

from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.engine.arrivals.assignment import Assignment
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.captures.recording import Captures
from callengine.engine.moves.transfers import Transfers
from callengine.engine.parties.agents import Agents
from callengine.engine.parties.browsers import Browsers
from callengine.loop.tasks import BackgroundTasks
from callengine.notices import groups
from callengine.notices.auditions import AskForAuditions, MakeHeard
from callengine.notices.captures import CaptureAsked, DropCapture, StopCapture
from callengine.notices.commands import (
    ChangeAgentSettings,
    EndByAgent,
    HangUpCall,
    LiftBan,
    Transfer,
    WatchLevels,
)
from callengine.notices.lab import AskForLab, PlaceLabCall
from callengine.notices.phone import (
    AskForPhone,
    ListenToCall,
    PhoneGone,
    PhoneThere,
    PlacePhoneCall,
)
from callengine.notices.trials import TrialWanted, TryTrunk
from callengine.notices.wire import Reader

logger = logging.getLogger(__name__)

REJOIN_S = 3.0
RETRY_S = 1.0
ForCall = HangUpCall | Transfer | ChangeAgentSettings | EndByAgent | WatchLevels | ListenToCall
ForLab = AskForLab | PlaceLabCall | AskForAuditions | MakeHeard
OfCapture = CaptureAsked | StopCapture | DropCapture
OfPhone = AskForPhone | PlacePhoneCall | PhoneThere | PhoneGone
Command = ForCall | OfCapture | LiftBan | ForLab | TryTrunk | TrialWanted | OfPhone
COMMANDS: Reader[Command] = Reader(
    HangUpCall,
    Transfer,
    ChangeAgentSettings,
    EndByAgent,
    WatchLevels,
    LiftBan,
    AskForLab,
    PlaceLabCall,
    TryTrunk,
    TrialWanted,
    AskForAuditions,
    MakeHeard,
    CaptureAsked,
    StopCapture,
    DropCapture,
    AskForPhone,
    PlacePhoneCall,
    PhoneThere,
    PhoneGone,
    ListenToCall,
)


class BanLifter(Protocol):
    """Whoever holds the bans and can end one at once: the edge."""

    def lift_ban(self, source: str, user: str) -> None:
        """Let in again, at once; an empty user stands for the whole source."""


class Lab(Protocol):
    """What is asked of the codec lab."""

    def offer(self, asked: AskForLab, *, channel: str) -> None:
        """Answer whether a call can be placed here; the order is heard on `channel`."""

    def place(self, asked: PlaceLabCall) -> None:
        """Place a call."""

    def refuse(self, asked: AskForLab | PlaceLabCall, why: str) -> None:
        """Tell the page why not."""


class Ears(Protocol):
    """What is asked of whoever lets people hear codecs."""

    def offer(self, asked: AskForAuditions, *, channel: str) -> None:
        """Answer whether a sound can be made here; the order is heard on `channel`."""

    def make(self, asked: MakeHeard) -> None:
        """Make a sound."""

    def refuse(self, asked: AskForAuditions | MakeHeard, why: str) -> None:
        """Tell the page why not."""


class Trials(Protocol):
    """What is asked of the tests of trunks."""

    def begin(self, asked: TryTrunk) -> None:
        """Test a trunk."""

    def tell(self, key: str) -> None:
        """Tell of a test that somebody looks at."""


class Commands:
    """One task hears and does what is asked, one stays in the group of those who hear."""

    def __init__(
        self,
        *,
        book: CallBook,
        assignment: Assignment,
        transfers: Transfers,
        agents: Agents,
        edge: BanLifter,
        lab: Lab,
        trials: Trials,
        auditions: Ears,
        captures: Captures,
        browsers: Browsers,
    ) -> None:
        self._book = book
        self._assignment = assignment
        self._transfers = transfers
        self._agents = agents
        self._edge = edge
        self._lab = lab
        self._trials = trials
        self._auditions = auditions
        self._captures = captures
        self._browsers = browsers
        self._channel = ""
        self._tasks = BackgroundTasks("commands")

    async def start(self) -> None:
        """Begin to hear."""
        self._tasks.start(self._listen())
        self._tasks.start(self._stay_reachable())

    async def stop(self) -> None:
        """Hear no more."""
        await self._tasks.stop()

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception:
                logger.warning("commands from pages are not heard: is Redis up?", exc_info=True)
            await asyncio.sleep(RETRY_S)

    async def _hear(self) -> None:
        """Do what comes; raises what the channel layer raises, and nothing else."""
        layer = get_channel_layer()
        assert layer is not None
        # The same after a failure: what was sent to it meanwhile is still to be heard.
        self._channel = self._channel or await layer.new_channel(groups.CHANNELS)
        await layer.group_add(groups.ENGINES, self._channel)
        while True:
            self._take(await layer.receive(self._channel))

    async def _stay_reachable(self) -> None:
        """Join the group again: it forgets members after a day, and all of them with Redis."""
        layer = get_channel_layer()
        assert layer is not None
        while True:
            await asyncio.sleep(REJOIN_S)
            # That Redis is away is said where messages are sent.
            with contextlib.suppress(Exception):
                if self._channel:
                    async with asyncio.timeout(REJOIN_S):
                        await layer.group_add(groups.ENGINES, self._channel)

    def _take(self, message: dict[str, Any]) -> None:
        for command in COMMANDS.read(message):
            try:
                self._do(command)
            except Exception:
                logger.exception("the command %s of a page failed", type(command).__name__)
                self._apologise(command)

    def _do(self, command: Command) -> None:
        match command:
            case LiftBan(source, user):
                self._edge.lift_ban(source, user)
            case AskForLab():
                self._lab.offer(command, channel=self._channel)
            case PlaceLabCall():
                self._lab.place(command)
            case TryTrunk() | TrialWanted():
                self._of_trial(command)
            case AskForAuditions():
                self._auditions.offer(command, channel=self._channel)
            case MakeHeard():
                self._auditions.make(command)
            case CaptureAsked() | StopCapture() | DropCapture():
                self._captures.take(command)
            case AskForPhone() | PlacePhoneCall() | PhoneThere() | PhoneGone():
                self._of_phone(command)
            case _:
                if (call := self._call(command)) is not None:
                    self._do_with(call, command)

    def _of_trial(self, command: TryTrunk | TrialWanted) -> None:
        if isinstance(command, TryTrunk):
            self._trials.begin(command)
        else:
            self._trials.tell(command.trial)

    def _of_phone(self, command: OfPhone) -> None:
        match command:
            case AskForPhone():
                self._browsers.offer(command, channel=self._channel)
            case PlacePhoneCall():
                self._browsers.place(command)
            case PhoneThere():
                self._browsers.pages.there(command)
            case PhoneGone(page):
                self._browsers.pages.gone(page)

    def _do_with(self, call: LiveCall, command: ForCall) -> None:
        match command:
            case HangUpCall(by=by):
                advice = f"{by or 'An operator'} hung up on the live page."
                ending = Termination("operator", Reason.OPERATOR_HUNG_UP, 200, advice)
                self._assignment.hang_up(call, ending)
            case Transfer(to=to, by=by):
                self._transfers.begin(call, to=to, by=by)
            case ChangeAgentSettings(leg=leg, settings=settings, by=by):
                self._agents.change(call, leg=leg, settings=settings, by=by)
            case WatchLevels():
                self._assignment.listen(call)
            case ListenToCall():
                self._browsers.listen(call, command)
            case EndByAgent(agent=agent):
                if (end := self._agents.hung_up(call, agent)) is not None:
                    self._assignment.hang_up(call, end)

    def _call(self, command: ForCall) -> LiveCall | None:
        """Return the call; None if it ended meanwhile, or another engine has it."""
        return self._book.calls.get(command.call.replace("-", ""))

    def _apologise(self, command: Command) -> None:
        """Tell whoever asked that it failed; a ban is lifted by the next heartbeat all the same."""
        try:
            match command:
                case HangUpCall(by=by) | Transfer(by=by) | ChangeAgentSettings(by=by):
                    text = f"The engine failed to do what {by} asked for; its log says why."
                    if (call := self._call(command)) is not None:
                        self._book.note(call, kind="failed", leg="", text=text, at=time.time())
                case AskForLab() | PlaceLabCall():
                    self._lab.refuse(command, "The engine failed; its log says why.")
                case AskForAuditions() | MakeHeard():
                    self._auditions.refuse(command, "The engine failed; its log says why.")
                case AskForPhone() | PlacePhoneCall():
                    self._browsers.refuse(command, "The engine failed; its log says why.")
        except Exception:
            logger.exception("nobody could be told that a command failed")
