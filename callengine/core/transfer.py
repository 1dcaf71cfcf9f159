"""One transfer of a call that talks: new targets are rung while the parties go on. Pure.

The call's machine hands over what concerns the targets and reads `outcome` afterwards; what then
becomes of the call is the machine's to decide.
"""

import dataclasses
from dataclasses import dataclass, field

from callengine.core.causes import attempt_note, better_failure, callee_termination, is_redirect
from callengine.core.effects import Dial, Effect, HangUp, MatchCaller, Note
from callengine.core.events import CallerMatched, LegEnded, LegProgress
from callengine.core.orders import LegOrder, TransferOrder, WaveOrder

MATCH_TIMEOUT_S = 8.0
"How long the caller's device may take to answer a re-offer, while the new callee waits."
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A target answered and the caller's leg suits it."""

    leg: str
    vn_a: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody takes the call over."""

    reason: str
    "Kebab-case, as in terminations."
    code: int
    advice: str


@dataclass(slots=True)
class Transfer:
    """Ring the targets of an order, wave by wave, until one takes the call or none is left."""

    order: TransferOrder
    deadline: float
    outcome: Succeeded | Failed | None = None
    wave: int = -1
    ringing: set[str] = field(default_factory=set)
    "Targets that may still answer."
    answered: str | None = None
    "The target that waits for the caller's leg to suit it."
    failure: LegEnded | None = None
    _dialled: dict[str, LegOrder] = field(default_factory=dict)
    _noted: bool = False

    @property
    def label(self) -> str:
        """What a person calls whoever is rung now, or was last."""
        return self._now.legs[0].label or self.order.to

    @property
    def _now(self) -> WaveOrder:
        return self.order.waves[max(self.wave, 0)]

    def owns(self, leg: str) -> bool:
        """Tell whether this transfer dialled the leg."""
        return leg in self._dialled

    def next_wave(self, room: int) -> list[Effect]:
        """Dial the next targets, at most `room` of them: a call process holds few legs."""
        self.wave += 1
        legs, left_out = self._now.legs[: max(room, 0)], self._now.legs[max(room, 0) :]
        self.ringing = {leg.name for leg in legs}
        self._dialled |= {leg.name: leg for leg in legs}
        notes: list[Effect] = []
        if left_out:
            text = (
                f"{len(left_out)} more of {self.label} were left out: a call has room for 4 legs."
            )
            notes.append(Note("transfer", "", text))
        if not legs:
            self.outcome = Failed(
                "no-room-for-another-leg",
                503,
                "Legs of this call that were given up are still clearing. Try again in a moment.",
            )
        return [*notes, *(Dial(leg, self._now.vn_b) for leg in legs)]

    def progress(self, event: LegProgress) -> list[Effect]:
        """Note once that a target rings."""
        if event.code < 180 or event.leg not in self.ringing or self._noted:
            return []
        self._noted = True
        return [Note("ringing", event.leg, f"{self._label(event.leg)} is ringing.")]

    def leg_answered(self, leg: str, now: float) -> list[Effect]:
        """Take the first answer; the caller's leg must suit the new callee before they meet."""
        if leg not in self.ringing or self.answered is not None:
            return [HangUp(leg, 487, "")]
        self.answered = leg
        others = sorted(self.ringing - {leg})
        self.ringing.clear()
        self.deadline = now + MATCH_TIMEOUT_S
        return [
            *(HangUp(other, 487, ELSEWHERE) for other in others),
            Note("answered", leg, f"{self._label(leg)} answered."),
            MatchCaller(self._now.vn_a),
        ]

    def caller_matched(self, event: CallerMatched) -> list[Effect]:
        """Take the answer to `MatchCaller`."""
        if self.answered is None or self.outcome is not None:
            return []
        if event.agreed:
            self.outcome = Succeeded(self.answered, self._now.vn_a)
            return []
        return self._unmatched(event.code)

    def leg_ended(self, event: LegEnded, room: int) -> list[Effect]:
        """Take the end of a target's leg."""
        if event.leg == self.answered:
            advice = f"{self._label(event.leg)} answered and left at once. Transfer again."
            self.outcome = Failed("callee-hung-up", 487, advice)
            return []
        if event.leg not in self.ringing:
            return []
        self.ringing.discard(event.leg)
        if is_redirect(event):
            why = "a transfer goes where its operator says. Transfer the call there instead"
            event = dataclasses.replace(event, not_followed=why)
        self.failure = failure = better_failure(self.failure, event)
        notes: list[Effect] = [attempt_note(self._label(event.leg), event)]
        is_final = event.code >= 600  # RFC 3261 section 16.7: stops every other branch too
        if self.ringing and not is_final:
            return notes
        if not is_final and self.wave + 1 < len(self.order.waves):
            return [*notes, *self.next_wave(room)]
        end = callee_termination(self._dialled[failure.leg], failure, self._now.vn_b)
        self.outcome = Failed(end.reason, end.code, end.advice)
        return [*notes, *self.stop()]

    def dial_failed(self, leg: str, advice: str) -> list[Effect]:
        """Give up: our own side could not dial a target."""
        self.ringing.discard(leg)
        if self.outcome is None:
            self.outcome = Failed("dial-failed", 500, advice)
        return self.stop()

    def tick(self, now: float) -> list[Effect]:
        """Give up once the deadline, in seconds, has passed."""
        if now < self.deadline:
            return []
        if self.answered is not None:
            return self._unmatched(408)
        self.outcome = Failed(
            "no-answer",
            480,
            f"{self.label} did not answer within {self.order.ring_timeout_s:g} s. "
            "Try later, or raise the ring timeout.",
        )
        return self.stop()

    def stop(self) -> list[Effect]:
        """End every target's leg that has not ended."""
        legs = sorted(self.ringing | ({self.answered} if self.answered else set()))
        self.ringing.clear()
        return [HangUp(leg, 487, "") for leg in legs]

    def _unmatched(self, code: int) -> list[Effect]:
        label, codecs = self._label(self.answered or ""), ", ".join(self._now.vn_a)
        if code == 491:
            advice = "The caller's device was changing the call just then. Transfer again."
        elif code == 408:
            advice = f"The caller's device did not answer our re-offer of {codecs} in time."
        else:
            advice = (
                f"{label} asks for {codecs} on the caller's leg, and the caller's device refused "
                f"them ({code}). Add the caller's codec to that list, or turn off forcing."
            )
        self.outcome = Failed("no-common-codec-caller", 488, advice)
        return self.stop()

    def _label(self, leg: str) -> str:
        order = self._dialled.get(leg)
        return (order.label if order else "") or f"Leg {leg}"
