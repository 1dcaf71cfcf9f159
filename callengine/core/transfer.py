"""One transfer of a call that talks: new targets are rung while the parties go on. Pure.

The call's machine hands over what concerns the targets and reads `outcome` afterwards; what then
becomes of the call is the machine's to decide.
"""

from dataclasses import dataclass

from callengine.core.agentends import agent_termination
from callengine.core.attempts import Answered, Attempts
from callengine.core.early import NOT_RINGING
from callengine.core.effects import Effect, EndLeg, MatchLeg
from callengine.core.events import LegEnded, LegMatched, LegProgress
from callengine.core.orders import CallOrder, TransferOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.parties import CALLER
from callengine.core.reasons import Reason
from callengine.core.terminations import codecs_refused_by_caller

MATCH_TIMEOUT_S = 8.0
"How long the caller's device may take to answer a re-offer, while the new callee waits."
_UNFOLLOWED = "a transfer goes where its operator says. Transfer the call there instead"


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A target answered and the caller's leg suits it."""

    leg: str
    wave: WaveOrder
    "It was rung in this one."
    rest: tuple[WaveOrder, ...] = ()
    "Whom nobody had to ring any more."


def fallback(order: CallOrder, waves: tuple[WaveOrder, ...]) -> TransferOrder:
    """Return the order to ring, for a caller who talked, those left of the call's own."""
    return TransferOrder(
        call=order.call,
        to=waves[0].legs[0].label,
        by="",
        waves=waves,
        ring_timeout_s=order.ring_timeout_s,
    )


class TransferMachine:
    """Ring the targets of an order until one takes the call or none is left.

    `outcome` is then the success, or why nobody takes it, in the words of terminations.
    """

    def __init__(
        self, order: TransferOrder, waiting: str = CALLER, *, is_fallback: bool = False
    ) -> None:
        """`is_fallback`: nobody ordered it, `order` is made of what is left of the call's own."""
        self.outcome: Succeeded | Termination | None = None
        self.to = order.to
        self.key = order.key
        self.referrer = order.referrer
        self.is_fallback = is_fallback
        self._waiting = waiting
        self._attempts = Attempts(
            order.waves, ring_timeout_s=order.ring_timeout_s, unfollowed=_UNFOLLOWED
        )
        self._answered: str | None = None
        "The target that waits for the caller's leg to suit it."
        self._match_deadline = 0.0
        self.is_ringing = False
        "Whether somebody has begun to ring, as the timeline says."

    @property
    def label(self) -> str:
        """What a person calls whoever is rung now, or was last."""
        return self._attempts.label

    @property
    def deadline(self) -> float:
        """When `tick` is due, in seconds."""
        return self._attempts.deadline if self._answered is None else self._match_deadline

    def owns(self, leg: str) -> bool:
        """Tell whether this transfer dialled the leg."""
        return self._attempts.owns(leg)

    def start(self, now: float, room: int) -> list[Effect]:
        """Dial the first targets, at most `room` of them: a call process holds few legs."""
        return self._went_on(self._attempts.start(now, room))

    def progress(self, event: LegProgress) -> list[Effect]:
        """Note once that a target rings."""
        if not self._attempts.rings(event) or self.is_ringing or event.code in NOT_RINGING:
            return []
        self.is_ringing = True
        return [self._attempts.ringing(event.leg)]

    def leg_answered(self, leg: str, now: float) -> list[Effect]:
        """Take the first answer; the leg that waits must suit the new callee before they meet."""
        if leg == self._answered:
            return []
        effects = self._attempts.leg_answered(leg)
        if self._answered is None and isinstance(self._attempts.outcome, Answered):
            self._answered = leg
            self._match_deadline = now + MATCH_TIMEOUT_S
            effects.append(MatchLeg(self._attempts.wave.vn_a, self._waiting))
        return effects

    def leg_matched(self, event: LegMatched) -> list[Effect]:
        """Take how the leg that waits answered `MatchLeg`."""
        if self._answered is None or self.outcome is not None:
            return []
        if event.agreed:
            wave, rest = self._attempts.wave, self._attempts.rest
            self.outcome = Succeeded(self._answered, wave, rest)
            return []
        return self._unmatched(event.code)

    def leg_ended(self, event: LegEnded, now: float, room: int) -> list[Effect]:
        """Take the end of a target's leg."""
        if event.leg == self._answered:
            if event.agent is not None:
                order = self._attempts.order_of(event.leg)
                self.outcome = agent_termination(order, event.agent, was_talking=True)
                return []
            who = self._attempts.label_of(event.leg)
            advice = f"{who} answered and left at once. Transfer again."
            self.outcome = Termination("callee", Reason.CALLEE_HUNG_UP, 487, advice)
            return []
        return self._went_on(self._attempts.leg_ended(event, now, room))

    def dial_failed(self, leg: str, text: str) -> list[Effect]:
        """Give up: our own side could not dial a target."""
        self._attempts.dial_failed(leg, text)
        return self._went_on([])

    def leg_failed(self, leg: str, end: Termination) -> list[Effect]:
        """Give up: our own side failed while it dealt with a target, however that now stands."""
        self.outcome = end
        stop = self._attempts.stop()
        if self._answered is not None:
            stop.append(EndLeg(self._answered, 487, ""))
        own = EndLeg(leg, 487, "")
        return [EndLeg(leg, end.code, ""), *(effect for effect in stop if effect != own)]

    def tick(self, now: float, room: int) -> list[Effect]:
        """Give up, or go on, once the deadline has passed."""
        if self._answered is None:
            return self._went_on(self._attempts.tick(now, room))
        return self._unmatched(408) if now >= self._match_deadline else []

    def _went_on(self, effects: list[Effect]) -> list[Effect]:
        """Take over that nobody takes the call."""
        if not isinstance(self._attempts.outcome, Termination):
            return effects
        self.outcome = self._attempts.outcome
        return [*self._attempts.stop(), *effects]

    def _unmatched(self, code: int) -> list[Effect]:
        assert self._answered is not None
        vn_a = self._attempts.wave.vn_a
        label, codecs = self._attempts.label_of(self._answered), ", ".join(vn_a)
        if code == 491:  # RFC 3261 section 14.1
            advice = "The caller's device was changing the call just then. Transfer again."
        elif code == 408:
            advice = f"The caller's device did not answer our re-offer of {codecs} in time."
        else:
            advice = codecs_refused_by_caller(label, vn_a, code).advice
        self.outcome = Termination("engine", Reason.NO_COMMON_CODEC_CALLER, 488, advice)
        return [EndLeg(self._answered, 487, "")]
