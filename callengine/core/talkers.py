"""Which two legs of a call talk to each other, who holds, and who is still there. Pure."""

from callengine.core.effects import DeclineCaller, Effect, EndLeg
from callengine.core.parties import CALLER


class Talkers:
    """The two ends of one call.

    `near` is the caller, until a transfer connects its callee with somebody else; `far` is whom
    it talks to, None before the answer and once that party has left.
    """

    def __init__(self) -> None:
        self.near = CALLER
        self.far: str | None = None
        self.live: set[str] = set()
        "Names of the legs that have not ended."
        self._held: set[str] = set()

    @property
    def is_held(self) -> bool:
        """Whether one of the two holds; those who are rung meanwhile do not count."""
        return bool(self._held & {self.near, self.far})

    @property
    def on_hold(self) -> tuple[str, str] | None:
        """Who holds, and who waits for it meanwhile; None: neither, or both hold."""
        if self.far is None or self.holds(self.near) is self.holds(self.far):
            return None
        return (self.near, self.far) if self.holds(self.near) else (self.far, self.near)

    def facing(self, leg: str) -> str | None:
        """Return whom a leg talks to."""
        if leg == self.near:
            return self.far
        return self.near if leg == self.far else None

    def are(self, leg: str) -> bool:
        """Tell whether a leg is one of the two."""
        return leg in (self.near, self.far)

    def meet(self, near: str, far: str | None) -> str | None:
        """Have two legs talk from now on, or one wait; return who of the former two is neither."""
        before = {self.near, self.far} - {near, far, None}
        self.near, self.far = near, far
        left = next(iter(before), None)
        if left is not None:
            self._held.discard(left)
        return left

    def let_go(self, code: int, reason: str, *, was_talking: bool) -> list[Effect]:
        """Return what ends every leg: the two of them by this code and Reason, the others quietly.

        A caller that nobody has answered is declined.
        """
        effects: list[Effect] = []
        for leg in sorted(self.live):
            if leg == CALLER and not was_talking:
                effects.append(DeclineCaller(code if code >= 400 else 480, reason))
            elif was_talking and self.are(leg):
                effects.append(EndLeg(leg, code, reason))
            else:
                effects.append(EndLeg(leg, 487, ""))
        return effects

    def holds(self, leg: str) -> bool:
        """Tell whether a leg has put the other on hold."""
        return leg in self._held

    def hold(self, leg: str, *, is_held: bool) -> bool:
        """Take that a leg holds or has resumed; return whether that is news."""
        if leg not in self.live or (leg in self._held) is is_held:
            return False
        (self._held.add if is_held else self._held.discard)(leg)
        return True
