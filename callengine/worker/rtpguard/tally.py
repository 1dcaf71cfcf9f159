"""How many datagrams of others a leg's filter dropped. Pure.

The kernel counts a socket's drops in one number, whether its filter dropped them or its queue was
full or a checksum wrong. What was dropped so is counted too, for the whole machine, and the peer's
packets among them leave gaps in its stream. Whatever may have been so is left out: the count is
never too high. What the machine dropped is read once something was dropped here, not as each stream
begins; until then every gap may be one.
"""

from collections.abc import Callable
from dataclasses import dataclass

FIRST_REPORT = 25
"Half a second of audio; a few stray packets are not worth a line."
GROWTH = 10
"A next line is due when the count has grown so many times."
SETTLING_S = 1.0
"After a new description, how long packets of the old one may still be on their way."


@dataclass(slots=True)
class Tally:
    """Count for one leg; times in seconds."""

    elsewhere: int = 0
    reported: int = 0
    _due_at: int = FIRST_REPORT
    _dropped: int = 0
    _other_errors: int | None = None
    "As last read; None: not since the stream began."
    _lost: int = 0
    _settled_at: float = 0.0

    def start(self, dropped: int, now: float) -> None:
        """Count from here on: a stream begins."""
        self._dropped, self._other_errors, self._lost = dropped, None, 0
        self._settled_at = now + SETTLING_S

    def take(self, dropped: int, *, lost: int, now: float, others: Callable[[], int]) -> None:
        """Take the socket's drops and the stream's gaps; called once a second.

        `others` reads the machine's drops that were no filter's; it is asked only if need be.
        """
        gaps, self._lost = max(lost - self._lost, 0), lost
        new, self._dropped = max(dropped - self._dropped, 0), dropped
        if not new:
            return
        before, self._other_errors = self._other_errors, others()
        uncertain = gaps if before is None else min(self._other_errors - before, gaps)
        if now >= self._settled_at:
            self.elsewhere += max(new - max(uncertain, 0), 0)

    @property
    def is_due(self) -> bool:
        """Whether enough was dropped since the last line for another."""
        return self.elsewhere >= self._due_at

    def report(self) -> int:
        """Return the count for a line that is written now."""
        self.reported = self.elsewhere
        while self._due_at <= self.elsewhere:
            self._due_at *= GROWTH
        return self.elsewhere
