"""What a connection or a trunk may be used for, and how much of it: permissions and limits.

Values alone, as they were read for one call; what follows from them is in `denials`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from callengine.core.reasons import Rule

International = Literal["none", "listed", "all"]
SECOND_S = 1.0
MAX_PER_SECOND = 1000
"Calls of one label that are counted in a second: no limit is higher."
RETRY_AFTER_S = 5
"When somebody may try again who is refused for as many calls as allowed."


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one connection or trunk may; without any, everything."""

    international: International = "all"
    "Which calls out of the home country go through trunks."
    countries: tuple[str, ...] = ()
    "Of `listed`: ISO 3166-1 codes."
    premium_rate: bool = True
    calls_per_second: int | None = None
    daily_minutes: int | None = None
    "Of calls out through trunks."
    max_duration_s: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What is going on, by label such as `connection:alice` or `trunk:carrier-one`."""

    in_progress: Mapping[str, int] = field(default_factory=dict)
    "Live calls."
    last_second: Mapping[str, int] = field(default_factory=dict)
    "Calls begun in the last second."
    minutes_today: Mapping[str, float] = field(default_factory=dict)
    "Minutes talked through trunks since midnight, of those who have a limit."


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose permissions are asked for."""

    name: str
    "`Alice`, `The trunk carrier-one`."
    label: str
    permissions: Permissions


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call may not be made now."""

    code: int
    rule: Rule
    clause: str
    "What follows the name of whoever objects, without a full stop."
    mend: str
    retry_after_s: int | None = None

    def sentence(self, name: str) -> str:
        """Return the advice."""
        return f"{name} {self.clause}. {self.mend}"


@dataclass(frozen=True, slots=True)
class LongestCall:
    """How long a call may last, and by whose rule."""

    seconds: float
    why: str
    "What stands on record when it ends for that."
