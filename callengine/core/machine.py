"""The state of one call, without any I/O: events in, effects out, time as an argument.

The call process feeds it what its legs report and carries out what it answers. Which event may
lead from which state to which stands in `states`; whom to ring, and what of it, in `attempts`; what
a transfer makes of a call, in `transferring`; until when it may last, in `duration`.
"""

from callengine.core import effects as fx
from callengine.core import events as ev
from callengine.core import terminations
from callengine.core.agentends import agent_termination, is_failure
from callengine.core.attempts import (
    CLEARING_TIMEOUT_S,
    ELSEWHERE,
    Answered,
    Attempts,
    orders_of,
)
from callengine.core.causes import end_reason, q850_reason
from callengine.core.duration import Duration
from callengine.core.early import BeforeAnswer
from callengine.core.effects import Effect
from callengine.core.events import Event
from callengine.core.limits import LEGS_PER_PROCESS
from callengine.core.orders import CallOrder
from callengine.core.outcomes import Termination
from callengine.core.parties import CALLER, who
from callengine.core.silence import EARLY_MEDIA, THE_ANSWER
from callengine.core.states import CallState, is_allowed
from callengine.core.talkers import Talkers
from callengine.core.transferring import Step, Transferring


class CallMachine:
    """Decide what one call does next. `handle` and `tick` return effects to carry out in order."""

    def __init__(self, order: CallOrder, now: float) -> None:
        self._order = order
        self._now = now
        self._state = CallState.TRYING
        self._trigger: type[Event] = ev.TimePassed
        "What is being handled; only it says which states may follow."
        self._attempts = Attempts(order.waves, ring_timeout_s=order.ring_timeout_s)
        self._orders = orders_of(order.waves)
        self._talkers = Talkers()
        self._transferring = Transferring(
            order,
            self._talkers,
            label=self._label,
            is_agent=lambda leg: leg in self._orders and self._orders[leg].agent is not None,
        )
        self._early = BeforeAnswer(self._attempts)
        self._is_suited = True
        "Whether nothing depends on what the caller's device says to a list of whom it reached."
        self._termination: Termination | None = None
        self._finished = False
        self._duration = Duration(order.max_duration_s)
        self._clearing_deadline = now

    @property
    def state(self) -> CallState:
        """Where the call stands."""
        return self._state

    @property
    def caller(self) -> str:
        """The leg of the caller, or of the callee that a transfer connected with another."""
        return self._talkers.near

    @property
    def callee(self) -> str | None:
        """The leg of who talks to it; None before the answer, and once it has left."""
        return self._talkers.far

    @property
    def live(self) -> frozenset[str]:
        """Names of the legs that have not ended."""
        return frozenset(self._talkers.live)

    @property
    def is_transferring(self) -> bool:
        """Whether a transfer is under way."""
        return self._transferring.is_under_way

    @property
    def expects_transfer(self) -> bool:
        """Whether a party has asked for one, and whom to ring is being found out.

        Or a device that picks the call up is about to take the caller over.
        """
        return self._transferring.is_expected or self._duration.waits_for_pickup

    @property
    def termination(self) -> Termination | None:
        """The one reason the call ends, from the moment on that it does."""
        return self._termination

    @property
    def finished(self) -> bool:
        """Whether every leg is over."""
        return self._finished

    @property
    def on_hold(self) -> tuple[str, str] | None:
        """Who holds the call, and who waits for it meanwhile."""
        return self._talkers.on_hold if self._state.is_talking else None

    def audio_expected_since(self, leg: str) -> str:
        """Return since when a leg is to send audio, as `PartyAudio.take` wants it, or nothing."""
        if self._talkers.holds(leg):
            return ""
        if self._state.is_talking:
            return THE_ANSWER if self._talkers.are(leg) else ""
        is_early = self._state is CallState.EARLY_MEDIA and leg == self._early.leg
        return EARLY_MEDIA if is_early else ""

    def start(self, hung_up: ev.HangUpOrdered | None = None) -> list[Effect]:
        """Take the caller's INVITE: dial the first wave, unless the call was ended already."""
        self._talkers.live.add(CALLER)
        if hung_up is not None:
            return self.handle(hung_up, self._now)
        return self._went_on(self._attempts.start(self._now, self._room()))

    def tick(self, now: float) -> list[Effect]:
        """Return what follows from time having passed."""
        return self.handle(ev.TimePassed(), now)

    def next_deadline(self) -> float | None:
        """Return when `tick` must be called at the latest, in seconds, or None."""
        if self._state is CallState.ENDED:
            return self._clearing_deadline
        if self._state.is_setting_up:
            return self._attempts.deadline
        ends = (self._duration.deadline, self._transferring.deadline)
        return min((end for end in ends if end is not None), default=None)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Return what follows from one event at time `now`, in seconds."""
        self._now, self._trigger = now, type(event)
        if self._finished:
            return []
        if isinstance(event, ev.LegEvent):
            return self._of_leg(event) if event.leg in self._talkers.live else []
        match event:
            case ev.LegMatched():
                return self._leg_matched(event)
            case ev.HoldChanged():
                return self._hold(event)
            case ev.DigitReceived():
                return self._digit(event)
            case ev.TransferExpected() | ev.TransferOrdered() | ev.TransferCalledOff():
                return self._of_order(event)
            case ev.RedirectDecided():
                return self._redirect_decided(event)
            case ev.HangUpOrdered() | ev.AnswerOrdered():
                return self._ordered(event)
            case ev.TimePassed():
                return self._time_passed()

    def _of_leg(self, event: ev.LegEvent) -> list[Effect]:
        match event:
            case ev.LegProgress():
                return self._progress(event)
            case ev.LegAnswered():
                return self._leg_answered(event.leg)
            case ev.LegEnded():
                return self._leg_ended(event)
            case ev.LegWithoutMedia():
                return self._without_media(event.leg)
            case ev.DialFailed():
                return self._dial_failed(event)
            case ev.LegFailed():
                return self._leg_failed(event)

    def _time_passed(self) -> list[Effect]:
        if self._state is CallState.ENDED:
            return self._finish() if self._now >= self._clearing_deadline else []
        if self._state.is_setting_up:
            return self._went_on(self._attempts.tick(self._now, self._room()))
        if (over := self._duration.over(self._now)) is not None:
            return self._end(over)
        return self._transferred(self._transferring.tick(self._now, self._room()))

    # Setting up

    def _went_on(self, effects: list[Effect]) -> list[Effect]:
        """Take over what has become of ringing the callee."""
        self._talkers.live |= _dialled(effects)
        match self._attempts.outcome:
            case Answered(leg):
                return [*effects, *self._answered(leg)]
            case Termination() as termination:
                return [*effects, *self._end(termination)]
        return effects

    def _progress(self, event: ev.LegProgress) -> list[Effect]:
        if self._transferring.owns(event.leg):
            return self._transferring.progress(event)
        if not self._state.is_setting_up or not self._attempts.rings(event):
            return []
        state, effects = self._early.take(event, self._state)
        return [*self._become(state), *effects]

    def _leg_answered(self, leg: str) -> list[Effect]:
        if leg == CALLER or self._talkers.are(leg):
            return []
        if self._transferring.owns(leg):
            return self._of_transfer(lambda transfer: transfer.leg_answered(leg, self._now))
        if not self._state.is_setting_up:
            # A 2xx that crossed our CANCEL: acknowledged, then BYE (RFC 3261 section 13.2.2.4).
            return [fx.EndLeg(leg, 487, "")]
        return self._went_on(self._attempts.leg_answered(leg))

    def _answered(self, leg: str) -> list[Effect]:
        self._talkers.meet(CALLER, leg)
        self._transferring.rest = self._attempts.rest
        self._duration.begin(self._now)
        self._duration.bound(self._attempts.wave, self._now)
        answered = self._become(self._talking())
        return [*answered, fx.Bridge(leg), fx.AnswerCaller(), *self._suit()]

    def _ordered(self, event: ev.HangUpOrdered | ev.AnswerOrdered) -> list[Effect]:
        """End the call, or answer whom nobody has: another call takes it over from who rings."""
        if isinstance(event, ev.HangUpOrdered):
            return self._end(Termination(event.by, event.reason, event.code, event.advice))
        if not self._state.is_setting_up:
            return []
        self._talkers.meet(CALLER, None)
        self._duration.begin(self._now)
        self._duration.wait(self._now + event.within_s, event.otherwise)
        stopped = self._attempts.stop(ELSEWHERE)
        return [*stopped, *self._become(self._talking()), fx.AnswerCaller()]

    def _suit(self) -> list[Effect]:
        """Have the caller's leg suit a callee it was forwarded to: it was answered for the first.

        The first description it was sent is the answer (RFC 3261 section 13.2.1), and pjsip makes
        that when the INVITE arrives; another one takes a re-INVITE.
        """
        wanted = self._attempts.wave.vn_a
        self._is_suited = wanted == self._order.waves[0].vn_a
        return [] if self._is_suited else [fx.MatchLeg(wanted)]

    def _leg_matched(self, event: ev.LegMatched) -> list[Effect]:
        was_suited = self._is_suited
        if event.leg == CALLER:
            self._is_suited = True
        if self._transferring.waits_for(event.leg):
            return self._of_transfer(lambda transfer: transfer.leg_matched(event))
        # What is refused once a transfer was given up is refused to nobody.
        if event.leg != CALLER or was_suited or event.agreed or not self._state.is_talking:
            return []
        label, vn_a = self._label(self.callee or ""), self._attempts.wave.vn_a
        return self._end(terminations.codecs_refused_by_caller(label, vn_a, event.code))

    def _redirect_decided(self, event: ev.RedirectDecided) -> list[Effect]:
        if not self._state.is_setting_up:
            return []
        self._orders |= orders_of(event.waves)
        return self._went_on(self._attempts.redirect_decided(event, self._now, self._room()))

    # Ending

    def _leg_ended(self, event: ev.LegEnded) -> list[Effect]:
        self._talkers.live.discard(event.leg)
        self._transferring.gone(event.leg)
        if self._state is CallState.ENDED:
            return self._finish() if not self._talkers.live else []
        if event.leg == CALLER and not self._state.is_talking:
            return self._end(self._caller_left(event))
        if self._talkers.are(event.leg):
            return self._talker_left(event)
        if self._transferring.owns(event.leg):
            now, room = self._now, self._room()
            return self._of_transfer(lambda transfer: transfer.leg_ended(event, now, room))
        if not self._state.is_setting_up:
            return []
        return self._went_on(self._attempts.leg_ended(event, self._now, self._room()))

    def _dial_failed(self, event: ev.DialFailed) -> list[Effect]:
        """An engine's fault ends the call, or the transfer it happened to, as what it is."""
        self._talkers.live.discard(event.leg)
        if self._state is CallState.ENDED:
            return self._finish() if not self._talkers.live else []
        if self._transferring.owns(event.leg):
            return self._of_transfer(lambda transfer: transfer.dial_failed(event.leg, event.text))
        if event.leg == self.callee:
            return self._end(terminations.dial_failed(self._label(event.leg), event.text))
        if self._state.is_setting_up:
            self._attempts.dial_failed(event.leg, event.text)
            return self._went_on([])
        return []

    def _leg_failed(self, event: ev.LegFailed) -> list[Effect]:
        """End the call, or the transfer it happened to: what was to be reported is lost."""
        end = terminations.leg_failed(self._label(event.leg), event.text)
        if self._transferring.owns(event.leg):
            return self._of_transfer(lambda transfer: transfer.leg_failed(event.leg, end))
        return self._end(end)

    def _without_media(self, leg: str) -> list[Effect]:
        """Let nobody talk to a leg that can neither be heard nor hear."""
        if self._state is CallState.ENDED:
            return []
        if leg == CALLER:
            return self._end(terminations.no_answer_in_ack())
        return [fx.EndLeg(leg, 488, q850_reason(488))]  # its end tells the rest

    def _caller_left(self, event: ev.LegEnded) -> Termination:
        late = self._attempts.wave.vn_a if self._order.offered is None else None
        return terminations.caller_left(event, late, was_talking=self._state.is_talking)

    def _talker_left(self, event: ev.LegEnded) -> list[Effect]:
        waits = self._transferring.left(event.leg)
        if waits is not None:
            return [*waits, *self._hold_or_talk()]
        if event.leg == CALLER:
            return self._end(self._caller_left(event))
        if event.agent is not None:
            return self._agent_left(event.leg, event.agent)
        return self._end(terminations.left("callee", self._label(event.leg), event))

    def _agent_left(self, leg: str, end: ev.AgentEnd) -> list[Effect]:
        """End the call with its agent, or ring its fallback for whom it has left alone."""
        ending = agent_termination(self._orders[leg], end, was_talking=True)
        if not self._transferring.rest or not is_failure(end):
            return self._end(ending)
        self._talkers.meet(self.caller, None)
        rung = self._transferring.begin_fallback(leg, ending, self._now, self._room())
        return [*self._hold_or_talk(), *self._transferred(rung)]

    def _end(self, termination: Termination) -> list[Effect]:
        if self._state is CallState.ENDED:
            return []
        was_talking = self._state.is_talking
        self._termination = termination
        self._transferring.stop()
        self._clearing_deadline = self._now + CLEARING_TIMEOUT_S
        code, reason = termination.code, end_reason(termination, was_talking=was_talking)
        effects = self._become(CallState.ENDED)
        effects += self._talkers.let_go(code, reason, was_talking=was_talking)
        return effects if self._talkers.live else [*effects, *self._finish()]

    def _finish(self) -> list[Effect]:
        self._finished = True
        assert self._termination is not None
        return [fx.Finish(self._termination)]

    # While talking

    def _hold(self, event: ev.HoldChanged) -> list[Effect]:
        if not self._talkers.hold(event.leg, is_held=event.held):
            return []
        done = "put the call on hold" if event.held else "resumed the call"
        done += ": it switched its audio off (port 0)" if event.is_off else ""
        kind = "hold" if event.held else "resume"
        note = fx.Note(kind, event.leg, f"{self._label(event.leg)} {done}.")
        return [note, *self._hold_or_talk()]

    def _hold_or_talk(self) -> list[Effect]:
        """Tell hold from talk by the two parties alone, not by those who are rung meanwhile."""
        if not self._state.is_talking:
            return []
        return self._become(self._talking())

    def _talking(self) -> CallState:
        return CallState.HELD if self._talkers.is_held else CallState.ANSWERED

    def _digit(self, event: ev.DigitReceived) -> list[Effect]:
        other = self._talkers.facing(event.leg)
        if not self._state.is_talking or other is None:
            return []
        # Which key it was stays out of the record: people type PINs.
        text = f"{self._label(event.leg)} pressed a key; passed on."
        note = fx.Note("dtmf", event.leg, text)
        return [note] if event.is_passed else [note, fx.SendDigit(other, event.digit)]

    # Transfer

    def _of_order(
        self, event: ev.TransferExpected | ev.TransferOrdered | ev.TransferCalledOff
    ) -> list[Effect]:
        if self._state is CallState.ENDED:
            return []
        match event:
            case ev.TransferExpected(referrer, within_s):
                self._transferring.expect(referrer, self._now + within_s)
                return []
            case ev.TransferCalledOff(code, why):
                return self._transferred(self._transferring.called_off(code, why))
        return self._transfer_ordered(event)

    def _transfer_ordered(self, event: ev.TransferOrdered) -> list[Effect]:
        if not self._state.is_talking:
            return self._transferring.refused(event.order)
        if not self.is_transferring:
            self._orders |= orders_of(event.order.waves)
        return self._transferred(self._transferring.begin(event.order, self._now, self._room()))

    def _of_transfer(self, step: Step) -> list[Effect]:
        return self._transferred(self._transferring.step(step, self._now))

    def _transferred(self, effects: list[Effect]) -> list[Effect]:
        """Take over what has become of the call by a step of its transfer."""
        self._talkers.live |= _dialled(effects)
        if (ending := self._transferring.ending) is not None:
            return [*effects, *self._end(ending)]
        if (wave := self._transferring.taken) is not None:
            self._transferring.taken = None
            self._duration.bound(wave, self._now)
        others_talk = any(isinstance(effect, fx.Bridge) for effect in effects)
        return [*effects, *(self._hold_or_talk() if others_talk else [])]

    def _room(self) -> int:
        return LEGS_PER_PROCESS - len(self._talkers.live)

    def _become(self, state: CallState) -> list[Effect]:
        """Change the state: here alone, and only as the table allows."""
        before, self._state = self._state, state
        if before is state:
            return []
        assert is_allowed(self._trigger, before, state), (self._trigger.__name__, before, state)
        return [fx.StateChanged(state.value)]

    def _label(self, name: str) -> str:
        order = self._orders.get(name)
        return who(name, order.label if order else "", at_start=True)


def _dialled(effects: list[Effect]) -> set[str]:
    return {effect.leg.name for effect in effects if isinstance(effect, fx.Dial)}
