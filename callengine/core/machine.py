"""The state of one call, without any I/O: events in, effects out, time as an argument.

The call process feeds it what its legs report and carries out what it answers.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from callengine.core import terminations
from callengine.core.causes import (
    NO_ANSWER_CAUSE,
    attempt_note,
    better_failure,
    callee_termination,
    is_redirect,
    q850_reason,
    redirect_note,
)
from callengine.core.effects import (
    AnswerCaller,
    Bridge,
    DeclineCaller,
    Dial,
    Effect,
    Finish,
    HangUp,
    MatchCaller,
    Note,
    RedirectWanted,
    RingCaller,
    SendDigit,
    StateChanged,
    TransferEnded,
)
from callengine.core.events import (
    CallerMatched,
    DialFailed,
    DigitReceived,
    Event,
    HangUpOrdered,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegProgress,
    LegWithoutMedia,
    RedirectDecided,
    TransferOrdered,
)
from callengine.core.orders import CallOrder
from callengine.core.outcomes import Termination
from callengine.core.transfer import ELSEWHERE, Failed, Succeeded, Transfer

CLEARING_TIMEOUT_S = 4.0
"How long legs may take to confirm their end before the call is closed without them."
LEGS_PER_PROCESS = 4
"The pjsua2 wheel holds no more."


class State(StrEnum):
    """Where the call stands; the words of the record."""

    TRYING = "trying"
    RINGING = "ringing"
    EARLY_MEDIA = "early-media"
    ANSWERED = "answered"
    HELD = "held"
    ENDED = "ended"


_TALKING = (State.ANSWERED, State.HELD)


@dataclass(slots=True)
class CallMachine:
    """Decide what one call does next. `handle` and `tick` return effects to carry out in order."""

    order: CallOrder
    now: float
    state: State = State.TRYING
    wave: int = -1
    live: set[str] = field(default_factory=set)
    "Names of the legs that have not ended."
    winner: str | None = None
    "The callee's leg that is (or is to be) bridged to the caller."
    transfer: Transfer | None = None
    failure: LegEnded | None = None
    "Of the attempts that failed, the one the caller should hear of."
    redirects: list[LegEnded] = field(default_factory=list)
    "Legs of this wave that answered 3xx and wait to be followed (RFC 3261 section 16.7)."
    asking: LegEnded | None = None
    "The redirect that the engine was asked about."
    held: set[str] = field(default_factory=set)
    termination: Termination | None = None
    finished: bool = False
    _ring_deadline: float = 0.0
    _duration_deadline: float | None = None
    _clearing_deadline: float | None = None
    _labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for wave in self.order.waves:
            self._labels |= {leg.name: leg.label for leg in wave.legs}

    @property
    def is_talking(self) -> bool:
        """Whether the call has been answered and has not ended, held or not."""
        return self.state in _TALKING

    def start(self, hung_up: HangUpOrdered | None = None) -> list[Effect]:
        """Take the caller's INVITE: dial the first wave, unless the call was ended already."""
        self.live.add("A")
        if hung_up is not None:
            return self.handle(hung_up, self.now)
        self._ring_deadline = self.now + self.order.ring_timeout_s
        return self._next_wave()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Return what follows from one event at time `now`, in seconds."""
        self.now = now
        if self.finished:
            return []
        match event:
            case LegProgress() | LegAnswered() | LegEnded() | LegWithoutMedia() | DialFailed():
                return self._of_leg(event)
            case CallerMatched():
                return self._caller_matched(event)
            case HoldChanged():
                return self._hold(event)
            case DigitReceived():
                return self._digit(event)
            case _:
                return self._ordered(event)

    def _ordered(self, event: HangUpOrdered | TransferOrdered | RedirectDecided) -> list[Effect]:
        """Take what the engine says."""
        match event:
            case TransferOrdered():
                return self._transfer_ordered(event)
            case RedirectDecided():
                return self._redirect_decided(event)
            case HangUpOrdered():
                return self._end(Termination(event.by, event.reason, event.code, event.advice))

    def _of_leg(
        self, event: LegProgress | LegAnswered | LegEnded | LegWithoutMedia | DialFailed
    ) -> list[Effect]:
        match event:
            case LegProgress():
                return self._progress(event)
            case LegAnswered():
                return self._answered(event.leg)
            case LegEnded():
                return self._leg_ended(event)
            case LegWithoutMedia():
                return self._without_media(event.leg)
            case DialFailed():
                return self._dial_failed(event)

    def next_deadline(self) -> float | None:
        """Return when `tick` must be called at the latest, in seconds, or None."""
        if self.state is State.ENDED:
            return self._clearing_deadline
        if self.state in _TALKING:
            ends = (self._duration_deadline, self.transfer.deadline if self.transfer else None)
            return min((end for end in ends if end is not None), default=None)
        return self._ring_deadline

    def tick(self, now: float) -> list[Effect]:
        """Return what follows from time having passed."""
        self.now = now
        if self.finished:
            return []
        if self.state is State.ENDED:
            return self._finish() if _passed(self._clearing_deadline, now) else []
        if self.state in _TALKING:
            if _passed(self._duration_deadline, now):
                return self._too_long()
            return self._of_transfer(lambda transfer: transfer.tick(now))
        return self._no_answer() if _passed(self._ring_deadline, now) else []

    # Setting up

    def _next_wave(self) -> list[Effect]:
        self.wave += 1
        legs = self.order.waves[self.wave].legs
        self.live.update(leg.name for leg in legs)
        return [Dial(leg, self.order.waves[self.wave].vn_b) for leg in legs]

    def _progress(self, event: LegProgress) -> list[Effect]:
        if event.leg not in self.live:
            return []
        if self.transfer is not None and self.transfer.owns(event.leg):
            return self.transfer.progress(event)
        if self.state in (*_TALKING, State.ENDED):
            return []
        alone = len(self.order.waves[self.wave].legs) == 1
        if event.early_media and alone and self.state is not State.EARLY_MEDIA:
            note = Note("early-media", event.leg, f"{self._label(event.leg)} sends early media.")
            return [*self._become(State.EARLY_MEDIA), note, RingCaller(183, event.leg)]
        if event.code < 180 or self.state is not State.TRYING:
            return []
        note = Note("ringing", event.leg, f"{self._label(event.leg)} is ringing.")
        return [*self._become(State.RINGING), note, RingCaller(180, None)]

    def _answered(self, leg: str) -> list[Effect]:
        if leg == "A" or leg not in self.live:
            return []
        if self.transfer is not None and self.transfer.owns(leg):
            return self._of_transfer(lambda transfer: transfer.leg_answered(leg, self.now))
        if self.state in (*_TALKING, State.ENDED):
            return [] if leg == self.winner else [HangUp(leg, 487, "")]
        self.winner = leg
        self._duration_deadline = self.now + self.order.max_duration_s
        others = self.live - {"A", leg}
        return [
            *(HangUp(other, 487, ELSEWHERE) for other in sorted(others)),
            *self._become(State.ANSWERED),
            Note("answered", leg, f"{self._label(leg)} answered."),
            Bridge(leg),
            AnswerCaller(),
            *self._suit(),
        ]  # fmt: skip

    def _suit(self) -> list[Effect]:
        """Have the caller's leg suit a callee it was forwarded to: it was answered for the first.

        pjsip makes the answer when the INVITE arrives; another one takes a re-INVITE.
        """
        wanted = self.order.waves[self.wave].vn_a
        return [MatchCaller(wanted)] if wanted != self.order.waves[0].vn_a else []

    def _caller_matched(self, event: CallerMatched) -> list[Effect]:
        if self.transfer is not None or event.agreed or self.state not in _TALKING:
            return self._of_transfer(lambda transfer: transfer.caller_matched(event))
        vn_a = self.order.waves[self.wave].vn_a
        label = self._label(self.winner or "")
        return self._end(terminations.codecs_refused_by_caller(label, vn_a, event.code))

    def _no_answer(self) -> list[Effect]:
        ended = terminations.no_answer(self._wave_label(), self.order.ring_timeout_s)
        return self._end(ended, cause=NO_ANSWER_CAUSE)

    # Ending

    def _leg_ended(self, event: LegEnded) -> list[Effect]:
        if event.leg not in self.live:
            return []
        self.live.discard(event.leg)
        if self.state is State.ENDED:
            return self._finish() if not self.live else []
        if event.leg == "A":
            return self._end(self._caller_left(event))
        if self.winner == event.leg:
            return self._callee_left(event)
        if self.transfer is not None and self.transfer.owns(event.leg):
            return self._of_transfer(lambda transfer: transfer.leg_ended(event, self._room()))
        return [] if self.state in _TALKING else self._attempt_failed(event)

    def _attempt_failed(self, event: LegEnded) -> list[Effect]:
        notes: list[Effect] = [attempt_note(self._label(event.leg), event)]
        if is_redirect(event):
            self.redirects.append(event)
        else:
            self.failure = better_failure(self.failure, event)
        if event.code >= 600:  # RFC 3261 section 16.7: stops every other branch too
            return [*notes, *self._callee_failed()]
        return notes if self.live - {"A"} else [*notes, *self._try_on()]

    def _dial_failed(self, event: DialFailed) -> list[Effect]:
        """An engine's fault ends the call, or the transfer it happened to, as what it is."""
        self.live.discard(event.leg)
        ended = terminations.dial_failed(self._label(event.leg), event.text)
        if self.transfer is not None and self.transfer.owns(event.leg):
            return self._of_transfer(lambda transfer: transfer.dial_failed(event.leg, ended.advice))
        if self.state is State.ENDED:
            return self._finish() if not self.live else []
        return self._end(ended)

    def _without_media(self, leg: str) -> list[Effect]:
        """Let nobody talk to a leg that can neither be heard nor hear."""
        if leg not in self.live or self.state is State.ENDED:
            return []
        if leg == "A":
            return self._end(terminations.no_answer_in_ack(), cause=88)
        return [HangUp(leg, 488, q850_reason(488))]  # its end tells the rest

    def _try_on(self) -> list[Effect]:
        """Go on once nobody rings any more: a redirect first, then the next wave."""
        if self.redirects:
            self.asking = asked = self.redirects.pop(0)
            return [RedirectWanted(asked.leg, asked.code, asked.redirects)]
        if self.wave + 1 < len(self.order.waves):
            return self._next_wave()
        return self._callee_failed()

    def _redirect_decided(self, event: RedirectDecided) -> list[Effect]:
        asked, self.asking = self.asking, None
        if asked is None or asked.leg != event.leg or self.state is State.ENDED:
            return []
        if not event.waves:
            asked = dataclasses.replace(asked, not_followed=event.why)
            self.failure = better_failure(self.failure, asked)
            return [redirect_note(self._label(asked.leg), asked), *self._try_on()]
        before, after = self.order.waves[: self.wave + 1], self.order.waves[self.wave + 1 :]
        self.order = dataclasses.replace(self.order, waves=(*before, *event.waves, *after))
        for wave in event.waves:
            self._labels |= {leg.name: leg.label for leg in wave.legs}
        return self._next_wave()

    def _callee_failed(self) -> list[Effect]:
        failure = self.failure
        assert failure is not None
        wave, leg = next(
            (wave, leg) for wave in self.order.waves for leg in wave.legs if leg.name == failure.leg
        )
        return self._end(callee_termination(leg, failure, wave.vn_b))

    def _caller_left(self, event: LegEnded) -> Termination:
        if self.order.offered is None and event.code in terminations.NO_COMMON_CODEC_IN_ACK:
            return terminations.no_common_codec_in_ack(self.order.waves[self.wave].vn_a)
        if self.state in _TALKING:
            return terminations.left("caller", "The caller", event)
        return terminations.caller_left_unanswered(event)

    def _callee_left(self, event: LegEnded) -> list[Effect]:
        if self.transfer is None:
            return self._end(terminations.left("callee", self._label(event.leg), event))
        self.winner = None
        self.held.discard(event.leg)
        text = f"{self._label(event.leg)} left; the caller waits for {self.transfer.label}."
        return [Note("callee-left", event.leg, text), *self._talking_state()]

    def _too_long(self) -> list[Effect]:
        return self._end(terminations.max_duration(self.order.max_duration_s))

    def _end(self, termination: Termination, *, cause: int | None = None) -> list[Effect]:
        if self.state is State.ENDED:
            return []
        talking = self.state in _TALKING
        self.termination = termination
        self.transfer = self.asking = None
        self._clearing_deadline = self.now + CLEARING_TIMEOUT_S
        code = termination.code
        reason = q850_reason(code, cause or (16 if talking else None))
        effects: list[Effect] = self._become(State.ENDED)
        for leg in sorted(self.live):
            if leg == "A" and not talking:
                effects.append(DeclineCaller(code if code >= 400 else 480, reason))
            elif talking and leg in ("A", self.winner):
                effects.append(HangUp(leg, code, reason))
            else:
                effects.append(HangUp(leg, 487, ""))
        return effects if self.live else [*effects, *self._finish()]

    def _finish(self) -> list[Effect]:
        self.finished = True
        assert self.termination is not None
        return [Finish(self.termination)]

    # While talking

    def _hold(self, event: HoldChanged) -> list[Effect]:
        if event.leg not in self.live or (event.leg in self.held) is event.held:
            return []
        (self.held.add if event.held else self.held.discard)(event.leg)
        word = "put the call on hold" if event.held else "resumed the call"
        kind = "hold" if event.held else "resume"
        note = Note(kind, event.leg, f"{self._label(event.leg)} {word}.")
        return [note, *self._talking_state()]

    def _talking_state(self) -> list[Effect]:
        """Tell hold from talk by the two parties alone, not by those who are rung meanwhile."""
        if self.state not in _TALKING:
            return []
        held = self.held & {"A", self.winner}
        return self._become(State.HELD if held else State.ANSWERED)

    def _digit(self, event: DigitReceived) -> list[Effect]:
        other = self.winner if event.leg == "A" else "A"
        if self.state not in _TALKING or other is None or event.leg not in ("A", self.winner):
            return []
        # Which key it was stays out of the record: people type PINs.
        text = f"{self._label(event.leg)} pressed a key; passed on."
        return [Note("dtmf", event.leg, text), SendDigit(other, event.digit)]

    # Transfer

    def _transfer_ordered(self, event: TransferOrdered) -> list[Effect]:
        if self.state is State.ENDED:
            return []
        if self.transfer is not None:
            text = "Not transferred: another transfer of this call is under way. Wait for its end."
            return [Note("transfer-failed", "", text)]
        if self.state not in _TALKING:
            text = "Not transferred: nobody has answered the call yet. Transfer it once they talk."
            return [Note("transfer-failed", "", text), TransferEnded(None)]
        self.transfer = Transfer(event.order, self.now + event.order.ring_timeout_s)
        for wave in event.order.waves:
            self._labels |= {leg.name: leg.label for leg in wave.legs}
        return self._of_transfer(lambda transfer: transfer.next_wave(self._room()))

    def _of_transfer(self, step: Callable[[Transfer], list[Effect]]) -> list[Effect]:
        transfer = self.transfer
        if transfer is None:
            return []
        effects = step(transfer)
        self.live |= {effect.leg.name for effect in effects if isinstance(effect, Dial)}
        match transfer.outcome:
            case Succeeded(leg, vn_a):
                self.transfer = None
                return [*effects, *self._transferred(leg, vn_a)]
            case Failed():
                self.transfer = None
                return [*effects, *self._not_transferred(transfer, transfer.outcome)]
        return effects

    def _transferred(self, leg: str, vn_a: tuple[str, ...]) -> list[Effect]:
        old, self.winner = self.winner, leg
        if old is not None:
            self.held.discard(old)
        text = f"The caller now talks to {self._label(leg)}"
        text += f" instead of {self._label(old)}." if old is not None else "."
        return [
            Bridge(leg),
            *([HangUp(old, 200, q850_reason(200, 16))] if old is not None else []),
            TransferEnded(leg, vn_a),
            *self._talking_state(),
            Note("transferred", leg, text),
        ]

    def _not_transferred(self, transfer: Transfer, failed: Failed) -> list[Effect]:
        what = f"Not transferred to {transfer.order.to}: {failed.advice} Rule: {failed.reason}."
        if self.winner is not None:
            text = f"{what} The call goes on as it was."
            return [Note("transfer-failed", "", text), TransferEnded(None)]
        note = Note("transfer-failed", "", f"{what} Nobody is left for the caller.")
        advice = f"The callee left while the call was being transferred. {failed.advice}"
        return [note, *self._end(Termination("engine", "transfer-failed", failed.code, advice))]

    def _room(self) -> int:
        return LEGS_PER_PROCESS - len(self.live)

    def _become(self, state: State) -> list[Effect]:
        if state is self.state:
            return []
        self.state = state
        return [StateChanged(state.value)]

    def _label(self, name: str) -> str:
        return "The caller" if name == "A" else self._labels.get(name) or f"Leg {name}"

    def _wave_label(self) -> str:
        return self.order.waves[self.wave].legs[0].label


def _passed(deadline: float | None, now: float) -> bool:
    return deadline is not None and now >= deadline
