"""The state of one call, without any I/O: events in, effects out, time as an argument.

The call process feeds it what its legs report and carries out what it answers.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from callengine.core.causes import NO_ANSWER_CAUSE, better_failure, callee_termination, q850_reason
from callengine.core.effects import (
    AnswerCaller,
    Bridge,
    DeclineCaller,
    Dial,
    Effect,
    Finish,
    HangUp,
    Note,
    RingCaller,
    SendDigit,
    StateChanged,
)
from callengine.core.events import (
    DigitReceived,
    Event,
    HangUpOrdered,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegProgress,
)
from callengine.core.orders import CallOrder, LegOrder
from callengine.core.outcomes import EndedBy, Termination

CLEARING_TIMEOUT_S = 4.0
"How long legs may take to confirm their end before the call is closed without them."


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
    failure: int | None = None
    held: set[str] = field(default_factory=set)
    termination: Termination | None = None
    finished: bool = False
    _ring_deadline: float = 0.0
    _duration_deadline: float | None = None
    _clearing_deadline: float | None = None

    def start(self) -> list[Effect]:
        """Take the caller's INVITE: dial the first wave."""
        self.live.add("A")
        self._ring_deadline = self.now + self.order.ring_timeout_s
        return self._next_wave()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Return what follows from one event at time `now`, in seconds."""
        self.now = now
        if self.finished:
            return []
        match event:
            case LegProgress():
                return self._progress(event)
            case LegAnswered():
                return self._answered(event.leg)
            case LegEnded():
                return self._leg_ended(event)
            case HoldChanged():
                return self._hold(event)
            case DigitReceived():
                return self._digit(event)
            case HangUpOrdered():
                return self._end(Termination(event.by, event.reason, event.code, event.advice))

    def next_deadline(self) -> float | None:
        """Return when `tick` must be called at the latest, in seconds, or None."""
        if self.state is State.ENDED:
            return self._clearing_deadline
        if self.state in _TALKING:
            return self._duration_deadline
        return self._ring_deadline

    def tick(self, now: float) -> list[Effect]:
        """Return what follows from time having passed."""
        self.now = now
        if self.finished:
            return []
        if self.state is State.ENDED:
            return self._finish() if _passed(self._clearing_deadline, now) else []
        if self.state in _TALKING:
            return self._too_long() if _passed(self._duration_deadline, now) else []
        return self._no_answer() if _passed(self._ring_deadline, now) else []

    # Setting up

    def _next_wave(self) -> list[Effect]:
        self.wave += 1
        legs = self.order.waves[self.wave].legs
        self.live.update(leg.name for leg in legs)
        return [Dial(leg, self.order.waves[self.wave].vn_b) for leg in legs]

    def _progress(self, event: LegProgress) -> list[Effect]:
        if self.winner is not None or self.state is State.ENDED or event.leg not in self.live:
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
        if self.winner is not None or self.state is State.ENDED:
            return [HangUp(leg, 487, "")]
        self.winner = leg
        self._duration_deadline = self.now + self.order.max_duration_s
        others = self.live - {"A", leg}
        return [
            *(HangUp(other, 487, 'SIP;cause=200;text="Call completed elsewhere"')
              for other in sorted(others)),
            *self._become(State.ANSWERED),
            Note("answered", leg, f"{self._label(leg)} answered."),
            Bridge(leg),
            AnswerCaller(),
        ]  # fmt: skip

    def _no_answer(self) -> list[Effect]:
        label = self._wave_label()
        return self._end(
            Termination(
                "engine",
                "no-answer",
                480,
                f"{label} did not answer within {self.order.ring_timeout_s:g} s. "
                "Try later, or raise the ring timeout.",
            ),
            cause=NO_ANSWER_CAUSE,
        )

    def _worse(self, code: int) -> int:
        return code if self.failure is None else better_failure(self.failure, code)

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
            return self._end(self._callee_left(event))
        if self.winner is not None:
            return []
        return self._attempt_failed(event)

    def _attempt_failed(self, event: LegEnded) -> list[Effect]:
        self.failure = self._worse(event.code)
        label = self._label(event.leg)
        notes: list[Effect] = [
            Note("attempt-failed", event.leg, f"{label}: {event.code} {event.text}.")
        ]
        if event.code >= 600:  # RFC 3261 section 16.7: stops every other branch too
            return [*notes, *self._callee_failed(label)]
        if self.live - {"A"}:
            return notes
        if self.wave + 1 < len(self.order.waves):
            return [*notes, *self._next_wave()]
        return [*notes, *self._callee_failed(label)]

    def _callee_failed(self, label: str) -> list[Effect]:
        vn_b = self.order.waves[self.wave].vn_b
        return self._end(callee_termination(label, self.failure or 480, vn_b))

    def _caller_left(self, event: LegEnded) -> Termination:
        # pjsip's own code for an answer in the ACK that shares nothing is 415.
        if event.code == 488 or (event.code == 415 and self.order.offered is None):
            return Termination(
                "caller", "no-common-codec-caller", 488,
                "The caller's answer held none of our codecs "
                f"{', '.join(self.order.waves[self.wave].vn_a)}. Add one of its codecs.",
            )  # fmt: skip
        if self.state in _TALKING:
            return _left("caller", "The caller", event)
        return Termination(
            "caller", "caller-cancelled", 487, "The caller gave up before anybody answered."
        )

    def _callee_left(self, event: LegEnded) -> Termination:
        return _left("callee", self._label(event.leg), event)

    def _too_long(self) -> list[Effect]:
        limit = self.order.max_duration_s
        advice = (
            f"The call reached its longest duration, {limit:g} s. Raise the limit if it should."
        )
        return self._end(Termination("engine", "max-duration", 200, advice))

    def _end(self, termination: Termination, *, cause: int | None = None) -> list[Effect]:
        if self.state is State.ENDED:
            return []
        talking = self.state in _TALKING
        self.termination = termination
        self._clearing_deadline = self.now + CLEARING_TIMEOUT_S
        code = termination.code
        reason = q850_reason(16 if talking else code, 16 if talking else cause)
        effects: list[Effect] = self._become(State.ENDED)
        for leg in sorted(self.live):
            if leg == "A" and not talking:
                effects.append(DeclineCaller(code if code >= 400 else 480, reason))
            else:
                effects.append(HangUp(leg, 487 if not talking else code, reason if talking else ""))
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
        if self.state not in _TALKING:
            return [note]
        return [note, *self._become(State.HELD if self.held else State.ANSWERED)]

    def _digit(self, event: DigitReceived) -> list[Effect]:
        other = self.winner if event.leg == "A" else "A"
        if self.state not in _TALKING or other is None or event.leg not in ("A", self.winner):
            return []
        # Which key it was stays out of the record: people type PINs.
        text = f"{self._label(event.leg)} pressed a key; passed on."
        return [Note("dtmf", event.leg, text), SendDigit(other, event.digit)]

    def _become(self, state: State) -> list[Effect]:
        if state is self.state:
            return []
        self.state = state
        return [StateChanged(state.value)]

    def _leg(self, name: str) -> LegOrder | None:
        legs = (leg for wave in self.order.waves for leg in wave.legs)
        return next((leg for leg in legs if leg.name == name), None)

    def _label(self, name: str) -> str:
        leg = self._leg(name)
        return "The caller" if leg is None else leg.label or f"Leg {name}"

    def _wave_label(self) -> str:
        return self.order.waves[self.wave].legs[0].label


def _left(by: EndedBy, who: str, event: LegEnded) -> Termination:
    if event.code in (200, 487, 603) or event.by_peer:
        return Termination(by, f"{by}-hung-up", 200, f"{who} hung up: a normal end.")
    return Termination(
        by,
        f"{by}-lost",
        event.code,
        f"{who} stopped answering ({event.code} {event.text}). Check its network.",
    )


def _passed(deadline: float | None, now: float) -> bool:
    return deadline is not None and now >= deadline
