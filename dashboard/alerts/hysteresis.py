"""When an alert begins and when it is over. Pure: time comes in, in steady seconds."""

from collections.abc import Collection
from dataclasses import dataclass, field

HELD_S = 30.0
"What is said for so long, at every look, is told."
AWAY_S = 60.0
"What was told and is not said for so long is over."


@dataclass(slots=True)
class Hysteresis:
    """What one process has seen come and go. What is open is kept elsewhere, for all of them."""

    held_s: float = HELD_S
    away_s: float = AWAY_S
    _said_since: dict[str, float] = field(default_factory=dict)
    "When what is not open was said first, without a break."
    _away_since: dict[str, float] = field(default_factory=dict)
    "When what is open was first not said, without a break."

    def look(
        self,
        now_s: float,
        *,
        said: Collection[str],
        open_: Collection[str],
        unknown: Collection[str] = (),
    ) -> tuple[list[str], list[str]]:
        """Return which alerts begin now, and which are over.

        Args:
            now_s: steady seconds; not smaller than the last time.
            said: keys of what is said now.
            open_: keys of what was told and is not over.
            unknown: keys of which nothing is known now; their time begins anew.
        """
        begin = [key for key in said if key not in open_ and key not in unknown]
        end = [key for key in open_ if key not in said and key not in unknown]
        self._said_since = {key: self._said_since.get(key, now_s) for key in begin}
        self._away_since = {key: self._away_since.get(key, now_s) for key in end}
        return (
            [key for key, since_s in self._said_since.items() if now_s - since_s >= self.held_s],
            [key for key, since_s in self._away_since.items() if now_s - since_s >= self.away_s],
        )
