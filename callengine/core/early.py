"""What a caller hears before the answer: ringing, or what the callee sends by then. Pure."""

from callengine.core.attempts import Attempts
from callengine.core.effects import Bridge, Effect, Note, PlayRinging, RingCaller
from callengine.core.events import LegProgress
from callengine.core.parties import CALLER
from callengine.core.states import CallState

NOT_RINGING = {
    181: "says that the call is being forwarded (181)",
    182: "has put the call into a queue (182)",
}
"Passed on as they are: nobody rings by them (RFC 3261 section 21.1)."


class BeforeAnswer:
    """Decides it for one call, by whom its `attempts` ring."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self.leg: str | None = None
        "The leg whose early media the caller hears."
        self._held_back: set[str] = set()
        "Legs whose early media the caller does not hear."
        self._told: set[tuple[str, int]] = set()
        "Legs, and what of theirs the caller has been told that is not ringing."
        self._hears_ringing = False
        "Whether ringing is played to a caller that heard early media of a leg that is gone."

    def take(self, event: LegProgress, state: CallState) -> tuple[CallState, list[Effect]]:
        """Return the call's state after a provisional response, and what the caller is told."""
        leg = event.leg
        if event.code in NOT_RINGING:
            return state, self._tell(leg, event.code, state)
        if event.early_media and self._attempts.order_of(leg).holds_back_early_media:
            state, ringing = self._ring(leg, state)
            return state, [*ringing, *self._hold_back(leg)]
        # Of several that ring, none may speak before it answers (RFC 3960 section 3.1).
        alone = len(self._attempts.wave.legs) == 1
        if event.early_media and alone and leg != self.leg:
            is_first = state is not CallState.EARLY_MEDIA
            self.leg, self._hears_ringing = leg, False
            text = f"{self._attempts.label_of(leg)} sends early media."
            # Its device was answered early once, by whom another was rung after in vain.
            heard = RingCaller(183, leg) if is_first else Bridge(leg)
            return CallState.EARLY_MEDIA, [Note("early-media", leg, text), heard]
        return self._ring(leg, state)

    def _ring(self, leg: str, state: CallState) -> tuple[CallState, list[Effect]]:
        if state is CallState.EARLY_MEDIA and leg != self.leg and not self._hears_ringing:
            self._hears_ringing = True
            return state, [self._attempts.ringing(leg), PlayRinging(CALLER)]
        if state is not CallState.TRYING:
            return state, []
        return CallState.RINGING, [self._attempts.ringing(leg), RingCaller(180, None)]

    def _tell(self, leg: str, code: int, state: CallState) -> list[Effect]:
        """Say once of a leg what is being done with the call, unless the caller hears more."""
        if (leg, code) in self._told:
            return []
        self._told.add((leg, code))
        note = Note("attempt-progress", leg, f"{self._attempts.label_of(leg)} {NOT_RINGING[code]}.")
        return [note] if state is CallState.EARLY_MEDIA else [note, RingCaller(code, None)]

    def _hold_back(self, leg: str) -> list[Effect]:
        """Say once of a leg that its early media is not heard."""
        if leg in self._held_back:
            return []
        self._held_back.add(leg)
        text = "sends early media, which is held back: the caller hears ringing"
        return [Note("early-media", leg, f"{self._attempts.label_of(leg)} {text}.")]
