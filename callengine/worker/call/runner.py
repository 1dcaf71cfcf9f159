"""One call in its process: legs feed the state machine, its effects move the legs."""

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from callengine.core import effects as fx
from callengine.core.control.calls import (
    AnswerCall,
    CallEnded,
    EndCall,
    ExpectTransfer,
    FollowRedirect,
    OfCall,
    RedirectAsked,
    StateReached,
    Taken,
    TimelineNote,
    TransferCall,
    TransferOff,
    TransferOver,
    TransferProgress,
)
from callengine.core.control.levels import MeasureLevels
from callengine.core.events import (
    AnswerOrdered,
    DialFailed,
    Event,
    HangUpOrdered,
    LegFailed,
    RedirectDecided,
    TransferCalledOff,
    TransferExpected,
    TransferOrdered,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import CallOrder, LegOrder
from callengine.core.states import CallState
from callengine.core.terminations import leg_failed
from callengine.worker import plugins
from callengine.worker.browser.listening import Listening
from callengine.worker.call.deliveries import Deliveries
from callengine.worker.call.holding import Holding
from callengine.worker.call.legreports import LegReports
from callengine.worker.call.mediawatch import MediaWatch
from callengine.worker.call.onecodec import OneCodec
from callengine.worker.legs.bridging import Bridging, attempt
from callengine.worker.legs.levels import Levels
from callengine.worker.legs.party import (
    AgentParty,
    BrowserParty,
    ForEngine,
    Invite,
    Parties,
    Party,
    PartyError,
    plays,
)
from callengine.worker.legs.relaying import Relaying

logger = logging.getLogger(__name__)

METER_S = 0.1
"How long after the relay the bridge's meters tell what is heard."


class CallRunner:
    """Carry one call from its order to its end; everything happens on one thread."""

    def __init__(self, parties: Parties, order: CallOrder, send: Callable[[OfCall], None]) -> None:
        self._parties = parties
        self._order = order
        self._send = send
        self._machine = CallMachine(order, now=time.monotonic())
        self._legs: dict[str, Party] = {}
        self._reported: deque[tuple[Party, Event | ForEngine | None]] = deque()
        self._bridging = Bridging(self._legs, self._note)
        self._holding = Holding(
            self._machine, self._legs, self._bridging, ask=send, note=self._note
        )
        self._relaying = Relaying(self._machine, self._legs, self._bridging)
        self._one_codec = OneCodec(self._legs, self._note)
        self._matched = "A"
        "Who was last asked to use a codec of another list."
        self._watch = MediaWatch(
            self._machine, timeout_s=order.media_timeout_s, send=send, note=self._note
        )
        self._levels = Levels(self._legs, send)
        self._listening = Listening(self._machine, self._legs, self._relaying, self._note)
        self.deliveries = Deliveries(
            order.call, self._legs, holding=self._holding, listening=self._listening
        )
        self._reports = LegReports(self._legs, send)
        self._taken = False
        self._raised = plugins.raised_so_far()
        self.unable = ""
        "Why this process cannot carry the call, if so; nothing of it may be answered then."

    @property
    def finished(self) -> bool:
        """Whether the call is over and everything about it has been sent."""
        return self._machine.finished

    @property
    def legs(self) -> int:
        """How many legs the call has had."""
        return len(self._legs)

    def take(self, invite: Invite, hung_up: EndCall | None = None) -> None:
        """Take the caller's INVITE, and say so or why not.

        `hung_up` is the order to end the call if that came first.
        """
        if "A" in self._legs:
            self._parties.refuse(invite)
            return
        self.unable = self._parties.obstacle(invite)
        if self.unable:
            return
        order, allowed = self._order.leg_a, self._order.waves[0].vn_a
        caller = self._parties.caller(order, invite, allowed=allowed, post=self._post)
        self._add(caller, order)
        self._carry_out(self._machine.start(_hang_up(hung_up) if hung_up else None))
        if self.unable:
            return
        self._taken = True
        self._send(Taken())
        self._reports.changed(caller)
        self._reports.tell()

    def failed(self, callback: str) -> bool:
        """Take what failed while an INVITE was taken; return whether the call goes to its end.

        Else nothing of it may be answered.
        """
        if self._taken:
            self._carry_out(self._machine.handle(LegFailed("A", callback), time.monotonic()))
        return self._taken

    def order_hang_up(self, message: EndCall) -> None:
        """End the call because the engine or an operator says so."""
        self._carry_out(self._machine.handle(_hang_up(message), time.monotonic()))

    def order_answer(self, message: AnswerCall) -> None:
        """Answer the caller for whoever takes it over, unless that was meant for another call."""
        if message.call == self._order.call:
            event = AnswerOrdered(message.within_s, message.otherwise)
            self._carry_out(self._machine.handle(event, time.monotonic()))

    def order_transfer(self, message: TransferCall | ExpectTransfer | TransferOff) -> None:
        """Ring somebody else for one of the parties, unless that was meant for an earlier call."""
        event: Event
        match message:
            case ExpectTransfer(call, referrer, within_s):
                event = TransferExpected(referrer, within_s)
            case TransferCall(order):
                call, event = order.call, TransferOrdered(order)
            case TransferOff(call, code, why):
                event = TransferCalledOff(code, why)
        if call == self._order.call:
            self._carry_out(self._machine.handle(event, time.monotonic()))

    def order_redirect(self, message: FollowRedirect) -> None:
        """Ring whom the engine names instead of a leg that was redirected, or nobody."""
        if message.call != self._order.call:
            return
        event = RedirectDecided(message.leg, message.waves, message.why)
        self._carry_out(self._machine.handle(event, time.monotonic()))

    def order_levels(self, message: MeasureLevels) -> None:
        """Tell how loud the parties are, unless that was meant for an earlier call."""
        if message.call == self._order.call:
            now = time.monotonic()
            self._relaying.hold_back("levels", until=now + message.for_s)
            self._levels.tell(message.for_s, now + METER_S)

    def step(self) -> None:
        """Handle what the legs reported, timers, and the second's statistics."""
        now = time.monotonic()
        # First of all: what the legs report may be what came of it.
        if (failure := self._codec_failure()) is not None:
            self._carry_out(self._machine.handle(failure, now))
        while self._reported:
            leg, event = self._reported.popleft()
            if isinstance(event, ForEngine):
                self._send(event)
                continue
            self._bridging.connect()
            if event is not None:
                self._reports.hear(event)
                self._carry_out(self._machine.handle(leg.explained(event), now))
            self._settle(leg)
            self._reports.changed(leg)
        deadline = self._machine.next_deadline()
        if deadline is not None and now >= deadline:
            self._carry_out(self._machine.tick(now))
        for leg in self._legs.values():
            leg.step(now)
        self._holding.step(now)
        self._relaying.step(now)
        self._levels.step(now)
        self._listening.step(now)
        gone = self._watch.step(now)
        if gone is not None:
            self._carry_out(self._machine.handle(gone, now))
        self._reports.tell()

    def _codec_failure(self) -> HangUpOrdered | None:
        """Return the end of a call for which pjmedia calls us in vain."""
        callback = plugins.failed(since=self._raised)
        if not callback:
            return None
        end = leg_failed("one of the parties", callback)
        return HangUpOrdered(end.by, end.reason, end.code, end.advice)

    def wait_ms(self, longest_ms: int) -> int:
        """Return how long the process may sleep before `step` is due."""
        if self._reported:
            return 0
        now = time.monotonic()
        steps = (leg.next_step() for leg in self._legs.values())
        times = (
            self._machine.next_deadline(),
            self._holding.next_step(),
            self._relaying.next_step(),
            self._levels.next_step(),
            self._listening.next_step(),
            *steps,
        )
        due = [self._watch.next_step(), *(time for time in times if time is not None)]
        return max(1, min(longest_ms, int((min(due) - now) * 1000) + 1))

    def abandon(self) -> None:
        """Hang everything up without asking: the engine is gone."""
        for leg in self._legs.values():
            attempt(partial(leg.end, 503, ""))

    def release(self) -> None:
        """Give back what is held for this call."""
        self._reported.clear()
        self._holding.release()
        self._relaying.release()
        self._listening.release()
        self._legs.clear()
        self._watch.release()
        self._parties.release()

    # Effects

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            self._one(effect)

    def _one(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Dial(order, codecs):
                self._dial(order, codecs)
            case fx.RingCaller(code, leg):
                self._ring(code, leg)
            case fx.AnswerCaller():
                self._one_codec.describe(self._machine.callee or "")
                self._reports.told_caller(200)
                attempt(lambda: self._legs["A"].respond(200))
            case fx.DeclineCaller(code, reason):
                attempt(lambda: self._legs["A"].end(code, reason))
            case fx.EndLeg(leg, code, reason):
                self._hang_up(leg, code, reason)
            case fx.SendDigit(leg, digit):
                self._send_digit(leg, digit)
            case fx.Bridge() | fx.PlayRinging() | fx.MatchLeg() | fx.TransferEnded():
                self._of_two(effect)
            case _:
                self._report(effect)

    def _of_two(self, effect: fx.Bridge | fx.PlayRinging | fx.MatchLeg | fx.TransferEnded) -> None:
        match effect:
            case fx.Bridge(leg, other):
                self._reports.audible(leg)
                self._bridging.bridge(leg, other)
            case fx.PlayRinging(leg):
                self._bridging.let_hear_ringing(leg)
            case fx.MatchLeg(codecs, leg):
                self._match(leg, codecs)
            case fx.TransferEnded():
                self._transfer_ended(effect)

    def _report(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Note(kind, leg, text):
                self._note(kind, leg, text)
            case fx.TellTransferFailed(leg, key, sip_code, why):
                agent = self._legs.get(leg)
                if isinstance(agent, AgentParty):
                    agent.transfer_failed(key, sip_code, why)
            case fx.RedirectWanted(leg, code, contacts):
                self._send(RedirectAsked(leg, code, contacts))
            case fx.TellReferrer(sip_code):
                self._send(TransferProgress(sip_code))
            case fx.StateChanged(state):
                self._send(StateReached(CallState(state), time.time()))
            case fx.Finish(termination):
                self._watch.finish()
                self._reports.tell_last()
                for party in self._legs.values():
                    if plays(party, BrowserParty):
                        party.told_why(termination.advice)
                self._send(CallEnded(termination, time.time()))

    def _dial(self, order: LegOrder, codecs: tuple[str, ...]) -> None:
        self._one_codec.add(order)
        leg = self._parties.callee(order, allowed=codecs, post=self._post)
        self._add(leg, order)
        try:
            leg.dial()
        except PartyError as error:
            logger.warning("leg %s could not be dialled: %s", order.name, error)
            self._not_dialled(leg, order.label, str(error))
            return
        offered = f": offered {', '.join(codecs)}" if codecs else ""
        done = "Re-INVITE to" if order.is_taken_over else "Dialled"
        self._note("dialled", order.name, f"{done} {order.label}{offered}.")

    def _not_dialled(self, leg: Party, label: str, why: str) -> None:
        """Blame this process, not a callee who was never rung: another may take the call."""
        if self._taken:
            self._post(leg, DialFailed(leg.name, why))
        else:
            self.unable = self.unable or f"{label or leg.name} could not be dialled: {why}"

    def _add(self, leg: Party, order: LegOrder) -> None:
        self._legs[order.name] = leg
        self._watch.add(leg, order)

    def _ring(self, code: int, early_media_leg: str | None) -> None:
        if early_media_leg is not None:
            self._one_codec.describe(early_media_leg)
            self._bridging.leg = early_media_leg
            self._reports.audible(early_media_leg)
        self._reports.told_caller(code)
        attempt(lambda: self._legs["A"].respond(code))

    def _hang_up(self, name: str, code: int, reason: str) -> None:
        leg = self._legs.get(name)
        if leg is not None:
            attempt(lambda: leg.end(code, reason))

    def _send_digit(self, name: str, digit: str) -> None:
        self._relaying.key(time.monotonic())
        try:
            self._legs[name].send_digit(digit)
        except PartyError as error:
            self._note("dtmf-refused", name, f"The key could not be passed on: {error}.")

    # Transfer

    def _match(self, name: str, codecs: tuple[str, ...]) -> None:
        if not self._machine.is_transferring:  # else it holds once the transfer has succeeded
            self._legs[name].allowed = codecs
            self._legs[name].prefer("")
        self._matched = name
        self._legs[name].match(codecs)

    def _transfer_ended(self, over: fx.TransferEnded) -> None:
        new = over.leg
        if not self._machine.is_transferring:  # else it was one that came beside another
            self._legs[self._matched].stop_matching()
        self._send(TransferOver(new, time.time(), over.is_fallback))
        if new is None:
            return
        caller = self._legs[self._machine.caller]
        caller.allowed = over.vn_a
        caller.prefer("")
        for leg in (caller, self._legs[new]):
            self._settle(leg)
            self._reports.changed(leg)

    # Media

    def _settle(self, leg: Party) -> None:
        is_talking = leg.name == self._bridging.leg and self._machine.callee == leg.name
        # One that was answered, or one of several codecs that a transfer made.
        offered_late = leg.name == "A" and self._order.offered is None
        is_offered = leg.name == self._machine.caller and (offered_late or leg.is_rematched)
        if (is_talking or is_offered) and leg.settle():
            text = f"Re-offered one codec, so that both sides send it: not {leg.offered[0]}."
            self._note("re-offered", leg.name, text)

    # Reporting

    def _post(self, leg: Party, event: Event | ForEngine | None) -> None:
        self._reported.append((leg, event))

    def _note(self, kind: str, leg: str, text: str) -> None:
        self._send(TimelineNote(kind, leg, text, time.time()))


def _hang_up(message: EndCall) -> HangUpOrdered:
    end = message.termination
    return HangUpOrdered(end.by, end.reason, end.code, end.advice)
