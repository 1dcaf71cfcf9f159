"""When to repeat a re-INVITE that met one of the peer's (RFC 3261 section 14.1). Pure."""

import random
from dataclasses import dataclass

MAX_TRIES = 4
_OWNER_WAITS_S = (2.1, 4.0)
_OTHER_WAITS_S = (0.0, 2.0)
_UNIT_S = 0.01


@dataclass(slots=True)
class Glare:
    """The wait of one leg after a 491; `owner` is whoever made up the dialog's Call-ID."""

    owner: bool
    again_at: float | None = None
    "When to try again, on the caller's clock; None while nothing waits."
    _tries: int = 0

    def met(self, now: float) -> bool:
        """Take a 491 at `now`, in seconds; return whether another try is worth it."""
        if self._tries >= MAX_TRIES:
            return False
        self._tries += 1
        low, high = _OWNER_WAITS_S if self.owner else _OTHER_WAITS_S
        steps = random.randint(round(low / _UNIT_S), round(high / _UNIT_S))  # noqa: S311
        self.again_at = now + steps * _UNIT_S
        return True

    def due(self, now: float) -> bool:
        """Tell, once, that the wait is over."""
        if self.again_at is None or now < self.again_at:
            return False
        self.again_at = None
        return True

    def over(self) -> None:
        """Take any other answer."""
        self.again_at, self._tries = None, 0
