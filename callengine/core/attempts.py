"""Ring targets, wave by wave, until one answers or nobody is left. Pure.

A call and a transfer of it ring by the same rules (RFC 3261 section 16.7, as a proxy that forks
in sequence): both hand over what concerns the targets and read `outcome` afterwards.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from callengine.core import terminations
from callengine.core.causes import (
    NO_ANSWER_CODE,
    attempt_note,
    better_failure,
    callee_termination,
    is_redirect,
    is_worse,
    redirect_note,
)
from callengine.core.effects import Dial, Effect, EndLeg, Note, RedirectWanted
from callengine.core.events import LegEnded, LegProgress, RedirectDecided
from callengine.core.limits import LEGS_PER_PROCESS
from callengine.core.orders import LegOrder, WaveOrder
from callengine.core.outcomes import Termination

MAX_RINGING_S = 180.0
"""How long several waves may ring altogether: a proxy before the caller gives up then (Timer C, RFC
3261 section 16.6). A single ring time-out that is longer holds all the same."""
CLEARING_TIMEOUT_S = 4.0
"How long legs may take to confirm their end before it is gone on without them."
REST_S = 1.0
"Between two waves, the first of which was cancelled: pjsua frees a slot after it reports the end."
DECISION_TIMEOUT_S = 10.0
"How long the engine may take to say whether a redirect is followed."
_BUSY = (486, 600)
_CREDENTIALS = (401, 407)
_ELSEWHERE = (408, 430)
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@dataclass(frozen=True, slots=True)
class Answered:
    """A target has answered; the others have been told to stop."""

    leg: str


def orders_of(waves: Iterable[WaveOrder]) -> dict[str, LegOrder]:
    """Return the order of each leg, by its name."""
    return {leg.name: leg for wave in waves for leg in wave.legs}


def may_fail_over(event: LegEnded) -> bool:
    """Tell whether another gateway may do better: this one is down, or does not take our calls.

    Anything else is what the callee or their network said of the number (RFC 3261 section 16.7).
    """
    return event.code in _ELSEWHERE + _CREDENTIALS or 500 <= event.code < 600


class Attempts:
    """The targets of one order. A wave without a time of its own rings for `ring_timeout_s`.

    `unfollowed` says why redirects are not followed, if they are not; else the engine is asked.
    `room` is always how many more legs the call's process can hold.
    """

    def __init__(
        self, waves: tuple[WaveOrder, ...], *, ring_timeout_s: float, unfollowed: str = ""
    ) -> None:
        assert waves
        self.outcome: Answered | Termination | None = None
        self.deadline = float("inf")
        "When `tick` is due, in seconds."
        self._waves = waves
        self._ring_timeout_s = ring_timeout_s
        self._unfollowed = unfollowed
        self._index = -1
        self._until = float("inf")
        "When the last wave must have rung."
        self._orders: dict[str, LegOrder] = {}
        self._ringing: set[str] = set()
        "Targets that may still answer."
        self._stopped: set[str] = set()
        "Targets that rang in vain and have not confirmed their end."
        self._stopped_at = 0.0
        self._reached: set[str] = set()
        "Numbers whose callee a carrier has rung or spoken for: no other gateway rings them anew."
        self._dead: set[str] = set()
        "Places where nobody could be reached: no other name for one of them is waited for."
        self._was_busy = False
        "Whether a target was: then those are rung that stand in for it."
        self._in_vain: list[str] = []
        "Whom nobody answered for, wave by wave."
        self._rang_s = 0.0
        "How long each of them was rung, at most."
        self._failure: LegEnded | None = None
        "Of the attempts that failed, the one the caller should hear of."
        self._redirects: list[LegEnded] = []
        "Legs of this wave that answered 3xx and wait to be followed."
        self._asked: LegEnded | None = None
        "The redirect that the engine was asked about."

    @property
    def wave(self) -> WaveOrder:
        """The wave that rings now, or rang last."""
        return self._waves[max(self._index, 0)]

    @property
    def rest(self) -> tuple[WaveOrder, ...]:
        """The waves that would be rung next."""
        return tuple(self._waves[at] for at in self._upcoming())

    @property
    def label(self) -> str:
        """What a person calls whoever is rung now, or was last."""
        return self.label_of(self.wave.legs[0].name)

    def label_of(self, leg: str) -> str:
        """Return what a person calls a leg that was dialled here."""
        order = self._orders.get(leg)
        return (order.label if order else "") or f"Leg {leg}"

    def ringing(self, leg: str) -> Note:
        """Return what is noted of a leg that is called; an agent has no bell."""
        order = self._orders.get(leg)
        is_agent = order is not None and order.agent is not None
        what = "is being connected" if is_agent else "is ringing"
        return Note("ringing", leg, f"{self.label_of(leg)} {what}.")

    def order_of(self, leg: str) -> LegOrder:
        """Return the order of a leg that was dialled here."""
        return self._orders[leg]

    def owns(self, leg: str) -> bool:
        """Tell whether this leg was dialled here."""
        return leg in self._orders

    def start(self, now: float, room: int) -> list[Effect]:
        """Dial the first wave."""
        longest_s = max(map(self._rings_s, self._waves))
        self._until = now + max(longest_s, MAX_RINGING_S)
        return self._next_wave(now, room)

    def rings(self, event: LegProgress) -> bool:
        """Tell whether a provisional response shows that a target was reached.

        A 199 says that one of its dialogs is over (RFC 6228).
        """
        if event.leg not in self._ringing or event.code < 180 or event.code == 199:
            return False
        if number := self._number_of(event.leg):
            self._reached.add(number)
        return True

    def leg_answered(self, leg: str) -> list[Effect]:
        """Take the first answer; any other is hung up, also one that crossed our CANCEL."""
        if leg not in self._ringing or self.outcome is not None:
            return [EndLeg(leg, 487, "")]
        self.outcome = Answered(leg)
        others = sorted(self._ringing - {leg})
        self._ringing.clear()
        taken = self._orders[leg].is_taken_over
        text = "is taken over from its other call" if taken else "answered"
        return [
            *(EndLeg(other, 487, ELSEWHERE) for other in others),
            Note("answered", leg, f"{self.label_of(leg)} {text}."),
        ]

    def leg_ended(self, event: LegEnded, now: float, room: int) -> list[Effect]:
        """Take the end of a target's leg, and go on once nobody rings any more."""
        if event.leg in self._stopped:
            self._stopped.discard(event.leg)
            return self._cleared(now, room)
        if event.leg not in self._ringing:
            return []
        self._ringing.discard(event.leg)
        if (number := self._number_of(event.leg)) and not may_fail_over(event):
            self._reached.add(number)
        notes: list[Effect] = [attempt_note(self.label_of(event.leg), event)]
        notes += self._given_up(event)
        self._keep(event)
        self._was_busy |= event.code in _BUSY
        has_deputy = event.code in _BUSY and any(wave.when == "busy" for wave in self.rest)
        if event.code >= 600 and not has_deputy:  # RFC 3261 section 16.7: stops all branches
            self._fail(now)
            return notes
        return notes if self._ringing else [*notes, *self._go_on(now, room)]

    def dial_failed(self, leg: str, text: str) -> None:
        """Give up: our own side could not dial a target."""
        self._ringing.discard(leg)
        if self.outcome in (None, Answered(leg)):
            self.outcome = terminations.dial_failed(self.label_of(leg), text)

    def redirect_decided(self, event: RedirectDecided, now: float, room: int) -> list[Effect]:
        """Ring whom the engine names instead, as the next wave, or go on without."""
        asked = self._asked
        if asked is None or asked.leg != event.leg:
            return []
        self._asked = None
        if any(map(self._is_due, event.waves)):
            at = self._index + 1
            self._waves = (*self._waves[:at], *event.waves, *self._waves[at:])
            return self._next_wave(now, room)
        why = event.why or "that number has been called already"
        asked = dataclasses.replace(asked, not_followed=why)
        self._failure = better_failure(self._failure, asked)
        return [redirect_note(self.label_of(asked.leg), asked), *self._go_on(now, room)]

    def tick(self, now: float, room: int) -> list[Effect]:
        """Go on when a wave has rung long enough, or whoever is waited for says nothing."""
        if now < self.deadline or self.outcome is not None:
            return []
        if self._asked is not None:
            why = "the engine did not decide in time"
            return self.redirect_decided(RedirectDecided(self._asked.leg, (), why), now, room)
        return self._rang_in_vain(now) if self._ringing else self._cleared(now, room)

    def stop(self, reason: str = "") -> list[Effect]:
        """End every target's leg that has not ended; they are told `reason`."""
        legs = sorted(self._ringing)
        self._ringing.clear()
        return [EndLeg(leg, 487, reason) for leg in legs]

    def _next_wave(self, now: float, room: int) -> list[Effect]:
        self._index = next(iter(self._upcoming()), len(self._waves))
        legs, left_out = self.wave.legs[: max(room, 0)], self.wave.legs[max(room, 0) :]
        self._orders |= orders_of((self.wave,))
        self._ringing = {leg.name for leg in legs}
        self.deadline = min(now + self._rings_s(self.wave), self._until)
        if not legs:
            self._fail(now)
            return []
        notes: list[Effect] = []
        if left_out:
            text = f"{len(left_out)} more of {self.label} were left out: a call has room for "
            notes.append(Note("transfer", "", f"{text}{LEGS_PER_PROCESS} legs."))
        return [*notes, *(Dial(leg, self.wave.vn_b) for leg in legs)]

    def _rings_s(self, wave: WaveOrder) -> float:
        return wave.ring_timeout_s or self._ring_timeout_s

    def _upcoming(self) -> list[int]:
        """Return the places of the waves that may still be rung."""
        later = range(self._index + 1, len(self._waves))
        return [at for at in later if self._is_due(self._waves[at])]

    def _is_due(self, wave: WaveOrder) -> bool:
        if all(leg.place in self._dead for leg in wave.legs):
            return False
        return (self._was_busy or wave.when != "busy") and wave.dialled not in self._reached

    def _given_up(self, event: LegEnded) -> list[Effect]:
        """Take that a place is dead; return what is noted of the waves that lead there alone."""
        place = self._orders[event.leg].place
        if not (event.unreachable and place):
            return []
        before = self.rest
        self._dead.add(place)
        after = self.rest
        return [
            Note("attempt-failed", "", f"{gone.legs[0].label} was left out: it is at {place}, too.")
            for gone in before
            if gone not in after
        ]

    def _number_of(self, leg: str) -> str:
        """Return what was dialled there, if a trunk's gateway was asked for it."""
        waves = (wave for wave in self._waves if any(order.name == leg for order in wave.legs))
        return next((wave.dialled for wave in waves), "")

    def _keep(self, event: LegEnded) -> None:
        if not is_redirect(event):
            self._failure = better_failure(self._failure, event)
        elif self._unfollowed:
            event = dataclasses.replace(event, not_followed=self._unfollowed)
            self._failure = better_failure(self._failure, event)
        else:
            self._redirects.append(event)

    def _go_on(self, now: float, room: int) -> list[Effect]:
        """Go on once nobody rings any more: a redirect first, then the next wave."""
        if self._redirects:  # RFC 3261 section 16.7: once every branch has its final answer
            self._asked = asked = self._redirects.pop(0)
            self.deadline = now + DECISION_TIMEOUT_S
            return [RedirectWanted(asked.leg, asked.code, asked.redirects)]
        if self.rest and now < self._until:
            return self._next_wave(now, room)
        self._fail(now)
        return []

    def _rang_in_vain(self, now: float) -> list[Effect]:
        """Stop a wave that nobody answers; the next rings once its legs have cleared."""
        self._in_vain.append(self.label)
        self._rang_s = max(self._rang_s, self._rings_s(self.wave))
        if not self._may_go_on(now):
            self.outcome = self._no_answer(now)
            return []
        stop = self.stop()
        self._stopped = {effect.leg for effect in stop if isinstance(effect, EndLeg)}
        self._stopped_at = now
        self.deadline = now + REST_S
        text = f"{self.label} did not answer within {self._rings_s(self.wave):g} s."
        return [*stop, Note("attempt-failed", "", text)]

    def _cleared(self, now: float, room: int) -> list[Effect]:
        """Go on once a wave that was stopped has left, or has had the time to."""
        self.deadline = self._stopped_at + (CLEARING_TIMEOUT_S if self._stopped else REST_S)
        if now < self.deadline:
            return []
        self._stopped.clear()
        return self._go_on(now, room)

    def _may_go_on(self, now: float) -> bool:
        if self._redirects:
            return True
        return bool(self.rest) and now < self._until

    def _no_answer(self, now: float) -> Termination:
        is_cut = now >= self._until and len(self._in_vain) > 1
        return terminations.no_answer(
            self._in_vain,
            ring_timeout_s=self._rang_s,
            is_own=bool(self.wave.ring_timeout_s),
            longest_s=MAX_RINGING_S if is_cut else None,
        )

    def _fail(self, now: float) -> None:
        failure = self._failure
        if self._in_vain and (failure is None or is_worse(failure.code, NO_ANSWER_CODE)):
            self.outcome = self._no_answer(now)
        elif failure is None:
            self.outcome = terminations.no_room()
        else:
            wave = next(w for w in self._waves if any(leg.name == failure.leg for leg in w.legs))
            order = self._orders[failure.leg]
            self.outcome = callee_termination(order, failure, wave.vn_b)
